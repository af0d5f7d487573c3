/**
 * Kubelet's plugin registration: whoever puts a socket below plugins_registry is asked what it is, handed to who uses plugins of
 * its type, and told how that went; when the socket goes, so does the plugin. (k8s.io/kubelet/pkg/apis/pluginregistration/v1)
 */
import { type FSWatcher, watch } from "node:fs";
import { mkdir, readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { isMissing } from "../atomic-file.ts";
import type { Clock } from "../clock.ts";
import { errorText, type Logger } from "../log.ts";
import { RetryDelay } from "../retry-delay.ts";
import { messageOf } from "../runtime/containerd/cri-messages.ts";
import { GrpcClient } from "../runtime/containerd/grpc-client.ts";

/** Below the kubelet's root. */
export const PLUGINS_REGISTRY = "plugins_registry";
/** How often the directory is read even when it reports no change. */
export const PLUGIN_LOOK_MS = 10_000;
/** What is written into a directory comes in bursts: it is read this long after the first sign. */
const SETTLE_MS = 20;
/** Kubelet's dialTimeoutDuration. */
const CALL_TIMEOUT_MS = 10_000;
/** Kubelet's back-off of a plugin that does not register, doubling. */
const RETRY_INITIAL_MS = 500;
const RETRY_MAX_MS = 122_000;
/** Directories below plugins_registry that are watched: a link to / would be a whole machine. */
const DIRECTORIES_MAX = 64;

export type PluginType = "CSIPlugin" | "DRAPlugin" | "DevicePlugin";

/** A plugin as it has introduced itself. */
export interface Plugin {
	type: string;
	name: string;
	/** The socket that it serves on; the one that it registered by if it names no other. */
	endpoint: string;
	versions: readonly string[];
}

/** Who uses the plugins of a type. */
export interface PluginHandler {
	/** Throws why the plugin cannot be used. */
	validate(plugin: Plugin): void;
	register(plugin: Plugin): Promise<void>;
	/** Its socket is gone, or another one is in its place. */
	deregister(plugin: Plugin): Promise<void>;
}

export const PLUGIN_REGISTRATION = {
	getInfo: {
		path: "/pluginregistration.Registration/GetInfo",
		request: messageOf("InfoRequest", {}),
		response: messageOf("PluginInfo", { 1: ["type", "string"], 2: ["name", "string"], 3: ["endpoint", "string"], 4: ["supportedVersions", ["string"]] }),
	},
	notifyRegistrationStatus: {
		path: "/pluginregistration.Registration/NotifyRegistrationStatus",
		request: messageOf("RegistrationStatus", { 1: ["pluginRegistered", "bool"], 2: ["error", "string"] }),
		response: messageOf("RegistrationStatusResponse", {}),
	},
} as const;

export interface PluginWatcherOptions {
	/** The plugins_registry directory. */
	directory: string;
	handlers: Partial<Record<PluginType, PluginHandler>>;
	clock: Clock;
	log: Logger;
}

interface Socket {
	/** Tells it from a later one of the same name. */
	identity: string;
	/** Set once it is registered. */
	plugin?: Plugin;
	retry: RetryDelay;
	/** Not tried before. */
	dueMs: number;
}

export class PluginWatcher {
	readonly #options: PluginWatcherOptions;
	readonly #sockets = new Map<string, Socket>();
	readonly #watchers = new Map<string, FSWatcher>();
	#looking: Promise<void> | undefined;
	#again = false;
	#stopped = false;
	#cancel: () => void = () => undefined;

	constructor(options: PluginWatcherOptions) {
		this.#options = options;
	}

	/** Resolves when the plugins that are there already have been asked once. */
	async start(): Promise<void> {
		await mkdir(this.#options.directory, { recursive: true, mode: 0o755 });
		await this.#look();
	}

	/** Plugins stay as they are. */
	async stop(): Promise<void> {
		this.#stopped = true;
		this.#cancel();
		for (const watcher of this.#watchers.values()) watcher.close();
		this.#watchers.clear();
		await this.#looking;
	}

	#look(): Promise<void> {
		this.#cancel();
		this.#looking = this.#lookOnce()
			.catch((error: unknown) => this.#options.log.error("the plugins' directory cannot be read", { directory: this.#options.directory, error }))
			.finally(() => {
				this.#looking = undefined;
				const nowMs = this.#options.clock.nowMs();
				const waits = [...this.#sockets.values()].filter(({ plugin }) => !plugin).map(({ dueMs }) => dueMs - nowMs);
				this.#soon(this.#again ? SETTLE_MS : Math.max(0, Math.min(PLUGIN_LOOK_MS, ...waits)));
				this.#again = false;
			});
		return this.#looking;
	}

	#noticed(): void {
		if (this.#looking) this.#again = true;
		else this.#soon(SETTLE_MS);
	}

	#soon(delayMs: number): void {
		this.#cancel();
		if (!this.#stopped) this.#cancel = this.#options.clock.after(delayMs, () => void this.#look());
	}

	async #lookOnce(): Promise<void> {
		const present = await this.#read();
		const nowMs = this.#options.clock.nowMs();
		for (const [path, socket] of this.#sockets) {
			if (present.get(path) === socket.identity) continue;
			this.#sockets.delete(path);
			if (socket.plugin) await this.#deregister(socket.plugin);
		}
		for (const [path, identity] of present)
			if (!this.#sockets.has(path)) this.#sockets.set(path, { identity, retry: new RetryDelay(Math.random, RETRY_INITIAL_MS, RETRY_MAX_MS), dueMs: 0 });
		const due = [...this.#sockets].filter(([, { plugin, dueMs }]) => !plugin && dueMs <= nowMs);
		await Promise.all(due.map(([path, socket]) => this.#tryToRegister(path, socket)));
	}

	/** The sockets below the directory, hidden ones left out, as kubelet does. */
	async #read(): Promise<Map<string, string>> {
		const sockets = new Map<string, string>();
		const directories = [this.#options.directory];
		for (const directory of directories) {
			this.#watch(directory);
			for (const entry of await readdir(directory, { withFileTypes: true }).catch(ofMissing)) {
				if (entry.name.startsWith(".")) continue;
				const path = join(directory, entry.name);
				if (entry.isDirectory() && directories.length < DIRECTORIES_MAX) directories.push(path);
				if (!entry.isSocket()) continue;
				const info = await stat(path).catch(() => undefined);
				if (info) sockets.set(path, `${info.ino}/${info.ctimeMs}`);
			}
		}
		for (const [directory, watcher] of this.#watchers) {
			if (directories.includes(directory)) continue;
			watcher.close();
			this.#watchers.delete(directory);
		}
		return sockets;
	}

	#watch(directory: string): void {
		if (this.#watchers.has(directory) || this.#stopped) return;
		try {
			const watcher = watch(directory, { persistent: false }, () => this.#noticed());
			watcher.on("error", () => this.#watchers.delete(directory));
			this.#watchers.set(directory, watcher);
		} catch (error) {
			// The kernel has no watch left, or the directory has gone: it is read now and then all the same.
			this.#options.log.debug("a plugins' directory cannot be watched", { directory, error });
		}
	}

	async #tryToRegister(path: string, socket: Socket): Promise<void> {
		const { clock, log } = this.#options;
		try {
			socket.plugin = await this.#register(path);
			log.info("a plugin registered", { type: socket.plugin.type, name: socket.plugin.name, endpoint: socket.plugin.endpoint });
		} catch (error) {
			socket.dueMs = clock.nowMs() + socket.retry.next();
			log.warn("a plugin did not register", { socket: path, error: errorText(error) });
		}
	}

	async #register(path: string): Promise<Plugin> {
		const client = new GrpcClient(path);
		try {
			const info = await client.call(PLUGIN_REGISTRATION.getInfo, {}, CALL_TIMEOUT_MS);
			const versions = (info.supportedVersions ?? []) as string[];
			const plugin: Plugin = { type: String(info.type ?? ""), name: String(info.name ?? ""), endpoint: String(info.endpoint || path), versions };
			const refusal = await this.#handOver(plugin, path);
			const status = { pluginRegistered: refusal === undefined, ...(refusal === undefined ? {} : { error: refusal }) };
			await client.call(PLUGIN_REGISTRATION.notifyRegistrationStatus, status, CALL_TIMEOUT_MS).catch(async (error: unknown) => {
				// One that cannot hear it is registered will come again.
				if (refusal === undefined) await this.#deregister(plugin);
				throw error;
			});
			if (refusal !== undefined) throw new Error(refusal);
			return plugin;
		} finally {
			client.close();
		}
	}

	/** Why the plugin is not taken, if it is not. */
	async #handOver(plugin: Plugin, path: string): Promise<string | undefined> {
		const handler = this.#options.handlers[plugin.type as PluginType];
		if (handler === undefined) return `RegisterPlugin error -- no handler registered for plugin type: ${plugin.type} at socket ${path}`;
		try {
			handler.validate(plugin);
		} catch (error) {
			return `RegisterPlugin error -- plugin validation failed with err: ${errorText(error)}`;
		}
		try {
			await handler.register(plugin);
			return undefined;
		} catch (error) {
			return `RegisterPlugin error -- plugin registration failed with err: ${errorText(error)}`;
		}
	}

	async #deregister(plugin: Plugin): Promise<void> {
		const { handlers, log } = this.#options;
		try {
			await handlers[plugin.type as PluginType]?.deregister(plugin);
			log.info("a plugin has gone", { type: plugin.type, name: plugin.name });
		} catch (error) {
			log.warn("a plugin that has gone could not be let go", { type: plugin.type, name: plugin.name, error });
		}
	}
}

function ofMissing(error: unknown): [] {
	if (isMissing(error)) return [];
	throw error;
}
