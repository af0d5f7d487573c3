/** A control plane without any node: quick to start, for what needs the API alone. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ApiClient } from "../../../src/cli/api-client.ts";
import { controlPlane, serverUrl, waitUntilReady, writeControlPlane } from "../../../src/cli/control-plane.ts";
import { prepareCredentials } from "../../../src/cli/credentials.ts";
import { DataDirectory } from "../../../src/cli/data-directory.ts";
import { kubeconfigText } from "../../../src/cli/kubeconfig-file.ts";
import { choosePort } from "../../../src/cli/ports.ts";
import type { SupervisedProcess } from "../../../src/cli/supervised-process.ts";
import { Kubectl } from "./kubectl.ts";

const GRACE_MS = 3_000;
const LOG_CHARACTERS = 4_000;

export class ControlPlane {
	readonly data = new DataDirectory(mkdtempSync(join(tmpdir(), "petrel-e2e-")));
	readonly kubectl = new Kubectl(this.data.file("kubeconfig"));
	url = "";
	#process: SupervisedProcess | undefined;

	async start(): Promise<void> {
		this.data.prepare();
		const { ca, adminToken } = await prepareCredentials(this.data, Date.now());
		const port = await choosePort(undefined, undefined);
		await this.data.complete(port);
		await writeControlPlane(this.data, port);
		this.url = serverUrl(port);
		const server = { url: this.url, ca, token: adminToken };
		this.#process = controlPlane(this.data, { onChange: () => {}, onCrash: () => {} });
		await this.#process.start();
		await waitUntilReady(this.#process, new ApiClient(server), this.data.file("logs", "control-plane.log"));
		this.data.write("kubeconfig", kubeconfigText(server));
	}

	async dispose(): Promise<void> {
		await this.#process?.stop(GRACE_MS);
		rmSync(this.data.path, { recursive: true, force: true });
	}

	logs(): string {
		return (this.data.read("logs/control-plane.log") ?? "").slice(-LOG_CHARACTERS);
	}
}
