/** Watch events: as the objects send them (JSON lines), and as the client gets them (JSON lines, Tables, protobuf frames). */
import { expired, type Status } from "../core/errors/status-error.ts";
import { apiVersionOf, type KindDefinition } from "../core/kinds/define-kind.ts";
import type { KubeObject } from "../core/meta/object.ts";
import { JSON_TYPE } from "./negotiate.ts";
import { protobufOfJson } from "./protobuf.ts";
import { isPassThrough, type Target, transform } from "./represent.ts";

export interface WatchEvent {
	type: "ADDED" | "MODIFIED" | "DELETED" | "BOOKMARK" | "ERROR";
	object: KubeObject | Status;
}

/** Marks the bookmark that ends the initial events of a watch with sendInitialEvents. */
export const INITIAL_EVENTS_END = "k8s.io/initial-events-end";

export const parseEvents = (message: string): WatchEvent[] =>
	message
		.split("\n")
		.filter((line) => line !== "")
		.map((line) => JSON.parse(line) as WatchEvent);

export const versionOf = (event: WatchEvent): number => Number((event.object as KubeObject).metadata?.resourceVersion ?? 0);

export const isInitialEnd = (event: WatchEvent): boolean =>
	event.type === "BOOKMARK" && (event.object as KubeObject).metadata.annotations?.[INITIAL_EVENTS_END] === "true";

export function bookmarkEvent(kind: KindDefinition, version: number, annotations?: Record<string, string>): WatchEvent {
	const metadata = { resourceVersion: String(version), creationTimestamp: null, ...(annotations ? { annotations } : {}) } as unknown as KubeObject["metadata"];
	return { type: "BOOKMARK", object: { kind: kind.kind, apiVersion: apiVersionOf(kind), metadata } };
}

export const expiredEvent = (reason: string): WatchEvent => ({ type: "ERROR", object: expired(reason || "too old resource version").status });

const FIELD_TYPE = 0x0a;
const FIELD_OBJECT = 0x12;
const FIELD_RAW = 0x0a;

function varint(value: number): number[] {
	const bytes: number[] = [];
	let rest = value;
	for (; rest > 0x7f; rest = Math.floor(rest / 128)) bytes.push((rest % 128) | 0x80);
	return [...bytes, rest];
}

/** metav1.WatchEvent (type = 1, object = 2: RawExtension, raw = 1) behind its length as four bytes, big end first. */
export function protobufFrame(type: string, object: Uint8Array): Uint8Array {
	const text = new TextEncoder().encode(type);
	const raw = [FIELD_RAW, ...varint(object.length)];
	const head = [FIELD_TYPE, ...varint(text.length), ...text, FIELD_OBJECT, ...varint(raw.length + object.length), ...raw];
	const frame = new Uint8Array(4 + head.length + object.length);
	new DataView(frame.buffer).setUint32(0, head.length + object.length);
	frame.set(head, 4);
	frame.set(object, 4 + head.length);
	return frame;
}

/** Writes events in one client's representation. It remembers whether a Table's columns were sent. */
export class EventEncoder {
	readonly #target: Target;
	#definitionsSent = false;

	constructor(target: Target) {
		this.#target = { ...target, pretty: false };
	}

	/** Events go out as the objects wrote them. */
	get passesThrough(): boolean {
		return isPassThrough(this.#target);
	}

	get isProtobuf(): boolean {
		return this.#target.representation.mediaType !== JSON_TYPE;
	}

	encode(event: WatchEvent, nowMs: number): string | Uint8Array {
		const object = event.type === "ERROR" ? event.object : this.#shown(event, nowMs);
		if (!this.isProtobuf) return `${JSON.stringify({ type: event.type, object })}\n`;
		return protobufFrame(event.type, protobufOfJson(object));
	}

	#shown(event: WatchEvent, nowMs: number): unknown {
		const { as, metaVersion = "v1" } = this.#target.representation;
		const object = event.object as KubeObject;
		if (as !== "Table") return transform(object, as === undefined ? this.#target : this.#partialTarget());
		if (event.type === "BOOKMARK") return bookmarkTable(object, metaVersion);
		const table = transform(object, { ...this.#target, nowMs }, this.#definitionsSent);
		this.#definitionsSent = true;
		return table;
	}

	/** A watch has no lists: PartialObjectMetadataList means its items here. */
	#partialTarget(): Target {
		return { ...this.#target, representation: { ...this.#target.representation, as: "PartialObjectMetadata" } };
	}
}

/** A bookmark has no state that columns could show: one row without cells, whose object carries the version. */
function bookmarkTable(object: KubeObject, metaVersion: string): unknown {
	const partial = { kind: "PartialObjectMetadata", apiVersion: `meta.k8s.io/${metaVersion}`, metadata: object.metadata };
	const metadata = { resourceVersion: object.metadata.resourceVersion };
	return { kind: "Table", apiVersion: `meta.k8s.io/${metaVersion}`, metadata, columnDefinitions: [], rows: [{ cells: [], object: partial }] };
}
