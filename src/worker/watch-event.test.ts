import { describe, expect, it } from "vitest";
import { builtinKinds } from "../core/kinds/registry.ts";
import { bookmarkEvent, EventEncoder, protobufFrame, type WatchEvent } from "./watch-event.ts";

const kind = builtinKinds.byKind("", "v1", "ConfigMap");
const added = (name: string): WatchEvent => ({ type: "ADDED", object: { apiVersion: "v1", kind: "ConfigMap", metadata: { name, resourceVersion: "7" } } });
const encoderOf = (as?: "Table" | "PartialObjectMetadataList") =>
	new EventEncoder({ representation: { mediaType: "application/json", ...(as ? { as } : {}) }, pretty: true, includeObject: "None", kind, nowMs: 0 });
const shown = (encoder: EventEncoder, event: WatchEvent) => JSON.parse(String(encoder.encode(event, 0)));

describe("EventEncoder", () => {
	it("passes plain JSON on, one line an event even when indented JSON was asked for", () => {
		const encoder = encoderOf();
		expect(encoder.passesThrough).toBe(true);
		expect(encoder.encode(added("a"), 0)).toBe(`${JSON.stringify(added("a"))}\n`);
	});

	it("sends a Table's columns with the first event alone", () => {
		const encoder = encoderOf("Table");
		const [first, second] = [shown(encoder, added("a")), shown(encoder, added("b"))];
		expect(first.object.columnDefinitions[0].name).toBe("Name");
		expect(second.object.columnDefinitions).toEqual([]);
		expect(second.object.rows[0].cells[0]).toBe("b");
		if (!kind) throw new Error("ConfigMap is no kind");
		expect(shown(encoder, bookmarkEvent(kind, 8)).object.rows[0].object.metadata.resourceVersion).toBe("8");
	});

	it("sends metadata alone where a list of it was asked for", () => {
		expect(shown(encoderOf("PartialObjectMetadataList"), added("a")).object).toEqual({
			kind: "PartialObjectMetadata",
			apiVersion: "meta.k8s.io/v1",
			metadata: { name: "a", resourceVersion: "7" },
		});
	});
});

it("frames a protobuf event behind its length", () => {
	const frame = protobufFrame("ADDED", new Uint8Array(200).fill(1));
	expect(new DataView(frame.buffer).getUint32(0)).toBe(frame.length - 4);
	expect([...frame.slice(4, 11)]).toEqual([0x0a, 5, ...new TextEncoder().encode("ADDED")]);
	expect([...frame.slice(11, 17)]).toEqual([0x12, 0xcb, 0x01, 0x0a, 0xc8, 0x01]);
});
