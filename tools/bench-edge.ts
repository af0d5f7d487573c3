/**
 * `npm run bench:edge`: what the way through the edge adds to a request to a pod, and how soon things are in force. The pods run
 * on the process runtime, so that the direct way is this machine's loopback: what is measured is the edge alone.
 */
import { spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { setTimeout as delay } from "node:timers/promises";
import type { WebSocket } from "ws";
import { ApiClient } from "../src/cli/api-client.ts";
import { packageRoot } from "../src/cli/bundle.ts";
import { DataDirectory } from "../src/cli/data-directory.ts";
import type { Deployment, Ingress, PodList } from "../src/core/schema/kubernetes.d.ts";
import { echoDeployment } from "../test/e2e/support/echo-server.ts";
import { EdgeClient } from "../test/e2e/support/edge-client.ts";
import { deployment, EXAMPLE_PORT } from "../test/e2e/support/example.ts";
import { cpuSeconds, percentile, residentMegabytes } from "./bench/load.ts";

const LOAD_MS = 4_000;
const WEB_SOCKETS = 100;
const MESSAGES = 10;
const LARGE_PIECE = Buffer.alloc(64 * 1024);
const LARGE_PIECES = 16 * 1024;
/** Of 64 MiB each. */
const LARGE_ANSWERS = 16;
const WAKES = 5;
const APPLIES = 5;
const dataPath = mkdtempSync(join(tmpdir(), "petrel-bench-"));

function petrel(...args: string[]): void {
	const result = spawnSync(process.execPath, [join(packageRoot, "src", "cli", "main.ts"), ...args, "--data", dataPath], { encoding: "utf8" });
	if (result.status !== 0) throw new Error(`petrel ${args.join(" ")}: ${result.stdout}${result.stderr}`);
}

/** Asks without a pause until it is so. */
async function until(what: () => Promise<boolean>): Promise<void> {
	while (!(await what()));
}

const ms = (value: number): string => `${value.toFixed(value < 10 ? 2 : 0)} ms`;
const spread = (values: readonly number[]): string => `${ms(percentile(values, 50))} (${values.map((value) => value.toFixed(0)).join(", ")})`;

class Bench {
	readonly api: ApiClient;
	readonly edge: EdgeClient;
	readonly #pids: { controlPlane: number; agent: number };

	constructor(data: DataDirectory) {
		const state = data.runState();
		if (!state?.edge || !state.controlPlane || !state.agent) throw new Error("petrel up left no running control plane and agent");
		this.api = new ApiClient({ url: state.server, ca: data.read("ca.crt"), token: data.read("admin.token") });
		this.edge = new EdgeClient(state.edge);
		this.#pids = { controlPlane: state.controlPlane.pid, agent: state.agent.pid };
	}

	async serve(made: Deployment): Promise<void> {
		const name = made.metadata.name ?? "";
		const ports = [{ port: 80, targetPort: EXAMPLE_PORT }];
		await this.api.call("POST", "/apis/apps/v1/namespaces/default/deployments", made);
		await this.api.call("POST", "/api/v1/namespaces/default/services", {
			apiVersion: "v1",
			kind: "Service",
			metadata: { name },
			spec: { selector: { app: name }, ports },
		});
		await until(async () => {
			const { status, spec } = await this.api.call<Deployment>("GET", `/apis/apps/v1/namespaces/default/deployments/${name}`);
			return status?.readyReplicas === spec?.replicas;
		});
	}

	async route(name: string, service: string, host: string): Promise<void> {
		const path = { path: "/", pathType: "Prefix", backend: { service: { name: service, port: { number: 80 } } } };
		const ingress: Ingress = { apiVersion: "networking.k8s.io/v1", kind: "Ingress", metadata: { name }, spec: { rules: [{ host, http: { paths: [path] } }] } };
		await this.api.call("POST", "/apis/networking.k8s.io/v1/namespaces/default/ingresses", ingress);
	}

	answers = async (host: string): Promise<boolean> => (await this.edge.send(host, "/")).code === 200;

	async applies(): Promise<number[]> {
		const times: number[] = [];
		for (let i = 0; i < APPLIES; i++) {
			const startMs = performance.now();
			await this.route(`apply-${i}`, "echo", `apply-${i}.test`);
			await until(() => this.answers(`apply-${i}.test`));
			times.push(performance.now() - startMs);
		}
		return times;
	}

	/** One line of the table. */
	async load(name: string, client: EdgeClient, host: string, clients: number): Promise<string> {
		const latencies: number[] = [];
		const pids = Object.values(this.#pids);
		const before = pids.map(cpuSeconds);
		const untilMs = performance.now() + LOAD_MS;
		const one = async (): Promise<void> => {
			while (performance.now() < untilMs) {
				const startMs = performance.now();
				const { code } = await client.send(host, "/");
				if (code !== 200) throw new Error(`${name}: ${code}`);
				latencies.push(performance.now() - startMs);
			}
		};
		await Promise.all(Array.from({ length: clients }, one));
		const cpu = pids.map((pid, index) => `${(((cpuSeconds(pid) - (before[index] ?? 0)) / latencies.length) * 1e6).toFixed(0)} us`);
		const perSecond = (latencies.length / LOAD_MS) * 1000;
		return `| ${name} | ${clients} | ${perSecond.toFixed(0)} | ${ms(percentile(latencies, 50))} | ${ms(percentile(latencies, 99))} | ${cpu.join(" | ")} |`;
	}

	async webSockets(): Promise<string> {
		const startMs = performance.now();
		const sockets = await Promise.all(Array.from({ length: WEB_SOCKETS }, () => this.edge.webSocket("echo.test", "/")));
		const openMs = performance.now() - startMs;
		const times: number[] = [];
		const talk = async (socket: WebSocket): Promise<void> => {
			for (let i = 0; i < MESSAGES; i++) {
				const sentMs = performance.now();
				socket.send("x".repeat(100));
				await once(socket, "message");
				times.push(performance.now() - sentMs);
			}
		};
		await Promise.all(sockets.map(talk));
		for (const socket of sockets) socket.close();
		return `${WEB_SOCKETS} WebSockets at once: open after ${ms(openMs)}; there and back p50 ${ms(percentile(times, 50))}, p99 ${ms(percentile(times, 99))}`;
	}

	/** Memory before `work`, which says how far it is (0 to 1), and the most in each quarter of it: what a larger body needs no more of stays the same. */
	async #memory(work: (progress: (share: number) => void) => Promise<void>): Promise<string> {
		const pids = Object.values(this.#pids);
		const most = pids.map((pid) => [residentMegabytes(pid), 0, 0, 0, 0]);
		let quarter = 1;
		const look = (): void => {
			for (const [index, pid] of pids.entries()) (most[index] as number[])[quarter] = Math.max(most[index]?.[quarter] ?? 0, residentMegabytes(pid));
		};
		const watch = setInterval(look, 100);
		await work((share) => {
			quarter = Math.min(4, 1 + Math.floor(share * 4));
		});
		look();
		clearInterval(watch);
		const [plane, agent] = most.map((values) => values.map((value) => value.toFixed(0)).join(" -> "));
		return `resident MB before and in each quarter: control plane ${plane}, agent ${agent}`;
	}

	async largeBody(way: "up" | "down"): Promise<string> {
		const startMs = performance.now();
		const memory = await this.#memory(async (progress) => {
			const pieces = function* () {
				for (let piece = 0; piece < LARGE_PIECES; piece++) {
					progress(piece / LARGE_PIECES);
					yield LARGE_PIECE;
				}
			};
			if (way === "up") await this.edge.send("echo.test", "/", { method: "POST", body: Readable.from(pieces()) });
			else {
				for (let i = 0; i < LARGE_ANSWERS; i++) {
					progress(i / LARGE_ANSWERS);
					for await (const _ of await this.edge.open("echo.test", "/large"));
				}
			}
		});
		const seconds = (performance.now() - startMs) / 1000;
		return `1 GiB ${way}: ${seconds.toFixed(1)} s, ${(1024 / seconds).toFixed(0)} MB/s; ${memory}`;
	}

	async wakes(): Promise<number[]> {
		const sleeper = deployment("sleeper", 1);
		sleeper.metadata.annotations = { "petrel.dev/scale-to-zero-after": "1s" };
		await this.serve(sleeper);
		await this.route("sleeper", "sleeper", "sleeper.test");
		await until(() => this.answers("sleeper.test"));
		const times: number[] = [];
		for (let i = 0; i < WAKES; i++) {
			await until(async () => {
				await delay(200);
				return (await this.api.call<PodList>("GET", "/api/v1/namespaces/default/pods?labelSelector=app%3Dsleeper")).items.length === 0;
			});
			const startMs = performance.now();
			if (!(await this.answers("sleeper.test"))) throw new Error("the sleeper did not wake");
			times.push(performance.now() - startMs);
		}
		return times;
	}
}

try {
	petrel("up", "--detach", "--no-example", "--runtime", "process");
	const bench = new Bench(new DataDirectory(dataPath));
	await bench.serve(echoDeployment("echo", 2));
	console.log(`apply of an Ingress to the first 200: ${spread(await bench.applies())}`);
	await bench.route("echo", "echo", "echo.test");
	await until(() => bench.answers("echo.test"));
	const { items } = await bench.api.call<PodList>("GET", "/api/v1/namespaces/default/pods?labelSelector=app%3Decho");
	const direct = new EdgeClient(`http://${items[0]?.status?.podIP}:${EXAMPLE_PORT}`);
	console.log("\n| way | clients | requests/s | p50 | p99 | CPU a request: control plane | agent |\n|---|---|---|---|---|---|---|");
	for (const clients of [1, 16]) {
		console.log(await bench.load("direct", direct, "echo.test", clients));
		console.log(await bench.load("edge", bench.edge, "echo.test", clients));
	}
	console.log(`\n${await bench.webSockets()}`);
	for (const way of ["up", "down"] as const) console.log(await bench.largeBody(way));
	console.log(`\nwake from zero to the answer: ${spread(await bench.wakes())}`);
	direct.close();
	bench.edge.close();
} finally {
	petrel("down");
	rmSync(dataPath, { recursive: true, force: true });
}
