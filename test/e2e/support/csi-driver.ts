/** A CSI driver beside an agent, as a plain process would be: registers with it, and shows directories of its own as volumes. */
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, rmSync, symlinkSync, unlinkSync } from "node:fs";
import { join } from "node:path";
import { PLUGIN_REGISTRATION } from "../../../src/agent/plugins/plugin-watcher.ts";
import { NODE_CAPABILITY } from "../../../src/agent/volumes/csi/csi-messages.ts";
import { SampleCsiDriver } from "../../support/csi-node.ts";
import { type GrpcServer, serveGrpc } from "../../support/grpc-server.ts";

export const CSI_DRIVER = "sample.petrel.dev";

export class NodeDriver {
	readonly node: SampleCsiDriver;
	readonly root: string;
	readonly #backing: string;
	readonly #registrationSocket: string;
	#registration: GrpcServer | undefined;

	/** `nodeDirectory`: the agent's data directory. `mounts`: whether volumes are bind mounts; links where nothing can be mounted. */
	constructor(nodeDirectory: string, mounts: boolean) {
		this.root = readFileSync(join(nodeDirectory, "kubelet-root"), "utf8").trim();
		this.#backing = join(nodeDirectory, "csi-volumes");
		this.#registrationSocket = join(this.root, "plugins_registry", "sample-reg.sock");
		this.node = new SampleCsiDriver(join(this.root, "plugins", CSI_DRIVER), {
			nodeId: "the-machine",
			maxVolumes: 4,
			topology: { "topology.sample.petrel.dev/node": "the-machine" },
			capabilities: [NODE_CAPABILITY.stageUnstage, NODE_CAPABILITY.getVolumeStats],
			publish: async ({ volumeId, targetPath }) => this.#publish(String(targetPath), this.directory(String(volumeId)), mounts),
			unpublish: async (target) => this.#unpublish(target, mounts),
		});
	}

	/** What a volume holds. */
	directory(volumeId: string): string {
		const path = join(this.#backing, volumeId);
		mkdirSync(path, { recursive: true, mode: 0o777 });
		return path;
	}

	async start(): Promise<void> {
		await this.node.start();
		const info = { type: "CSIPlugin", name: CSI_DRIVER, endpoint: this.node.socket, supportedVersions: ["1.0.0"] };
		this.#registration = await serveGrpc(this.#registrationSocket, [
			[PLUGIN_REGISTRATION.getInfo, () => info],
			[PLUGIN_REGISTRATION.notifyRegistrationStatus, () => ({})],
		]);
	}

	async stop(): Promise<void> {
		await this.#registration?.close();
		await this.node.stop();
		rmSync(join(this.root, "plugins", CSI_DRIVER), { recursive: true, force: true });
	}

	#publish(target: string, directory: string, mounts: boolean): void {
		if (existsSync(target)) return;
		if (!mounts) return symlinkSync(directory, target);
		mkdirSync(target);
		execFileSync("mount", ["--bind", directory, target]);
	}

	#unpublish(target: string, mounts: boolean): void {
		if (!mounts) return unlinkSync(target);
		execFileSync("umount", [target]);
		rmSync(target, { recursive: true });
	}
}
