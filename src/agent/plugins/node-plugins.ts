/** All that plugs into a node by kubelet's sockets: drivers of volumes and of dynamic resources, and device plugins. */
import { join } from "node:path";
import type { Pod } from "../../core/schema/kubernetes.d.ts";
import type { Clock } from "../clock.ts";
import type { ApiClient } from "../control-plane-client.ts";
import type { Logger } from "../log.ts";
import { CsiDrivers } from "../volumes/csi/csi-drivers.ts";
import { DEVICE_PLUGINS, DevicePlugins } from "./device-plugins.ts";
import { DraDrivers } from "./dra-drivers.ts";
import { DRA_STATE_FILE, DynamicResources } from "./dynamic-resources.ts";
import { PLUGINS_REGISTRY, PluginWatcher } from "./plugin-watcher.ts";
import { POD_RESOURCES_SOCKET } from "./pod-resources.ts";

export interface NodePluginsOptions {
	/** Where plugins find what kubelet has for them. */
	kubeletRoot: string;
	api: ApiClient;
	nodeName: string;
	clock: Clock;
	log: Logger;
	/** Pods that should run; undefined while that is not known. */
	active(): readonly Pod[] | undefined;
	/** The node's devices, or the health of these pods' devices, changed. */
	onDevices(podUids: ReadonlySet<string>): void;
}

export class NodePlugins {
	readonly csiDrivers: CsiDrivers;
	readonly devices: DevicePlugins;
	readonly claimDevices: DynamicResources;
	readonly #draDrivers: DraDrivers;
	readonly #watcher: PluginWatcher;

	constructor(options: NodePluginsOptions) {
		const { kubeletRoot, api, clock, log } = options;
		this.csiDrivers = new CsiDrivers(options);
		this.#draDrivers = new DraDrivers(options);
		this.claimDevices = new DynamicResources({ drivers: this.#draDrivers, api, path: join(kubeletRoot, DRA_STATE_FILE) });
		this.devices = new DevicePlugins({
			directory: join(kubeletRoot, DEVICE_PLUGINS),
			podResourcesSocket: join(kubeletRoot, POD_RESOURCES_SOCKET),
			clock,
			log,
			active: () => options.active(),
			dynamicResources: (pod, container) => this.claimDevices.allocatedTo(pod, container),
			onChange: (podUids) => options.onDevices(podUids),
		});
		const handlers = { CSIPlugin: this.csiDrivers, DevicePlugin: this.devices, DRAPlugin: this.#draDrivers };
		this.#watcher = new PluginWatcher({ directory: join(kubeletRoot, PLUGINS_REGISTRY), handlers, clock, log });
	}

	/** What is known from before is known again; device plugins may come. */
	async load(): Promise<void> {
		await this.claimDevices.load();
		await this.devices.start();
	}

	/** Resolves when the plugins that are there already have been asked once. */
	async start(): Promise<void> {
		void this.csiDrivers.initialize();
		this.#draDrivers.start();
		await this.#watcher.start();
	}

	/** No more come, and device plugins are let go. */
	async stop(): Promise<void> {
		await this.#watcher.stop();
		await this.devices.stop();
	}

	/** When no pod is stopped any more. */
	close(): void {
		this.csiDrivers.close();
		this.#draDrivers.close();
	}
}
