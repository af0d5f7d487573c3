/** Event of events.k8s.io/v1: the same Events under newer names, held to stricter rules (pkg/apis/events, validation/events.go). */
import { type FieldError, invalid, required } from "../errors/field-error.ts";
import type { Event, EventsV1Event } from "../schema/kubernetes.d.ts";
import { defineKind, type KindDefinition, versionOf } from "./define-kind.ts";
import { eventKind } from "./event.ts";
import { validateImmutable } from "./immutable-field.ts";

/** The names of events.k8s.io, and those that they are stored by. */
const NAMES: readonly (readonly [keyof EventsV1Event, keyof Event])[] = [
	["eventTime", "eventTime"],
	["series", "series"],
	["reportingController", "reportingComponent"],
	["reportingInstance", "reportingInstance"],
	["action", "action"],
	["reason", "reason"],
	["regarding", "involvedObject"],
	["related", "related"],
	["note", "message"],
	["type", "type"],
	["deprecatedSource", "source"],
	["deprecatedFirstTimestamp", "firstTimestamp"],
	["deprecatedLastTimestamp", "lastTimestamp"],
	["deprecatedCount", "count"],
];
const REFERENCE_FIELDS = ["kind", "namespace", "name", "uid", "apiVersion", "resourceVersion", "fieldPath"];
const TYPES = ["Normal", "Warning"];
const SERIES_COUNT_MIN = 2;
/** What the older version says in its own way. */
const UNSET = "needs to be unset";
const IMMUTABLE = ["involvedObject", "reason", "reportingComponent", "reportingInstance", "action", "related", "message", "type", "eventTime"] as const;

function renamed(object: object, pairs: readonly (readonly [string, string])[]): Record<string, unknown> {
	const from = object as Record<string, unknown>;
	return Object.fromEntries(pairs.filter(([name]) => from[name] !== undefined).map(([name, other]) => [other, from[name]]));
}

export const eventToV1 = (stored: Event): EventsV1Event =>
	({
		apiVersion: "events.k8s.io/v1",
		kind: "Event",
		metadata: stored.metadata,
		eventTime: null,
		...renamed(
			stored,
			NAMES.map(([name, other]) => [other, name]),
		),
	}) as unknown as EventsV1Event;

export const eventToCore = (event: EventsV1Event): Event =>
	({ apiVersion: "v1", kind: "Event", metadata: event.metadata, involvedObject: {}, ...renamed(event, NAMES) }) as unknown as Event;

function validateSeries({ series }: Event): FieldError[] {
	if (!series) return [];
	const errors: FieldError[] = [];
	if ((series.count ?? 0) < SERIES_COUNT_MIN) errors.push(invalid("series.count", "", `should be at least ${SERIES_COUNT_MIN}`));
	if (!series.lastObservedTime) errors.push(required("series.lastObservedTime"));
	return errors;
}

function validateNew(event: Event): FieldError[] {
	const { eventTime, type = "", firstTimestamp, lastTimestamp, count, source } = event;
	const errors = validateSeries(event);
	if (!eventTime) errors.push(required("eventTime"));
	if (!TYPES.includes(type)) errors.push(invalid("type", "", `has invalid value: ${type}`));
	if (firstTimestamp) errors.push(invalid("firstTimestamp", "", UNSET));
	if (lastTimestamp) errors.push(invalid("lastTimestamp", "", UNSET));
	if (count) errors.push(invalid("count", "", UNSET));
	if (source?.component || source?.host) errors.push(invalid("source", "", UNSET));
	return errors;
}

/** The stored kind, with the rules that writers by the newer version are held to. */
const strictEventKind: KindDefinition<Event> = {
	...eventKind,
	validate: (event, old) => [...eventKind.validate(event, old), ...(old ? [] : validateNew(event))],
	validateUpdate: (next, old) => [...validateSeries(next), ...IMMUTABLE.flatMap((field) => validateImmutable(next[field], old[field], field))],
};

export const eventV1Kind = defineKind<EventsV1Event>(
	versionOf(strictEventKind, {
		group: "events.k8s.io",
		version: "v1",
		schema: "events/v1.Event",
		present: (stored) => eventToV1(stored as Event),
		encode: eventToCore,
		fields: {
			...Object.fromEntries(REFERENCE_FIELDS.map((field) => [`regarding.${field}`, `involvedObject.${field}`])),
			reason: "reason",
			reportingController: "reportingComponent",
			type: "type",
		},
	}),
);
