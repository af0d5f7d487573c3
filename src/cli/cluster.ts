/** One cluster on this machine: its control plane and its agent, started in order, kept running, stopped in order. */
import { hostname } from "node:os";
import { setTimeout as delay } from "node:timers/promises";
import { buildExampleImage } from "../agent/image/example-image.ts";
import { installPackages, missingPackages } from "../agent/runtime/detect.ts";
import type { Node } from "../core/schema/kubernetes.d.ts";
import { agentProcess, cleanNode } from "./agent-process.ts";
import { ApiClient, type ApiServer } from "./api-client.ts";
import { CliError } from "./cli-error.ts";
import type { ControlPlaneSettings } from "./control-plane-settings.ts";
import { controlPlane, edgeUrl, serverUrl, waitUntilReady, writeControlPlane } from "./control-plane.ts";
import { type Credentials, prepareCredentials } from "./credentials.ts";
import type { DataDirectory, RunState } from "./data-directory.ts";
import { applyExample, askExample, waitForExample } from "./example.ts";
import { hostAndPort } from "./listen-address.ts";
import { kubeconfigText } from "./kubeconfig-file.ts";
import { endLeftovers } from "./leftovers.ts";
import { choosePort, HTTP_PORTS, HTTPS_PORTS, isFree } from "./ports.ts";
import { identify } from "./process-identity.ts";
import type { Progress } from "./progress.ts";
import type { RuntimeChoice } from "./runtime-choice.ts";
import type { SupervisedProcess } from "./supervised-process.ts";

const NODE_READY_TIMEOUT_MS = 90_000;
const POLL_INTERVAL_MS = 100;
const AGENT_GRACE_MS = 60_000;
/** workerd waits for its clients to hang up, watches among them; every answered write is on disk by then, so it need not. */
const CONTROL_PLANE_GRACE_MS = 500;
const PORT_ATTEMPTS = 3;

export interface ClusterOptions {
	/** What the API listens on. */
	listen: string;
	port: number | undefined;
	/** Of the edge. */
	httpPort: number | undefined;
	httpsPort: number | undefined;
	runtime: RuntimeChoice | undefined;
	nodeName: string | undefined;
	settings: ControlPlaneSettings;
}

export interface ExampleAnswer {
	url: string;
	answer: string;
}

interface Ports {
	port: number;
	httpPort: number;
	httpsPort: number;
}

export class Cluster {
	readonly #data: DataDirectory;
	readonly #options: ClusterOptions;
	readonly #progress: Progress;
	readonly nodeName: string;
	#state: RunState | undefined;
	#controlPlane: SupervisedProcess | undefined;
	#agent: SupervisedProcess | undefined;
	/** Where the agent ends TLS for the edge. */
	#edgeListen = "";
	#locked = false;
	#stopped: Promise<void> | undefined;
	#client: ApiClient | undefined;

	constructor(data: DataDirectory, options: ClusterOptions, progress: Progress) {
		this.#data = data;
		this.#options = options;
		this.#progress = progress;
		this.nodeName = options.nodeName ?? hostname().toLowerCase();
	}

	/** Everything up to a node that is ready. On an error the caller stops the cluster, which undoes what was done. */
	async start(): Promise<ApiServer> {
		this.#data.prepare();
		this.#data.lock();
		this.#locked = true;
		await endLeftovers(this.#data);
		const server = await this.#startControlPlane();
		await this.#startAgent(server);
		return server;
	}

	/** Rolls out the bundled example and asks it for its page. */
	async runExample(): Promise<ExampleAnswer> {
		const client = this.#requireClient();
		const { ref } = await buildExampleImage({ dataDir: this.#data.path });
		return this.#progress.step("Example: 3 pods behind a Service", async () => {
			const nodePort = await applyExample(client, ref);
			await waitForExample(client);
			return askExample(client, this.nodeName, nodePort);
		});
	}

	/** Ends everything and gives the directory free. Later calls wait for the first one. */
	stop(): Promise<void> {
		this.#stopped ??= this.#stop();
		return this.#stopped;
	}

	/** The directory is given free whatever fails on the way. */
	async #stop(): Promise<void> {
		if (!this.#locked) return;
		try {
			const agentRan = this.#agent?.running === true;
			await this.#agent?.stop(AGENT_GRACE_MS);
			if (this.#agent !== undefined && !agentRan) await cleanNode(this.#data);
		} finally {
			await this.#controlPlane?.stop(CONTROL_PLANE_GRACE_MS);
			this.#data.remove("run.json");
			this.#data.unlock();
		}
	}

	async #startControlPlane(): Promise<ApiServer> {
		return this.#progress.step("Control plane", async (note) => {
			const credentials = await prepareCredentials(this.#data, Date.now(), this.#options.listen);
			const { port, httpPort, httpsPort } = await this.#serve(credentials);
			const server = { url: serverUrl(port, this.#options.listen), ca: credentials.ca, token: credentials.adminToken };
			this.#data.write("kubeconfig", kubeconfigText(server));
			note(`${server.url}, Ingresses at ports ${httpPort} and ${httpsPort}`);
			return server;
		});
	}

	/** Answers the ports. One that was free may be taken before workerd listens on it: then another one is chosen. */
	async #serve(credentials: Credentials): Promise<Ports> {
		for (let attempt = 1; ; attempt++) {
			const { listen } = this.#options;
			const port = await choosePort(this.#options.port, this.#data.marker()?.port, listen);
			const httpPort = await choosePort(this.#options.httpPort, this.#data.marker()?.httpPort, listen, HTTP_PORTS);
			const httpsPort = await choosePort(this.#options.httpsPort, this.#data.marker()?.httpsPort, listen, HTTPS_PORTS);
			const ports: Ports = { port, httpPort, httpsPort };
			try {
				await this.#serveOn(ports, credentials);
				this.#edgeListen = hostAndPort(listen, httpsPort);
				return ports;
			} catch (error) {
				await this.#controlPlane?.stop(CONTROL_PLANE_GRACE_MS);
				const areFree = (await isFree(port, listen)) && (await isFree(httpPort, listen));
				if (attempt === PORT_ATTEMPTS || (this.#options.port !== undefined && this.#options.httpPort !== undefined) || areFree) throw error;
			}
		}
	}

	async #serveOn({ port, httpPort, httpsPort }: Ports, credentials: Credentials): Promise<void> {
		const { listen, settings } = this.#options;
		this.#data.complete(port, { httpPort, httpsPort });
		await writeControlPlane(this.#data, port, listen, { ...settings, edge: { httpPort, httpsPort, nodeName: this.nodeName } });
		const url = serverUrl(port, listen);
		this.#setState({
			server: url,
			edge: edgeUrl("http", httpPort, listen),
			secureEdge: edgeUrl("https", httpsPort, listen),
			startedAt: new Date().toISOString(),
			supervisor: identify(process.pid),
		});
		this.#throwIfStopping();
		this.#client = new ApiClient({ url, ca: credentials.ca, token: credentials.adminToken });
		this.#controlPlane = controlPlane(this.#data, {
			onChange: (identity) => this.#setState({ controlPlane: identity }),
			onCrash: (outcome, ms) => this.#tellCrash("control plane", outcome, ms),
		});
		await this.#controlPlane.start();
		await waitUntilReady(this.#controlPlane, this.#client, this.#data.file("logs", "control-plane.log"));
	}

	/** Real containers need some programs; where they can be installed, they are. */
	async #installPackages(): Promise<void> {
		if (this.#options.runtime === "process" || process.platform !== "linux" || process.getuid?.() !== 0) return;
		const missing = await missingPackages();
		if (missing.length === 0) return;
		await this.#progress.step(`Installing ${missing.join(", ")}`, async (note) => note((await installPackages()).message));
	}

	async #startAgent(server: ApiServer): Promise<void> {
		await this.#installPackages();
		// Made before the agent starts: it imports what is in images/ when it does.
		await buildExampleImage({ dataDir: this.#data.path });
		await this.#progress.step("Node", async (note) => {
			this.#throwIfStopping();
			this.#agent = agentProcess(
				this.#data,
				{ server: server.url, nodeName: this.nodeName, runtime: this.#options.runtime, edgeListen: this.#edgeListen },
				{ onChange: (identity) => this.#setState({ agent: identity }), onCrash: (outcome, ms) => this.#tellCrash("agent", outcome, ms) },
			);
			const startedAtMs = Date.now();
			await this.#agent.start();
			const node = await this.#waitForNode(startedAtMs);
			note(`${this.nodeName} (${node.status?.nodeInfo?.containerRuntimeVersion ?? "unknown runtime"})`);
		});
	}

	async #waitForNode(startedAtMs: number): Promise<Node> {
		const client = this.#requireClient();
		const agent = this.#agent;
		const log = this.#data.file("logs", "agent.log");
		let outcome: string | undefined;
		void agent?.ended.then((text) => {
			outcome = text;
		});
		while (Date.now() - startedAtMs < NODE_READY_TIMEOUT_MS) {
			if (outcome !== undefined) throw new CliError(`The node's agent did not start (${outcome}).`, `Its log ${log} ends with:\n${this.#tail(log)}`);
			const { code, body } = await client.send<Node>("GET", `/api/v1/nodes/${this.nodeName}`);
			if (code === 200 && hasReported(body, startedAtMs)) return body;
			await delay(POLL_INTERVAL_MS);
		}
		throw new CliError(`The node ${this.nodeName} was not ready within ${NODE_READY_TIMEOUT_MS / 1000} s.`, `Its log ${log} ends with:\n${this.#tail(log)}`);
	}

	#tail(path: string): string {
		const lines = (this.#data.read(path.slice(this.#data.path.length + 1)) ?? "").trimEnd().split("\n");
		return lines.slice(-5).join("\n");
	}

	#requireClient(): ApiClient {
		if (this.#client === undefined) throw new Error("the control plane was not started");
		return this.#client;
	}

	#setState(change: Partial<RunState>): void {
		this.#state = { ...this.#state, ...change } as RunState;
		if (this.#stopped === undefined) this.#data.writeRunState(this.#state);
	}

	#tellCrash(name: string, outcome: string, pauseMs: number): void {
		this.#progress.line(`The ${name} ended (${outcome}); starting it again in ${pauseMs / 1000} s.`);
	}

	#throwIfStopping(): void {
		if (this.#stopped !== undefined) throw new Error("interrupted");
	}
}

/** Whether the node says of itself that it is ready: what it said before this start does not count. Kubernetes' times are whole seconds. */
function hasReported(node: Node, sinceMs: number): boolean {
	const ready = node.status?.conditions?.find(({ type }) => type === "Ready");
	return ready?.status === "True" && Date.parse(ready.lastHeartbeatTime ?? "") >= sinceMs - (sinceMs % 1000);
}
