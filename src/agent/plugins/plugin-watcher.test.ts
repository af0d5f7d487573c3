import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Message } from "../../core/codec/message.ts";
import { type GrpcServer, serveGrpc } from "../../../test/support/grpc-server.ts";
import { systemClock } from "../clock.ts";
import { silentLogger } from "../log.ts";
import { type Plugin, PLUGIN_REGISTRATION, type PluginHandler, PluginWatcher } from "./plugin-watcher.ts";

class Recorder implements PluginHandler {
	readonly told: string[] = [];
	#wake: () => void = () => undefined;

	validate({ versions }: Plugin): void {
		if (!versions.includes("1.0.0")) throw new Error(`unsupported versions ${versions.join(",")}`);
	}
	async register({ name, endpoint }: Plugin): Promise<void> {
		this.#tell(`+${name} ${endpoint}`);
	}
	async deregister({ name }: Plugin): Promise<void> {
		this.#tell(`-${name}`);
	}
	#tell(what: string): void {
		this.told.push(what);
		this.#wake();
	}
	async has(count: number): Promise<void> {
		while (this.told.length < count) await new Promise<void>((resolve) => (this.#wake = resolve));
	}
}

describe("PluginWatcher", () => {
	let directory: string;
	let watcher: PluginWatcher;
	let servers: GrpcServer[];

	beforeEach(() => {
		directory = mkdtempSync(join(tmpdir(), "petrel-plugins-"));
		servers = [];
	});
	afterEach(async () => {
		await watcher.stop();
		for (const server of servers) await server.close();
		rmSync(directory, { recursive: true, force: true });
	});

	async function watch(csi: Recorder): Promise<void> {
		watcher = new PluginWatcher({ directory, handlers: { CSIPlugin: csi }, clock: systemClock, log: silentLogger });
		await watcher.start();
	}

	/** A plugin that listens, and what it is told of its registration. */
	async function plugin(socket: string, info: Message): Promise<{ status: Promise<Message> }> {
		let tell: (status: Message) => void = () => undefined;
		const status = new Promise<Message>((resolve) => {
			tell = resolve;
		});
		servers.push(
			await serveGrpc(join(directory, socket), [
				[PLUGIN_REGISTRATION.getInfo, () => info],
				[
					PLUGIN_REGISTRATION.notifyRegistrationStatus,
					(request) => {
						tell(request);
						return {};
					},
				],
			]),
		);
		return { status };
	}

	const info = (over: Message = {}): Message => ({
		type: "CSIPlugin",
		name: "csi.example.com",
		endpoint: "/csi/csi.sock",
		supportedVersions: ["1.0.0"],
		...over,
	});

	it("registers a plugin that was there before, and tells it so", async () => {
		const { status } = await plugin("driver-reg.sock", info());
		const csi = new Recorder();
		await watch(csi);
		expect(await status).toEqual({ pluginRegistered: true });
		expect(csi.told).toEqual(["+csi.example.com /csi/csi.sock"]);
	});

	it("finds plugins that come later, in subdirectories too, and lets them go with their sockets", async () => {
		const csi = new Recorder();
		await watch(csi);
		await plugin("first.sock", info({ endpoint: "" }));
		await csi.has(1);
		await plugin("below/second.sock", info({ name: "second" }));
		await csi.has(2);
		expect(csi.told).toEqual([`+csi.example.com ${join(directory, "first.sock")}`, "+second /csi/csi.sock"]);
		rmSync(join(directory, "first.sock"));
		await csi.has(3);
		expect(csi.told[2]).toBe("-csi.example.com");
	});

	it("says to a plugin why it is refused", async () => {
		await watch(new Recorder());
		const unknown = await plugin("unknown.sock", info({ type: "Toaster" }));
		expect(await unknown.status).toEqual({
			pluginRegistered: false,
			error: `RegisterPlugin error -- no handler registered for plugin type: Toaster at socket ${join(directory, "unknown.sock")}`,
		});
		const old = await plugin("old.sock", info({ supportedVersions: ["0.3.0"] }));
		expect(await old.status).toEqual({
			pluginRegistered: false,
			error: "RegisterPlugin error -- plugin validation failed with err: unsupported versions 0.3.0",
		});
	});

	it("registers again a plugin whose socket was made anew", async () => {
		const csi = new Recorder();
		await watch(csi);
		await (await plugin("driver.sock", info())).status;
		await servers.pop()?.close();
		await plugin("driver.sock", info({ endpoint: "/csi/other.sock" }));
		await csi.has(3);
		expect(csi.told.slice(1)).toEqual(["-csi.example.com", "+csi.example.com /csi/other.sock"]);
	});
});
