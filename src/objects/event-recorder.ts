/** Writes Events, counting repetitions into one, as client-go's EventCorrelator does. */
import type { Event } from "../core/schema/kubernetes.d.ts";
import type { KubeObject } from "../core/meta/object.ts";
import type { ResourceServer } from "./resource-server.ts";
import { createObject, updateObject, type WriteOptions } from "./write.ts";

/** kube-apiserver's --event-ttl, in milliseconds. */
export const EVENT_TTL_MS = 60 * 60_000;
const EVENTS = "events";

export interface RecordedEvent {
	source: string;
	about: KubeObject;
	eventType: "Normal" | "Warning";
	reason: string;
	message: string;
}

/** FNV-1a of 64 bits in hexadecimal: the same repetition gets the same name. */
function fingerprint(parts: readonly string[]): string {
	let high = 0xcbf29ce4;
	let low = 0x84222325;
	for (const char of parts.join("\n")) {
		low ^= char.charCodeAt(0);
		const product = Math.imul(low, 0x1b3);
		const carry = Math.floor(((low >>> 0) * 0x1b3) / 2 ** 32);
		high = (Math.imul(high, 0x1b3) + carry + (low << 8)) | 0;
		low = product | 0;
	}
	return (high >>> 0).toString(16).padStart(8, "0") + (low >>> 0).toString(16).padStart(8, "0");
}

export function recordEvent(server: ResourceServer, recorded: RecordedEvent): void {
	const kind = server.kinds.byStoreName(EVENTS);
	if (kind === undefined) return;
	const { about, eventType, reason, message, source } = recorded;
	const name = `${about.metadata.name}.${fingerprint([about.metadata.uid ?? "", eventType, reason, message, source])}`;
	const options: WriteOptions = {
		user: { name: "system:apiserver", groups: ["system:masters"] },
		manager: source,
		subresource: "",
		dryRun: false,
		addWarning: () => {},
	};
	const old = server.store.get<Event>(EVENTS, name);
	if (old === undefined) createObject(server, kind, newEvent(server, name, recorded), options);
	else updateObject(server, kind, { ...structuredClone(old), count: (old.count ?? 1) + 1, lastTimestamp: server.nowIso() } as Event, old, options);
}

function newEvent(server: ResourceServer, name: string, { about, eventType, reason, message, source }: RecordedEvent): Event {
	const now = server.nowIso();
	return {
		apiVersion: "v1",
		kind: "Event",
		metadata: { name, namespace: server.namespace },
		involvedObject: {
			kind: about.kind,
			namespace: about.metadata.namespace,
			name: about.metadata.name,
			uid: about.metadata.uid,
			apiVersion: about.apiVersion,
			resourceVersion: about.metadata.resourceVersion,
		},
		type: eventType,
		reason,
		message,
		source: { component: source },
		firstTimestamp: now,
		lastTimestamp: now,
		count: 1,
		reportingComponent: source,
		reportingInstance: "",
	} as Event;
}
