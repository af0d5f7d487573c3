/** What every verb gets. */
import type { FollowUp } from "../../core/admission/admission.ts";
import type { ApiRequest } from "../../core/api/request.ts";
import { notFound } from "../../core/errors/status-error.ts";
import type { KindDefinition } from "../../core/kinds/define-kind.ts";
import type { KubeObject } from "../../core/meta/object.ts";
import type { ResourceServer } from "../resource-server.ts";
import type { WriteOptions } from "../write.ts";
import { managerOf } from "./body.ts";

export interface VerbCall {
	server: ResourceServer;
	kind: KindDefinition;
	request: ApiRequest;
	warnings: string[];
	followUps: FollowUp[];
	/** For the audit log. */
	annotations: Record<string, string>;
}

export interface VerbResult {
	code: number;
	object: unknown;
}

export const groupResource = (kind: KindDefinition) => ({ group: kind.group, resource: kind.plural });

/** The object that the request names; throws NotFound. */
export function existing(call: VerbCall): KubeObject {
	const found = call.server.read(call.kind, call.request.name);
	if (found === undefined) throw notFound(groupResource(call.kind), call.request.name);
	return found;
}

export function writeOptions({ request, warnings, followUps, annotations }: VerbCall): WriteOptions {
	return {
		user: request.user,
		manager: managerOf(request),
		subresource: request.subresource,
		dryRun: request.query.dryRun === true,
		addWarning: (text) => {
			if (!warnings.includes(text)) warnings.push(text);
		},
		followUp: (question) => {
			followUps.push(question);
		},
		// As upstream: what is said first stays.
		annotate: request.audited
			? (key, value) => {
					annotations[key] ??= value;
				}
			: undefined,
	};
}
