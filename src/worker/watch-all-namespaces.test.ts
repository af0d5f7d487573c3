import { beforeEach, describe, expect, it } from "vitest";
import type { ApiRequest } from "../core/api/request.ts";
import type { KindDefinition } from "../core/kinds/define-kind.ts";
import type { WorkerEnv } from "../core/protocol/tokens.ts";
import { REQUEST_HEADER, WATCH_EXPIRED_CODE } from "../objects/rpc.ts";
import { RESUME_OVERLAP_MS, REVISIONS_PER_MS } from "../store/revision-clock.ts";
import { MergedWatch } from "./watch-all-namespaces.ts";
import { EventEncoder, type WatchEvent } from "./watch-event.ts";
import { WatchStream } from "./watch-stream.ts";

type Listener = (event: { data?: string; code?: number; reason?: string }) => void;

/** The front door's end of a socket to an object, from the object's side. */
class FakeSocket {
	readonly #listeners = new Map<string, Listener>();
	closedWith: number | undefined;
	accept() {}
	addEventListener = (type: string, listener: Listener) => this.#listeners.set(type, listener);
	close(code: number) {
		this.closedWith = code;
	}
	emit(...events: unknown[]) {
		this.#listeners.get("message")?.({ data: events.length === 0 ? "\n" : `${events.map((e) => JSON.stringify(e)).join("\n")}\n` });
	}
	end(code: number) {
		this.#listeners.get("close")?.({ code, reason: "" });
	}
}

const KIND = { group: "", version: "v1", kind: "Pod" } as KindDefinition;
const event = (type: string, name: string, version: number) => ({ type, object: { kind: "Pod", metadata: { name, resourceVersion: String(version) } } });
const registryEvent = (name: string) => ({ type: "ADDED", object: { kind: "Namespace", metadata: { name, resourceVersion: "1" } } });

let sockets: Map<string, FakeSocket>;
let requests: Map<string, ApiRequest>;
let env: WorkerEnv;
let stream: WatchStream;

beforeEach(() => {
	sockets = new Map();
	requests = new Map();
	stream = new WatchStream();
	const object = (id: string) => ({
		fetch: async (_url: string, { headers }: { headers: Record<string, string> }) => {
			const socket = new FakeSocket();
			sockets.set(id, socket);
			requests.set(id, JSON.parse(headers[REQUEST_HEADER] ?? "{}"));
			return { webSocket: socket };
		},
		authorizeCluster: async () => null,
		namespaces: async () => ["a", "b"],
	});
	const lookup = { idFromName: (name: string) => name, get: object };
	env = { CLUSTER: lookup, NAMESPACE: lookup } as unknown as WorkerEnv;
});

async function open(query: Partial<ApiRequest["query"]>): Promise<MergedWatch> {
	const request = {
		verb: "watch",
		group: "",
		version: "v1",
		resource: "pods",
		namespace: "",
		query: { raw: [], ...query },
		user: { name: "u", groups: [] },
		body: "",
	} as unknown as ApiRequest;
	const encoder = new EventEncoder({ representation: { mediaType: "application/json" }, pretty: false, includeObject: "Metadata", kind: KIND, nowMs: 0 });
	const watch = new MergedWatch(env, "c", request, KIND, stream, encoder);
	expect(await watch.open()).toBeUndefined();
	return watch;
}

const socket = (id: string) => sockets.get(id) as FakeSocket;
const settled = () => new Promise((resolve) => setImmediate(resolve));

/** What the client got, as "TYPE name version"; ends the stream. */
async function received(): Promise<string[]> {
	stream.end();
	const text = await new Response(stream.body).text();
	return text
		.split("\n")
		.filter((line) => line !== "")
		.map((line) => JSON.parse(line) as WatchEvent & { object: { metadata: { name?: string; resourceVersion?: string }; code?: number } })
		.map(({ type, object }) => [type, object.metadata.name ?? object.code ?? "", object.metadata.resourceVersion ?? ""].join(" ").trim());
}

describe("MergedWatch", () => {
	it("puts what was missed in order of version before anything live", async () => {
		await open({ resourceVersion: "100" });
		socket("c/a").emit(event("ADDED", "a1", 103), event("MODIFIED", "a1", 107));
		socket("c/a").emit(event("MODIFIED", "a1", 109));
		socket("c/b").emit(event("ADDED", "b1", 105));
		socket("c/b").emit(event("DELETED", "b1", 111));
		expect(await received()).toEqual(["ADDED a1 103", "ADDED b1 105", "MODIFIED a1 107", "MODIFIED a1 109", "DELETED b1 111"]);
	});

	it("ends the initial events once, with a version that all objects reach back to", async () => {
		const end = (version: number) => ({
			type: "BOOKMARK",
			object: { metadata: { resourceVersion: String(version), annotations: { "k8s.io/initial-events-end": "true" } } },
		});
		await open({ sendInitialEvents: true, allowWatchBookmarks: true });
		const far = 1e15;
		socket("c/a").emit(event("ADDED", "a1", 3), end(far + 8));
		socket("c/b").emit(end(far + 4));
		expect(await received()).toEqual(["ADDED a1 3", `BOOKMARK  ${far + 4}`]);
	});

	it("takes in a namespace that is made later, from its beginning, and no namespace twice", async () => {
		await open({ resourceVersion: "100" });
		socket("c/a").emit();
		socket("c/b").emit();
		const known = sockets.size;
		socket("c").emit(registryEvent("a"), registryEvent("n"), registryEvent("n"));
		await settled();
		expect(sockets.size).toBe(known + 1);
		expect(requests.get("c/n")?.query.resourceVersion).toBeUndefined();
		socket("c/n").emit(event("ADDED", "n1", 201));
		expect(await received()).toEqual(["ADDED n1 201"]);
	});

	it("ends with 410 when a namespace lags by more than a resume looks back", async () => {
		await open({ resourceVersion: "100" });
		socket("c/a").emit();
		socket("c/b").emit();
		const late = RESUME_OVERLAP_MS * REVISIONS_PER_MS + 1001;
		socket("c/a").emit(event("ADDED", "a1", late));
		socket("c/b").emit(event("ADDED", "b1", 1001));
		expect(stream.ended).toBe(true);
		expect(await received()).toEqual([`ADDED a1 ${late}`, "ERROR 410"]);
	});

	it("ends with 410 when an object has compacted what is asked for, and lets go of all sockets", async () => {
		await open({ resourceVersion: "100" });
		socket("c/a").end(WATCH_EXPIRED_CODE);
		expect(await received()).toEqual(["ERROR 410"]);
		expect(socket("c/b").closedWith).toBe(1001);
		expect(socket("c").closedWith).toBe(1001);
	});
});
