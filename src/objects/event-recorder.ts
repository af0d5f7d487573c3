/**
 * Writes Events, those of a kind counted into one. They are made here from what the system itself says, so that nothing is
 * left to admit or to validate: an Event costs one write and fails nothing.
 */
import { recordUpdate } from "../core/apply/managed-fields.ts";
import { apiVersionOf, type KindDefinition } from "../core/kinds/define-kind.ts";
import type { Event, ManagedFieldsEntry } from "../core/schema/kubernetes.d.ts";
import { dns1123Subdomain } from "../core/meta/name-rules.ts";
import type { RecordedEvent } from "./event-correlator.ts";
import type { ResourceServer } from "./resource-server.ts";

/** kube-apiserver's --event-ttl, in milliseconds. */
export const EVENT_TTL_MS = 60 * 60_000;
const EVENTS = "events";
/** Longest message that an Event takes (validation's NoteLengthLimit); longer ones are cut, as client-go's are. */
const MESSAGE_MAX = 1024;

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

/** A namespace that is going away takes no new ones. */
export function recordEvent(server: ResourceServer, recorded: RecordedEvent): void {
	const kind = server.kinds.byStoreName(EVENTS);
	if (kind === undefined || server.admission.namespaceObject()?.metadata.deletionTimestamp) return;
	const correlated = server.events.correlate(recorded, server.ports.nowMs());
	if (correlated === undefined) return;
	const name = eventName(recorded.about.metadata.name ?? "", fingerprint(correlated.identity));
	const message = correlated.message.length > MESSAGE_MAX ? `${correlated.message.slice(0, MESSAGE_MAX - 4)} ...` : correlated.message;
	const old = server.store.get<Event>(EVENTS, name);
	const event = old === undefined ? newEvent(server, kind, name, recorded) : { ...old, metadata: { ...old.metadata } };
	Object.assign(event, { message, lastTimestamp: server.nowIso(), count: (old?.count ?? 0) + 1 });
	server.commit(kind, event, old);
}

/** What an Event is about may have a name that no Event could have: a ClusterRole's, or one too long. */
function eventName(about: string, hash: string): string {
	const name = `${about}.${hash}`;
	return dns1123Subdomain(name).length === 0 ? name : hash;
}

function newEvent(server: ResourceServer, kind: KindDefinition, name: string, { about, eventType, reason, source }: RecordedEvent): Event {
	const now = server.nowIso();
	const { name: aboutName, namespace, uid, resourceVersion } = about.metadata;
	const event = {
		apiVersion: "v1",
		kind: "Event",
		metadata: { name, namespace: server.namespace, uid: server.ports.uuid(), creationTimestamp: now },
		involvedObject: { kind: about.kind, namespace, name: aboutName, uid, apiVersion: about.apiVersion, resourceVersion },
		reason,
		message: "",
		source: { component: source },
		firstTimestamp: now,
		lastTimestamp: now,
		count: 1,
		type: eventType,
		eventTime: null,
		reportingComponent: source,
		reportingInstance: "",
	} as unknown as Event;
	const managedFields = fieldsOf(server, kind, event, source);
	if (managedFields) event.metadata.managedFields = managedFields.map((entry) => ({ ...entry, time: now }));
	return event;
}

/** What the Events of one recorder own: the same for all whose objects have the same sort of names. */
const ownedFields = new Map<string, ManagedFieldsEntry[] | undefined>();

function fieldsOf(server: ResourceServer, kind: KindDefinition, event: Event, source: string): ManagedFieldsEntry[] | undefined {
	const key = [source, ...Object.values(event.involvedObject).map((value) => value !== undefined)].join();
	if (!ownedFields.has(key)) {
		const writer = { manager: source, apiVersion: apiVersionOf(kind), nowIso: "", subresource: "" };
		ownedFields.set(key, recordUpdate(server.schemaOf(kind), kind.schema, undefined, JSON.parse(JSON.stringify(event)), writer));
	}
	return ownedFields.get(key);
}
