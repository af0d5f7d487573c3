/** A sample device plugin, as vendors write them: lists devices that are files, and gives each container what it needs to use its own. */
import { join } from "node:path";
import { GrpcClient, GrpcError } from "../../src/agent/runtime/containerd/grpc-client.ts";
import { DEVICE_PLUGIN, REGISTRATION } from "../../src/agent/plugins/device-plugin-messages.ts";
import type { Message } from "../../src/core/codec/message.ts";
import { type GrpcServer, serveGrpc } from "./grpc-server.ts";

const CALL_TIMEOUT_MS = 5_000;
const PERMISSION_DENIED = 7;

export interface SamplePluginOptions {
	/** The device-plugins directory. */
	directory: string;
	resource: string;
	/** Whether each is healthy, by id. */
	devices: Record<string, boolean>;
	/** What containers are given for a set of devices. */
	grant?(ids: readonly string[]): Message;
	/** Of the available ones, which it would rather give. */
	prefers?(available: readonly string[], size: number): string[];
	/** Called before each start; what it throws is why the container does not start. */
	beforeStart?(ids: readonly string[]): void;
}

export class SamplePlugin {
	/** Ids that it was asked for, in order. */
	readonly allocated: string[][] = [];
	readonly #options: SamplePluginOptions;
	#devices: Record<string, boolean>;
	#server: GrpcServer | undefined;
	readonly #changed = new Set<() => void>();
	refuses: string | undefined;

	constructor(options: SamplePluginOptions) {
		this.#options = options;
		this.#devices = options.devices;
	}

	get socketName(): string {
		return `${this.#options.resource.replace("/", "-")}.sock`;
	}

	async start(): Promise<void> {
		await this.serve(join(this.#options.directory, this.socketName));
		await this.register({});
	}

	async serve(socket: string): Promise<void> {
		this.#server = await serveGrpc(socket, [
			[DEVICE_PLUGIN.getDevicePluginOptions, () => this.#settings()],
			[DEVICE_PLUGIN.listAndWatch, (_, signal) => this.#list(signal)],
			[DEVICE_PLUGIN.allocate, (request) => this.#allocate(request)],
			[DEVICE_PLUGIN.getPreferredAllocation, (request) => this.#prefer(request)],
			[
				DEVICE_PLUGIN.preStartContainer,
				({ devicesIds = [] }) => {
					this.#options.beforeStart?.(devicesIds as string[]);
					return {};
				},
			],
		]);
	}

	/** Rejects with the GrpcError that kubelet answers. */
	async register(over: Message): Promise<void> {
		const kubelet = new GrpcClient(join(this.#options.directory, "kubelet.sock"));
		const request = { version: "v1beta1", endpoint: this.socketName, resourceName: this.#options.resource, options: this.#settings(), ...over };
		await kubelet.call(REGISTRATION.register, request, CALL_TIMEOUT_MS).finally(() => kubelet.close());
	}

	/** The devices are now these. */
	change(devices: Record<string, boolean>): void {
		this.#devices = devices;
		for (const tell of this.#changed) tell();
	}

	async stop(): Promise<void> {
		await this.#server?.close();
	}

	#settings(): Message {
		return { preStartRequired: this.#options.beforeStart !== undefined, getPreferredAllocationAvailable: this.#options.prefers !== undefined };
	}

	async *#list(signal: AbortSignal): AsyncIterable<Message> {
		while (!signal.aborted) {
			const changed = new Promise<void>((resolve) => {
				this.#changed.add(resolve);
				signal.addEventListener("abort", () => resolve(), { once: true });
			});
			yield {
				devices: Object.entries(this.#devices).map(([ID, healthy]) => ({ ID, health: healthy ? "Healthy" : "Unhealthy", topology: { nodes: [{ ID: 0 }] } })),
			};
			await changed;
		}
	}

	#allocate({ containerRequests = [] }: Message): Message {
		if (this.refuses !== undefined) throw new GrpcError(PERMISSION_DENIED, this.refuses);
		const asked = (containerRequests as Message[]).map(({ devicesIds = [] }) => devicesIds as string[]);
		this.allocated.push(...asked);
		return { containerResponses: asked.map((ids) => this.#options.grant?.(ids) ?? { envs: { DEVICES: ids.join(",") } }) };
	}

	#prefer({ containerRequests = [] }: Message): Message {
		const answers = (containerRequests as Message[]).map(({ availableDeviceIDs = [], allocationSize = 0 }) =>
			this.#options.prefers?.(availableDeviceIDs as string[], Number(allocationSize)),
		);
		return { containerResponses: answers.map((deviceIDs) => ({ deviceIDs })) };
	}
}
