/** CSI drivers of a node in tests: an API that holds their objects, and a driver that notes what it is asked and makes plain directories. */
import { existsSync } from "node:fs";
import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import type { Clock } from "../../src/agent/clock.ts";
import type { ApiAnswer, ApiClient } from "../../src/agent/control-plane-client.ts";
import { silentLogger } from "../../src/agent/log.ts";
import type { GrpcError, Method } from "../../src/agent/runtime/containerd/grpc-client.ts";
import { CsiDrivers } from "../../src/agent/volumes/csi/csi-drivers.ts";
import { CSI } from "../../src/agent/volumes/csi/csi-messages.ts";
import { CsiVolumes } from "../../src/agent/volumes/csi/csi-volumes.ts";
import type { Message } from "../../src/core/codec/message.ts";
import type { KubeObject } from "../../src/core/meta/object.ts";
import { type GrpcServer, serveGrpc } from "./grpc-server.ts";

/** Objects by path, with versions as the API gives them. */
export class FakeApi implements ApiClient {
	readonly objects = new Map<string, KubeObject>();
	readonly requests: string[] = [];
	#version = 0;

	async request(method: string, path: string, body?: unknown): Promise<ApiAnswer> {
		this.requests.push(`${method} ${path}`);
		if (method === "POST" && path.endsWith("/volume-secret")) return this.#answer(`secret/${(body as { volume: string }).volume}`);
		if (method === "POST") return this.put(`${path}/${(body as KubeObject).metadata.name}`, body as KubeObject, 201);
		const current = this.objects.get(path);
		if (current === undefined) return { code: 404, body: { message: `${path} not found` } };
		if (method === "PUT") return this.put(path, body as KubeObject, 200);
		if (method === "PATCH") return this.put(path, merged(current, body) as KubeObject, 200);
		return this.#answer(path);
	}

	put(path: string, object: KubeObject, code = 200): ApiAnswer {
		const stored = { ...object, metadata: { ...object.metadata, resourceVersion: String(++this.#version) } };
		this.objects.set(path, stored);
		return { code, body: stored };
	}

	#answer(path: string): ApiAnswer {
		const found = this.objects.get(path);
		return found ? { code: 200, body: found } : { code: 404, body: { message: `${path} not found` } };
	}
}

function merged(base: unknown, patch: unknown): unknown {
	if (typeof patch !== "object" || patch === null || Array.isArray(patch) || typeof base !== "object" || base === null) return patch;
	const result: Record<string, unknown> = { ...base };
	for (const [key, value] of Object.entries(patch)) result[key] = merged(result[key] ?? {}, value);
	return result;
}

/** Without a driver. */
export function csiOf(root: string, clock: Clock, api: ApiClient = new FakeApi()): CsiVolumes {
	const drivers = new CsiDrivers({ api, nodeName: "node-1", clock, log: silentLogger });
	return new CsiVolumes({ drivers, api, clock, nodeName: "node-1", root, onInUse: () => undefined });
}

export interface DriverTraits {
	nodeId?: string;
	maxVolumes?: number;
	topology?: Record<string, string>;
	capabilities?: readonly number[];
	/** Makes the volume at its target, and takes it away; a directory without. */
	publish?(request: Message): Promise<void>;
	unpublish?(target: string): Promise<void>;
}

/** The node's side of a driver. */
export class SampleCsiDriver {
	/** Calls that it was asked, in order. */
	readonly calls: { method: string; request: Message }[] = [];
	/** What the next call of the name is refused with. */
	readonly refusals = new Map<string, GrpcError>();
	readonly socket: string;
	#server: GrpcServer | undefined;
	readonly #traits: DriverTraits;

	constructor(directory: string, traits: DriverTraits = {}) {
		this.socket = join(directory, "csi.sock");
		this.#traits = traits;
	}

	named(method: string): Message[] {
		return this.calls.filter((call) => call.method === method).map(({ request }) => request);
	}

	async start(others: readonly (readonly [Method, (request: Message) => Message])[] = []): Promise<void> {
		const { nodeId = "sample-node", maxVolumes = 0, topology = {}, capabilities = [], publish = makeDirectory, unpublish = removeDirectory } = this.#traits;
		const one = (method: Method, answer: (request: Message) => Message | Promise<Message>) =>
			[method, (request: Message) => this.#asked(method, request, answer)] as const;
		const none = async (work: Promise<void>): Promise<Message> => work.then(() => ({}));
		this.#server = await serveGrpc(this.socket, [
			one(CSI.nodeGetInfo, () => ({ nodeId, maxVolumesPerNode: maxVolumes, accessibleTopology: { segments: topology } })),
			one(CSI.nodeGetCapabilities, () => ({ capabilities: capabilities.map((type) => ({ rpc: { type } })) })),
			one(CSI.nodeStageVolume, () => ({})),
			one(CSI.nodeUnstageVolume, () => ({})),
			one(CSI.nodePublishVolume, (request) => none(publish(request))),
			one(CSI.nodeUnpublishVolume, ({ targetPath }) => none(unpublish(String(targetPath)))),
			one(CSI.nodeExpandVolume, ({ capacityRange }) => ({ capacityBytes: (capacityRange as Message).requiredBytes })),
			one(CSI.nodeGetVolumeStats, () => ({
				usage: [
					{ available: 600, total: 1000, used: 400, unit: 1 },
					{ available: 8, total: 10, used: 2, unit: 2 },
				],
			})),
			...others,
		]);
	}

	async stop(): Promise<void> {
		await this.#server?.close();
	}

	#asked(method: Method, request: Message, answer: (request: Message) => Message | Promise<Message>): Message | Promise<Message> {
		const name = method.path.slice(method.path.lastIndexOf("/") + 1);
		this.calls.push({ method: name, request });
		const refusal = this.refusals.get(name);
		this.refusals.delete(name);
		if (refusal) throw refusal;
		return answer(request);
	}
}

async function makeDirectory({ targetPath }: Message): Promise<void> {
	await mkdir(String(targetPath), { recursive: true });
}

async function removeDirectory(target: string): Promise<void> {
	if (existsSync(target)) await rm(target, { recursive: true });
}
