/** A collection as it was at an earlier revision: the present state with the log's changes since then taken back. */
import { expired } from "../../core/errors/status-error.ts";
import { type KindDefinition, resourceOf } from "../../core/kinds/define-kind.ts";
import type { KubeObject } from "../../core/meta/object.ts";
import type { Matcher } from "../../store/store.ts";
import type { ResourceServer } from "../resource-server.ts";

export interface ListedName {
	name: string;
	revision: number;
}

/** Names in order. Throws 410 when the log no longer reaches back to what a changed object was. */
export function namesAt(server: ResourceServer, kind: KindDefinition, revision: number, matcher: Matcher | undefined): ListedName[] {
	const resource = resourceOf(kind);
	const current = server.store.names(resource, matcher ? { matcher } : {});
	const changed = server.store.log.statesAt(resource, revision);
	const kept = current.filter(({ name }) => !changed.has(name));
	const restored = [...changed].flatMap(([name, state]) => restoredName(server, kind, name, state, matcher));
	return [...kept, ...restored].sort((a, b) => (a.name < b.name ? -1 : 1));
}

function restoredName(
	server: ResourceServer,
	kind: KindDefinition,
	name: string,
	state: number | "absent" | "unknown",
	matcher: Matcher | undefined,
): ListedName[] {
	if (state === "absent") return [];
	const body = state === "unknown" ? undefined : server.store.log.at(state);
	if (state === "unknown" || body === undefined) throw expired("The resourceVersion for the provided list is too old.");
	if (matcher !== undefined && !matcher.matches(name, server.summaryOf(kind, JSON.parse(body) as KubeObject))) return [];
	return [{ name, revision: state }];
}
