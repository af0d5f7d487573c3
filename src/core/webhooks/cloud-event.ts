/** A change as a CloudEvent (CloudEvents 1.0.2, with its JSON format and its HTTP protocol binding). */
import { apiVersionOf, type KindDefinition } from "../kinds/define-kind.ts";
import type { Json, JsonObject, KubeObject } from "../meta/object.ts";
import { jsonPatchBetween } from "../patch/json-patch-difference.ts";
import type { PayloadData, WebhookPayload } from "../schema/kubernetes.d.ts";
import type { Change } from "./subscription-condition.ts";

const TYPE_PREFIX = "dev.petrel.object";
export const TEST_TYPE = "dev.petrel.webhook.test";
export const STRUCTURED_TYPE = "application/cloudevents+json";
const JSON_TYPE = "application/json";

export interface DeliveredChange {
	/** The cluster's id. */
	cluster: string;
	change: Change;
	/** What the objects are shown as. */
	kind: KindDefinition;
	revision: number;
	momentMs: number;
	/** After the change, or as it was deleted. */
	object: KubeObject;
	/** Before the change, where there was such a state and it is known. */
	oldObject: KubeObject | undefined;
	subscription: { namespace: string; name: string };
}

export interface CloudEvent {
	attributes: Record<string, string>;
	data: JsonObject;
}

export interface EventRequest {
	headers: Record<string, string>;
	body: string;
}

/** As the API shows it, without who wrote which field. */
function shown(kind: KindDefinition, object: KubeObject): JsonObject {
	const presented = kind.present?.(object) ?? object;
	const { managedFields: _, ...metadata } = presented.metadata;
	return { ...presented, metadata } as unknown as JsonObject;
}

function dataOf(wanted: PayloadData, { change, kind, object, oldObject }: DeliveredChange): JsonObject {
	const now = shown(kind, object);
	if (wanted === "Metadata") return { object: { apiVersion: now.apiVersion as Json, kind: now.kind as Json, metadata: now.metadata as Json } };
	if (wanted === "Object") return { object: now };
	if (change === "Deleted") return { object: null, oldObject: now };
	const before = oldObject && shown(kind, oldObject);
	if (wanted === "ObjectAndOldObject") return { object: now, oldObject: before ?? null };
	return before === undefined ? { object: now } : { patch: jsonPatchBetween(before, now) as unknown as Json };
}

const subjectOf = ({ group, version, plural }: KindDefinition, { metadata }: KubeObject): string =>
	`${group === "" ? "/api" : `/apis/${group}`}/${version}${metadata.namespace ? `/namespaces/${metadata.namespace}` : ""}/${plural}/${metadata.name}`;

/** The same for every try of one change: by `source` and `id` a receiver knows what it has had already. */
export function eventOf(delivered: DeliveredChange, { data = "Object" }: WebhookPayload): CloudEvent {
	const { cluster, change, kind, revision, momentMs, object, subscription } = delivered;
	return {
		attributes: {
			specversion: "1.0",
			id: `evt_${object.metadata.uid ?? ""}_${revision}`,
			source: `/clusters/${cluster}`,
			type: `${TYPE_PREFIX}.${change.toLowerCase()}`,
			subject: subjectOf(kind, object),
			time: new Date(momentMs).toISOString(),
			datacontenttype: JSON_TYPE,
			apiversion: apiVersionOf(kind),
			kind: kind.kind,
			...(object.metadata.namespace ? { namespace: object.metadata.namespace } : {}),
			name: object.metadata.name ?? "",
			resourceversion: String(revision),
			subscription: subscription.namespace === "" ? subscription.name : `${subscription.namespace}/${subscription.name}`,
		},
		data: dataOf(data, delivered),
	};
}

/** What `petrel webhooks test` sends. */
export function testEvent(cluster: string, id: string, nowMs: number, { namespace, name }: DeliveredChange["subscription"]): CloudEvent {
	const subscription = namespace === "" ? name : `${namespace}/${name}`;
	const attributes = {
		specversion: "1.0",
		id,
		source: `/clusters/${cluster}`,
		type: TEST_TYPE,
		time: new Date(nowMs).toISOString(),
		datacontenttype: JSON_TYPE,
	};
	return { attributes: { ...attributes, subscription }, data: { message: "a test of this webhook subscription" } };
}

/** HTTP header values hold printable ASCII; all else is percent-encoded (HTTP protocol binding, 3.1.3.2). */
const headerValue = (text: string): string => text.replace(/[^\x21\x23\x24\x26-\x7e]/gu, (character) => encodeURIComponent(character));

export function requestOf({ attributes, data }: CloudEvent, { format = "Structured" }: WebhookPayload): EventRequest {
	if (format === "Structured") return { headers: { "content-type": STRUCTURED_TYPE }, body: JSON.stringify({ ...attributes, data }) };
	const { datacontenttype = JSON_TYPE, ...others } = attributes;
	const headers = Object.fromEntries(Object.entries(others).map(([name, value]) => [`ce-${name}`, headerValue(value)]));
	return { headers: { "content-type": datacontenttype, ...headers }, body: JSON.stringify(data) };
}
