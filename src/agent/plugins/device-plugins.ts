/**
 * Kubelet's device manager: plugins register at device-plugins/kubelet.sock (or below plugins_registry), list their devices, which
 * the node then has as an extended resource, and are asked for each container that gets some.
 */
import { readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import type { Message } from "../../core/codec/message.ts";
import { isExtendedResource } from "../../core/kinds/resource-validation.ts";
import type { Container, Pod, ResourceStatus } from "../../core/schema/kubernetes.d.ts";
import type { Clock } from "../clock.ts";
import type { Logger } from "../log.ts";
import { isSidecar } from "../pod-names.ts";
import { parseQuantityNumber } from "../quantity-number.ts";
import { GrpcError, GRPC_STATUS } from "../runtime/containerd/grpc-client.ts";
import { DeviceAllocations } from "./device-allocations.ts";
import { type DeviceGrant, DevicePlugin, type DevicePluginSettings, settingsFrom } from "./device-plugin.ts";
import { DEVICE_PLUGIN_VERSION, REGISTRATION } from "./device-plugin-messages.ts";
import { type GrpcServer, serveGrpc } from "./grpc-server.ts";
import { type DynamicResourcesOf, servePodResources } from "./pod-resources.ts";
import type { Plugin, PluginHandler } from "./plugin-watcher.ts";
import { rpcErrorText } from "./rpc-error.ts";

/** Below the kubelet's root. */
export const DEVICE_PLUGINS = "device-plugins";
export const KUBELET_SOCKET = "kubelet.sock";
const CHECKPOINT_FILE = "kubelet_internal_checkpoint";
/** Kubelet's: how long the node keeps the resource of a plugin that went, with no device of it healthy. */
export const ENDPOINT_STOP_GRACE_MS = 300_000;
/** Kinds of devices on one node. */
const RESOURCES_MAX = 128;

export interface DevicePluginsOptions {
	/** The device-plugins directory. */
	directory: string;
	clock: Clock;
	log: Logger;
	/** Where monitoring agents ask who has what. */
	podResourcesSocket: string;
	/** What containers have of their pods' claims, for those who ask. */
	dynamicResources: DynamicResourcesOf;
	/** Pods that should run; undefined while that is not known. */
	active(): readonly Pod[] | undefined;
	/** The node's resources, or the health of pods' devices, changed. */
	onChange(podUids: ReadonlySet<string>): void;
}

interface Endpoint {
	plugin: DevicePlugin;
	/** When it went. */
	stoppedAtMs?: number;
}

export interface DeviceResources {
	capacity: Record<string, string>;
	allocatable: Record<string, string>;
}

export class DevicePlugins implements PluginHandler {
	readonly #options: DevicePluginsOptions;
	readonly #allocations: DeviceAllocations;
	/** By resource. */
	readonly #endpoints = new Map<string, Endpoint>();
	#servers: GrpcServer[] = [];
	/** Allocations go one after the other: each must see what the one before has taken. */
	#queue: Promise<unknown> = Promise.resolve();

	constructor(options: DevicePluginsOptions) {
		this.#options = options;
		this.#allocations = new DeviceAllocations(join(options.directory, CHECKPOINT_FILE));
	}

	/** Old sockets go: a plugin sees by that, or by kubelet's new one, that it must register again. */
	async start(): Promise<void> {
		const { directory, podResourcesSocket, active, dynamicResources } = this.#options;
		await this.#allocations.load();
		for (const entry of await readdir(directory, { withFileTypes: true }).catch(() => []))
			if (entry.isSocket()) await rm(join(directory, entry.name), { force: true });
		this.#servers = [
			await serveGrpc(join(directory, KUBELET_SOCKET), [[REGISTRATION.register, (request) => this.#registered(request)]]),
			await servePodResources(podResourcesSocket, this, () => active() ?? [], dynamicResources),
		];
	}

	async stop(): Promise<void> {
		for (const { plugin } of this.#endpoints.values()) plugin.end();
		this.#endpoints.clear();
		await Promise.all(this.#servers.map((server) => server.close()));
	}

	#registered(request: Message): Message {
		const resource = String(request["resourceName"] ?? "");
		try {
			check([String(request["version"] ?? "")], resource);
		} catch (error) {
			throw new GrpcError(GRPC_STATUS.unknown, (error as Error).message);
		}
		const socket = join(this.#options.directory, String(request["endpoint"] ?? ""));
		this.#connect(resource, socket, settingsFrom(request["options"] as Message | undefined));
		return {};
	}

	validate({ name, versions }: Plugin): void {
		check(versions, name);
	}

	async register({ name, endpoint }: Plugin): Promise<void> {
		this.#connect(name, endpoint, await DevicePlugin.settingsOf(endpoint));
	}

	async deregister({ name }: Plugin): Promise<void> {
		this.#endpoints.get(name)?.plugin.end();
	}

	#connect(resource: string, socket: string, settings: DevicePluginSettings): void {
		const { log, clock } = this.#options;
		this.#endpoints.get(resource)?.plugin.end();
		if (!this.#endpoints.has(resource) && this.#endpoints.size >= RESOURCES_MAX) throw new GrpcError(GRPC_STATUS.unknown, "too many device plugins");
		const endpoint: Endpoint = { plugin: new DevicePlugin(resource, socket, settings) };
		this.#endpoints.set(resource, endpoint);
		this.#allocations.know(resource);
		void this.#save();
		log.info("a device plugin registered", { resource, socket });
		const changed = () => this.#changed(resource, endpoint);
		void endpoint.plugin.follow(changed).then(() => {
			endpoint.stoppedAtMs = clock.nowMs();
			if (this.#endpoints.get(resource) !== endpoint) return;
			log.warn("a device plugin is gone", { resource });
			changed();
			clock.after(ENDPOINT_STOP_GRACE_MS, changed);
		});
	}

	#changed(resource: string, endpoint: Endpoint): void {
		if (this.#endpoints.get(resource) !== endpoint) return;
		const owners = [...this.#allocations.podUids()].filter((uid) => this.#allocations.of(uid).some((one) => one.resource === resource));
		this.#options.onChange(new Set(owners));
	}

	async #save(): Promise<void> {
		await this.#allocations.save().catch((error: unknown) => this.#options.log.error("who has which devices cannot be kept on disk", { error }));
	}

	/** For the node's status: the devices there are, and the healthy ones. What is gone counts as none. */
	get resources(): DeviceResources {
		const nowMs = this.#options.clock.nowMs();
		const out: DeviceResources = { capacity: {}, allocatable: {} };
		for (const resource of this.#allocations.resources) {
			const endpoint = this.#endpoints.get(resource);
			const gone = endpoint === undefined || (endpoint.stoppedAtMs !== undefined && nowMs - endpoint.stoppedAtMs >= ENDPOINT_STOP_GRACE_MS);
			out.capacity[resource] = String(gone ? 0 : endpoint.plugin.devices.size);
			out.allocatable[resource] = String(gone ? 0 : this.#healthy(resource).size);
		}
		return out;
	}

	#healthy(resource: string): Set<string> {
		const devices = this.#endpoints.get(resource)?.plugin.devices ?? new Map<string, boolean>();
		return new Set([...devices].filter(([, healthy]) => healthy).map(([id]) => id));
	}

	/** Gives a pod's containers their devices. Rejects with kubelet's words; the pod then has none. */
	allocate(pod: Pod): Promise<void> {
		if (!allContainers(pod).some((container) => this.#asked(container).length > 0)) return Promise.resolve();
		const allocated = this.#queue.then(() => this.#allocatePod(pod));
		this.#queue = allocated.catch(() => undefined);
		return allocated;
	}

	async #allocatePod(pod: Pod): Promise<void> {
		const uid = pod.metadata.uid ?? "";
		this.#freeInactive(uid);
		/** By resource, what an init container had that is over before others start. */
		const reusable = new Map<string, Set<string>>();
		try {
			for (const container of pod.spec?.initContainers ?? []) {
				await this.#allocateContainer(uid, container, reusable);
				for (const { resource, ids } of this.#allocations.of(uid, container.name)) {
					const set = reusable.get(resource) ?? new Set();
					for (const id of ids) isSidecar(container) ? set.delete(id) : set.add(id);
					reusable.set(resource, set);
				}
			}
			for (const container of pod.spec?.containers ?? []) {
				await this.#allocateContainer(uid, container, reusable);
				for (const { resource, ids } of this.#allocations.of(uid, container.name)) for (const id of ids) reusable.get(resource)?.delete(id);
			}
		} catch (error) {
			this.#allocations.removePod(uid);
			throw error;
		} finally {
			await this.#save();
		}
	}

	#freeInactive(uid: string): void {
		const pods = this.#options.active();
		const active = pods && new Set(pods.map(({ metadata }) => metadata.uid ?? ""));
		if (active) for (const other of this.#allocations.podUids()) if (other !== uid && !active.has(other)) this.#allocations.removePod(other);
	}

	async #allocateContainer(podUid: string, container: Container, reusable: ReadonlyMap<string, ReadonlySet<string>>): Promise<void> {
		for (const [resource, needed] of this.#asked(container)) {
			if (this.#allocations.find(podUid, container.name, resource)) continue;
			const plugin = this.#endpoints.get(resource)?.plugin;
			if (plugin === undefined) throw new Error(`cannot allocate unregistered device ${resource}`);
			const ids = await this.#choose(plugin, needed, reusable.get(resource) ?? new Set());
			const grant = await plugin.allocate(ids).catch((error: unknown) => {
				throw new Error(rpcErrorText(error), { cause: error });
			});
			this.#allocations.add({ podUid, container: container.name, resource, ids, grant });
		}
	}

	async #choose(plugin: DevicePlugin, needed: number, reusable: ReadonlySet<string>): Promise<string[]> {
		const { resource } = plugin;
		const healthy = this.#healthy(resource);
		if (healthy.size === 0) throw new Error(`no healthy devices present; cannot allocate unhealthy devices ${resource}`);
		const taken = [...reusable].slice(0, needed);
		const used = this.#allocations.used(resource);
		const free = [...healthy].filter((id) => !used.has(id)).sort();
		const missing = needed - taken.length;
		if (free.length < missing) throw new Error(`requested number of devices unavailable for ${resource}. Requested: ${missing}, Available: ${free.length}`);
		if (missing === 0 || !plugin.settings.getPreferredAllocationAvailable) return [...taken, ...free.slice(0, missing)];
		const preferred = await plugin.preferred([...taken, ...free], taken, needed).catch((error: unknown) => {
			throw new Error(rpcErrorText(error), { cause: error });
		});
		const wanted = preferred.filter((id) => free.includes(id));
		return [...new Set([...taken, ...wanted, ...free])].slice(0, needed);
	}

	/** What a container asks of plugins' resources: limits, which are its requests too. */
	#asked(container: Container): [resource: string, count: number][] {
		const limits = Object.entries(container.resources?.limits ?? {});
		return limits
			.filter(([resource]) => this.#allocations.resources.has(resource))
			.map(([resource, text]): [string, number] => [resource, parseQuantityNumber(text)])
			.filter(([, count]) => count > 0);
	}

	/** What the container gets with its devices, once its plugins have been told that it starts. */
	async prepare(pod: Pod, container: Container): Promise<DeviceGrant[]> {
		const allocations = this.#allocations.of(pod.metadata.uid ?? "", container.name);
		for (const { resource, ids } of allocations) {
			const plugin = this.#endpoints.get(resource)?.plugin;
			if (!plugin?.settings.preStartRequired) continue;
			await plugin.preStart(ids).catch((error: unknown) => {
				throw new Error(`device plugin PreStartContainer rpc failed with err: ${rpcErrorText(error)}`, { cause: error });
			});
		}
		return allocations.map(({ grant }) => grant);
	}

	/** For a container's status: the health of the devices that it has. */
	statusOf(podUid: string, container: string): ResourceStatus[] {
		return this.#allocations.of(podUid, container).map(({ resource, ids }) => {
			const devices = this.#endpoints.get(resource)?.plugin.devices;
			const health = (id: string): string => ({ true: "Healthy", false: "Unhealthy", undefined: "Unknown" })[String(devices?.get(id))] ?? "Unknown";
			return { name: resource, resources: [...ids].sort().map((id) => ({ resourceID: id, health: health(id) })) };
		});
	}

	/** By container of a pod, for podresources. */
	allocatedTo(podUid: string, container: string): { resource: string; ids: string[]; numaNodes: number[] }[] {
		return this.#allocations.of(podUid, container).map(({ resource, ids }) => ({ resource, ids, numaNodes: this.#numaNodes(resource, ids) }));
	}

	/** Every healthy device of the node. */
	allocatable(): { resource: string; ids: string[]; numaNodes: number[] }[] {
		return [...this.#endpoints.keys()].map((resource) => {
			const ids = [...this.#healthy(resource)].sort();
			return { resource, ids, numaNodes: this.#numaNodes(resource, ids) };
		});
	}

	#numaNodes(resource: string, ids: readonly string[]): number[] {
		const topology = this.#endpoints.get(resource)?.plugin.topology;
		return [...new Set(ids.flatMap((id) => topology?.get(id) ?? []))].sort((a, b) => a - b);
	}

	/** The pod is gone, or was not taken. */
	forget(podUid: string): void {
		if (this.#allocations.of(podUid).length === 0) return;
		this.#allocations.removePod(podUid);
		void this.#save();
	}
}

const allContainers = ({ spec }: Pod): Container[] => [...(spec?.initContainers ?? []), ...(spec?.containers ?? [])];

function check(versions: readonly string[], resource: string): void {
	if (!versions.includes(DEVICE_PLUGIN_VERSION)) {
		throw new Error(`requested API version "${versions.join(",")}" is not supported by kubelet. Supported versions are ["${DEVICE_PLUGIN_VERSION}"]`);
	}
	if (!isExtendedResource(resource)) throw new Error(`the ResourceName "${resource}" is invalid`);
}
