/** Event (core/v1): pkg/registry/core/event, pkg/apis/core/validation/events.go. */
import { type FieldError, invalid, required } from "../errors/field-error.ts";
import { byteLength, dns1123Subdomain, qualifiedName } from "../meta/name-rules.ts";
import type { Event } from "../schema/kubernetes.d.ts";
import { NAME_DESCRIPTION } from "./columns.ts";
import { defineKind, type TableColumn } from "./define-kind.ts";
import { ageSince } from "../table/human-duration.ts";

const SHORT_TEXT_MAX = 128;
const NOTE_MAX = 1024;

const firstSeen = (event: Event, nowMs: number): string => ageSince(event.firstTimestamp ?? event.eventTime, nowMs);

function lastSeen(event: Event, nowMs: number): string {
	if (event.series) return ageSince(event.series.lastObservedTime, nowMs);
	return event.lastTimestamp ? ageSince(event.lastTimestamp, nowMs) : firstSeen(event, nowMs);
}

function target({ involvedObject: about }: Event): string {
	const kind = (about.kind ?? "").toLowerCase();
	return about.name ? `${kind}/${about.name}` : kind;
}

function source({ source: from, reportingComponent, reportingInstance }: Event): string {
	const component = from?.component || reportingComponent || "";
	const instance = from?.component ? from.host : reportingInstance;
	return instance ? `${component}, ${instance}` : component;
}

const columns: TableColumn<Event>[] = [
	{
		name: "Last Seen",
		type: "string",
		description: "The time at which the most recent occurrence of this event was recorded.",
		cell: (event, { nowMs }) => lastSeen(event, nowMs),
	},
	{
		name: "Type",
		type: "string",
		description: "Type of this event (Normal, Warning), new types could be added in the future",
		cell: (event) => event.type ?? "",
	},
	{
		name: "Reason",
		type: "string",
		description: "This should be a short, machine understandable string that gives the reason for the transition into the object's current status.",
		cell: (event) => event.reason ?? "",
	},
	{ name: "Object", type: "string", description: "The object that this event is about.", cell: target },
	{
		name: "Subobject",
		type: "string",
		priority: 1,
		description:
			'If referring to a piece of an object instead of an entire object, this string should contain a valid JSON/Go field access statement, such as desiredState.manifest.containers[2]. For example, if the object reference is to a container within a pod, this would take on a value like: "spec.containers{name}" (where "name" refers to the name of the container that triggered the event) or if no container name is specified "spec.containers[2]" (container with index 2 in this pod). This syntax is chosen only to have some well-defined way of referencing a part of an object.',
		cell: (event) => event.involvedObject.fieldPath ?? "",
	},
	{
		name: "Source",
		type: "string",
		priority: 1,
		description: "The component reporting this event. Should be a short machine understandable string.",
		cell: source,
	},
	{
		name: "Message",
		type: "string",
		description: "A human-readable description of the status of this operation.",
		cell: (event) => (event.message ?? "").trim(),
	},
	{
		name: "First Seen",
		type: "string",
		priority: 1,
		description: "The time at which the event was first recorded. (Time of server receipt is in TypeMeta.)",
		cell: (event, { nowMs }) => firstSeen(event, nowMs),
	},
	{
		name: "Count",
		type: "string",
		priority: 1,
		description: "The number of times this event has occurred.",
		cell: (event) => event.series?.count ?? (event.count || 1),
	},
	{ name: "Name", type: "string", format: "name", priority: 1, description: NAME_DESCRIPTION, cell: (event) => event.metadata.name ?? "" },
];

/** The stricter rules of events.k8s.io, for events that say when they happened. */
function validateTimed(event: Event): FieldError[] {
	const errors: FieldError[] = [];
	if (!event.reportingComponent) errors.push(required("reportingComponent"));
	else for (const problem of qualifiedName(event.reportingComponent)) errors.push(invalid("reportingComponent", event.reportingComponent, problem));
	for (const field of ["reportingInstance", "action", "reason"] as const) {
		const value = event[field] ?? "";
		if (value === "") errors.push(required(field));
		else if (byteLength(value) > SHORT_TEXT_MAX) errors.push(invalid(field, "", `can have at most ${SHORT_TEXT_MAX} characters`));
	}
	if (byteLength(event.message ?? "") > NOTE_MAX) errors.push(invalid("message", "", `can have at most ${NOTE_MAX} characters`));
	return errors;
}

function validate(event: Event): FieldError[] {
	const errors: FieldError[] = [];
	const about = event.involvedObject?.namespace ?? "";
	const namespace = event.metadata.namespace ?? "";
	const agrees = about === "" ? namespace === "" || namespace === "default" : about === namespace;
	if (!agrees) errors.push(invalid("involvedObject.namespace", about, "does not match event.namespace"));
	if (event.eventTime) errors.push(...validateTimed(event));
	for (const problem of dns1123Subdomain(namespace)) errors.push(invalid("namespace", namespace, problem));
	return errors;
}

export const eventKind = defineKind<Event>({
	group: "",
	version: "v1",
	kind: "Event",
	plural: "events",
	singular: "event",
	shortNames: ["ev"],
	scope: "Namespaced",
	schema: "core/v1.Event",
	allowCreateOnUpdate: true,
	validate,
	columns,
	selectableFields: {
		"involvedObject.kind": (event) => event.involvedObject.kind ?? "",
		"involvedObject.namespace": (event) => event.involvedObject.namespace ?? "",
		"involvedObject.name": (event) => event.involvedObject.name ?? "",
		"involvedObject.uid": (event) => event.involvedObject.uid ?? "",
		"involvedObject.apiVersion": (event) => event.involvedObject.apiVersion ?? "",
		"involvedObject.resourceVersion": (event) => event.involvedObject.resourceVersion ?? "",
		"involvedObject.fieldPath": (event) => event.involvedObject.fieldPath ?? "",
		reason: (event) => event.reason ?? "",
		reportingComponent: (event) => event.reportingComponent ?? "",
		source: (event) => event.source?.component || event.reportingComponent || "",
		type: (event) => event.type ?? "",
	},
});
