/** One device plugin: the connection to it, and its devices as it last listed them. */
import type { Message } from "../../core/codec/message.ts";
import { GrpcClient } from "../runtime/containerd/grpc-client.ts";
import { DEVICE_PLUGIN, HEALTHY } from "./device-plugin-messages.ts";

/** Kubelet's, of PreStartContainer. */
const PRE_START_TIMEOUT_MS = 30_000;
/** Kubelet sets none for Allocate; a plugin that hangs must not hang its pod for ever. */
const ALLOCATE_TIMEOUT_MS = 120_000;
const OPTIONS_TIMEOUT_MS = 10_000;
/** Devices of one plugin; more would be a plugin gone mad. */
export const DEVICES_MAX = 4_096;

export interface DevicePluginSettings {
	preStartRequired: boolean;
	getPreferredAllocationAvailable: boolean;
}

/** What a container is given with its devices. */
export interface DeviceGrant {
	envs: Record<string, string>;
	mounts: { containerPath: string; hostPath: string; readOnly: boolean }[];
	devices: { containerPath: string; hostPath: string; permissions: string }[];
	annotations: Record<string, string>;
	/** Fully qualified names (vendor.com/class=device). */
	cdiDevices: string[];
}

export class DevicePlugin {
	readonly resource: string;
	readonly settings: DevicePluginSettings;
	/** Whether a device is healthy, by its id. */
	devices: ReadonlyMap<string, boolean> = new Map();
	/** Of NUMA nodes, by the device's id. */
	topology: ReadonlyMap<string, readonly number[]> = new Map();
	readonly #client: GrpcClient;
	readonly #ended = new AbortController();

	constructor(resource: string, socket: string, settings: DevicePluginSettings) {
		this.resource = resource;
		this.settings = settings;
		this.#client = new GrpcClient(socket);
	}

	/** Asks a plugin that was found by its socket what it wants. */
	static async settingsOf(socket: string): Promise<DevicePluginSettings> {
		const client = new GrpcClient(socket);
		try {
			return settingsFrom(await client.call(DEVICE_PLUGIN.getDevicePluginOptions, {}, OPTIONS_TIMEOUT_MS));
		} finally {
			client.close();
		}
	}

	/** Resolves when the plugin is gone or another has taken its place; `onChange` is called with each list. */
	async follow(onChange: () => void): Promise<void> {
		await this.#client.follow(
			DEVICE_PLUGIN.listAndWatch,
			{},
			({ devices = [] }) => {
				const listed = (devices as Message[]).slice(0, DEVICES_MAX);
				this.devices = new Map(listed.map((device) => [String(device["ID"] ?? ""), device["health"] === HEALTHY]));
				this.topology = new Map(listed.map((device) => [String(device["ID"] ?? ""), numaNodes(device)]));
				onChange();
			},
			this.#ended.signal,
		);
		this.devices = new Map([...this.devices.keys()].map((id) => [id, false]));
	}

	async preferred(available: readonly string[], mustInclude: readonly string[], size: number): Promise<string[]> {
		const containerRequests = [{ availableDeviceIDs: [...available], mustIncludeDeviceIDs: [...mustInclude], allocationSize: size }];
		const answer = await this.#client.call(DEVICE_PLUGIN.getPreferredAllocation, { containerRequests }, ALLOCATE_TIMEOUT_MS);
		const [first] = (answer["containerResponses"] ?? []) as Message[];
		return (first?.["deviceIDs"] ?? []) as string[];
	}

	async allocate(ids: readonly string[]): Promise<DeviceGrant> {
		const answer = await this.#client.call(DEVICE_PLUGIN.allocate, { containerRequests: [{ devicesIds: [...ids] }] }, ALLOCATE_TIMEOUT_MS);
		const [first] = (answer["containerResponses"] ?? []) as Message[];
		if (first === undefined) throw new Error("no containers return in allocation response");
		return grantFrom(first);
	}

	async preStart(ids: readonly string[]): Promise<void> {
		await this.#client.call(DEVICE_PLUGIN.preStartContainer, { devicesIds: [...ids] }, PRE_START_TIMEOUT_MS);
	}

	end(): void {
		this.#ended.abort();
		this.#client.close();
	}
}

export function settingsFrom(options: Message | undefined): DevicePluginSettings {
	return { preStartRequired: options?.["preStartRequired"] === true, getPreferredAllocationAvailable: options?.["getPreferredAllocationAvailable"] === true };
}

const numaNodes = ({ topology }: Message): number[] => (((topology as Message | undefined)?.["nodes"] ?? []) as Message[]).map(({ ID = 0 }) => Number(ID));

function grantFrom(answer: Message): DeviceGrant {
	const listOf = (name: string): Message[] => (answer[name] ?? []) as Message[];
	const paths = (one: Message) => ({ containerPath: String(one["containerPath"] ?? ""), hostPath: String(one["hostPath"] ?? "") });
	return {
		envs: (answer["envs"] ?? {}) as Record<string, string>,
		mounts: listOf("mounts").map((one) => ({ ...paths(one), readOnly: one["readOnly"] === true })),
		devices: listOf("devices").map((one) => ({ ...paths(one), permissions: String(one["permissions"] ?? "") })),
		annotations: (answer["annotations"] ?? {}) as Record<string, string>,
		cdiDevices: listOf("cdiDevices").map(({ name = "" }) => String(name)),
	};
}
