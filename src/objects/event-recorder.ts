/** Writes Events, counting repetitions into one, as client-go's EventCorrelator does. */
import type { Event } from "../core/schema/kubernetes.d.ts";
import { dns1123Subdomain } from "../core/meta/name-rules.ts";
import type { RecordedEvent } from "./event-correlator.ts";
import type { ResourceServer } from "./resource-server.ts";
import { createObject, updateObject, type WriteOptions } from "./write.ts";

/** kube-apiserver's --event-ttl, in milliseconds. */
export const EVENT_TTL_MS = 60 * 60_000;
const EVENTS = "events";

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

export function recordEvent(server: ResourceServer, told: RecordedEvent): void {
	const kind = server.kinds.byStoreName(EVENTS);
	const correlated = server.events.correlate(told, server.ports.nowMs());
	if (kind === undefined || correlated === undefined) return;
	const recorded = { ...told, message: correlated.message };
	const { source } = recorded;
	const name = eventName(told.about.metadata.name ?? "", fingerprint(correlated.identity));
	const options: WriteOptions = {
		user: { name: "system:apiserver", groups: ["system:masters"] },
		manager: source,
		subresource: "",
		dryRun: false,
		addWarning: () => {},
		// An Event tells of what has happened: nobody is asked whether it may.
		webhooksAsked: true,
	};
	const old = server.store.get<Event>(EVENTS, name);
	if (old === undefined) createObject(server, kind, newEvent(server, name, recorded), options);
	else
		updateObject(
			server,
			kind,
			{ ...structuredClone(old), message: recorded.message, count: (old.count ?? 1) + 1, lastTimestamp: server.nowIso() } as Event,
			old,
			options,
		);
}

/** What an Event is about may have a name that no Event could have: a ClusterRole's, or one too long. */
function eventName(about: string, hash: string): string {
	const name = `${about}.${hash}`;
	return dns1123Subdomain(name).length === 0 ? name : hash;
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
