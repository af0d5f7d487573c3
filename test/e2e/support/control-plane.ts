/** A control plane without any node: quick to start, for what needs the API alone. */
import { mkdtempSync, rmSync } from "node:fs";
import { Agent, request } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { ApiClient, type ApiServer } from "../../../src/cli/api-client.ts";
import { controlPlane, serverUrl, waitUntilReady, writeControlPlane } from "../../../src/cli/control-plane.ts";
import type { ControlPlaneSettings } from "../../../src/cli/control-plane-settings.ts";
import { prepareCredentials } from "../../../src/cli/credentials.ts";
import { DataDirectory } from "../../../src/cli/data-directory.ts";
import { kubeconfigText } from "../../../src/cli/kubeconfig-file.ts";
import { choosePort } from "../../../src/cli/ports.ts";
import type { ProcessIdentity } from "../../../src/cli/process-identity.ts";
import type { SupervisedProcess } from "../../../src/cli/supervised-process.ts";
import { Kubectl } from "./kubectl.ts";

const GRACE_MS = 3_000;
const LOG_CHARACTERS = 4_000;

export class ControlPlane {
	readonly data = new DataDirectory(mkdtempSync(join(tmpdir(), "petrel-e2e-")));
	readonly kubectl = new Kubectl(this.data.file("kubeconfig"));
	url = "";
	#process: SupervisedProcess | undefined;
	#server: ApiServer = { url: "" };
	#connections: Agent | undefined;
	#pid: number | undefined;
	#onStart: () => void = () => {};

	/** `listen` is where nodes reach it; without it this machine alone does. */
	async start(settings: ControlPlaneSettings = {}, listen?: string): Promise<void> {
		this.data.prepare();
		const { ca, adminToken } = await prepareCredentials(this.data, Date.now(), listen);
		const port = await choosePort(undefined, undefined, listen);
		await this.data.complete(port);
		await writeControlPlane(this.data, port, listen, settings);
		this.url = serverUrl(port, listen);
		this.#server = { url: this.url, ca, token: adminToken };
		this.#connections = new Agent({ keepAlive: true, ca });
		await this.comeBack();
		this.data.write("kubeconfig", kubeconfigText(this.#server));
	}

	/** Nothing answers at its address until it comes back. */
	async goAway(): Promise<void> {
		await this.#process?.stop(GRACE_MS);
		this.#process = undefined;
	}

	async comeBack(): Promise<void> {
		this.#process = controlPlane(this.data, { onChange: (identity) => this.#changed(identity), onCrash: () => {} });
		await this.#process.start();
		await this.#answers();
	}

	#answers(): Promise<void> {
		return waitUntilReady(this.#process as SupervisedProcess, new ApiClient(this.#server), this.data.file("logs", "control-plane.log"));
	}

	#changed(identity: ProcessIdentity | undefined): void {
		this.#pid = identity?.pid;
		if (identity !== undefined) this.#onStart();
	}

	/** Kills it as a crash would; resolves when its successor answers. */
	async crash(): Promise<void> {
		const started = new Promise<void>((resolve) => {
			this.#onStart = resolve;
		});
		process.kill(this.#pid as number, "SIGKILL");
		await started;
		await this.#answers();
	}

	/** A request as the administrator, over a connection that is kept. Rejects when no answer comes. */
	send<T>(method: string, path: string, body?: unknown, contentType = "application/json"): Promise<{ code: number; body: T }> {
		const headers = {
			accept: "application/json",
			authorization: `Bearer ${this.#server.token}`,
			...(body === undefined ? {} : { "content-type": contentType }),
		};
		return new Promise((resolve, reject) => {
			const call = request(`${this.url}${path}`, { method, headers, agent: this.#connections }, (response) => {
				text(response).then((answer) => resolve({ code: response.statusCode ?? 0, body: JSON.parse(answer) as T }), reject);
			});
			call.on("error", reject);
			call.end(body === undefined ? undefined : JSON.stringify(body));
		});
	}

	/** Like `send`, but rejects with the Status message of an answer that is not a success. */
	async call<T>(method: string, path: string, body?: unknown, contentType?: string): Promise<T> {
		const answer = await this.send<T>(method, path, body, contentType);
		if (answer.code >= 300) throw new Error(`${method} ${path}: ${(answer.body as { message?: string }).message ?? `HTTP ${answer.code}`}`);
		return answer.body;
	}

	async dispose(): Promise<void> {
		this.#connections?.destroy();
		await this.goAway();
		rmSync(this.data.path, { recursive: true, force: true });
	}

	logs(): string {
		return (this.data.read("logs/control-plane.log") ?? "").slice(-LOG_CHARACTERS);
	}
}
