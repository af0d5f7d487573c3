/** A sample driver of dynamic resources, as vendors write them: registers as kubelet's plugins do, and names a CDI device for each that a claim got. */
import { mkdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { DRA_SERVICES } from "../../src/agent/plugins/dra-messages.ts";
import { PLUGIN_REGISTRATION } from "../../src/agent/plugins/plugin-watcher.ts";
import type { Message } from "../../src/core/codec/message.ts";
import { type GrpcServer, serveGrpc } from "./grpc-server.ts";

export interface SampleDraDriverOptions {
	name: string;
	/** Kubelet's root. */
	root: string;
	/** What it registers as. */
	service?: string;
	/** Of a claim, by its name. */
	devices(claim: string): { requestNames: string[]; poolName: string; deviceName: string }[];
}

export class SampleDraDriver {
	/** What it was asked, in order: "prepare gpu". */
	readonly calls: string[] = [];
	/** Said of each claim instead of its devices. */
	refuses: string | undefined;
	readonly #options: SampleDraDriverOptions;
	#servers: GrpcServer[] = [];
	#onCall: () => void = () => undefined;

	constructor(options: SampleDraDriverOptions) {
		this.#options = options;
	}

	get socket(): string {
		return join(this.#options.root, "plugins", this.#options.name, "dra.sock");
	}

	async start(): Promise<void> {
		const { name, root, service = "v1.DRAPlugin" } = this.#options;
		const methods = DRA_SERVICES[service];
		if (methods === undefined) throw new Error(`there is no ${service}`);
		mkdirSync(dirname(this.socket), { recursive: true });
		const info = { type: "DRAPlugin", name, endpoint: this.socket, supportedVersions: [service] };
		this.#servers = [
			await serveGrpc(this.socket, [
				[methods.prepare, (request) => this.#answer("prepare", request)],
				[methods.unprepare, (request) => this.#answer("unprepare", request)],
			]),
			await serveGrpc(join(root, "plugins_registry", `${name}-reg.sock`), [
				[PLUGIN_REGISTRATION.getInfo, () => info],
				[PLUGIN_REGISTRATION.notifyRegistrationStatus, () => ({})],
			]),
		];
	}

	async stop(): Promise<void> {
		await Promise.all(this.#servers.map((server) => server.close()));
		this.#servers = [];
	}

	/** Resolves when it has been asked this. */
	async called(call: string): Promise<void> {
		while (!this.calls.includes(call)) await new Promise<void>((resolve) => (this.#onCall = resolve));
	}

	#answer(what: "prepare" | "unprepare", request: Message): Message {
		const claims = (request["claims"] ?? []) as { name: string; uid: string }[];
		for (const { name } of claims) this.calls.push(`${what} ${name}`);
		this.#onCall();
		const one = (claim: string): Message => {
			if (this.refuses !== undefined) return { error: this.refuses };
			if (what === "unprepare") return {};
			return { devices: this.#options.devices(claim).map((device) => ({ ...device, cdiDeviceIds: [`${this.#options.name}/device=${device.deviceName}`] })) };
		};
		return { claims: Object.fromEntries(claims.map(({ name, uid }) => [uid, one(name)])) };
	}
}
