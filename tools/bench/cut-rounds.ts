/**
 * Rounds of cut links on three nodes, each in a network of its own and one of them behind a NAT that lets nothing in: under traffic from each
 * node's pod to pods and Services, and through the edge, one link is cut and mended. Then all traffic must flow again by itself, and each
 * node's rules, routes, forwarding and neighbour entries be what they were.
 */
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import type { Deployment, Ingress, NodeList, Pod, PodList, Service } from "../../src/core/schema/kubernetes.d.ts";
import { deployment, EXAMPLE_PORT, shellPod } from "../../test/e2e/support/example.ts";
import { processesWith } from "../../test/e2e/support/machine-process.ts";
import { eventually, Petrel } from "../../test/e2e/support/petrel.ts";
import { RemoteNode, testAddress } from "../../test/e2e/support/remote-node.ts";
import { type Rules, rulesOf } from "./node-rules.ts";

const NEAR = "node-a";
const EDGE_HOST = "web.test";
/** Answers in a row after which a flow counts as recovered. */
const RECOVERED_ANSWERS = 3;
const SETTLE_TIMEOUT_MS = 90_000;
const PAUSE_MS = 250;
/** Longer than a lost way takes to be noticed. */
const STEADY_MS = 4_500;

export const LINKS = ["node-b", "node-c", "node-c behind its router", "between node-a and node-b", "node-c's router forgets"] as const;
export type Link = (typeof LINKS)[number];

export interface CutRound {
	/** Of the mending until every flow answered again, in milliseconds; the slowest. */
	recoveredMs: number;
	/** Until rules and ways were as before. */
	settledMs: number;
	/** Flows that failed at least once meanwhile, and how often. */
	failures: string[];
	problems: string[];
}

interface Flow {
	name: string;
	/** Since the last failure. */
	streak: number;
	failed: number;
	lastFailure: string;
	/** When the streak became long enough. */
	wellAtMs: number;
}

/** One of its pods on each node. */
function spread(): Deployment {
	const web = deployment("web", 3);
	const constraint = { maxSkew: 1, topologyKey: "kubernetes.io/hostname", whenUnsatisfiable: "DoNotSchedule", labelSelector: { matchLabels: { app: "web" } } };
	Object.assign(web.spec?.template.spec ?? {}, { topologySpreadConstraints: [constraint] });
	return web;
}

const service = (name: string, part: Partial<NonNullable<Service["spec"]>> = {}): Service => ({
	apiVersion: "v1",
	kind: "Service",
	metadata: { name },
	spec: { selector: { app: "web" }, ports: [{ name: "http", port: 80, targetPort: EXAMPLE_PORT }], ...part },
});

const ingress: Ingress = {
	apiVersion: "networking.k8s.io/v1",
	kind: "Ingress",
	metadata: { name: "web" },
	spec: { rules: [{ host: EDGE_HOST, http: { paths: [{ path: "/", pathType: "Prefix", backend: { service: { name: "web", port: { number: 80 } } } }] } }] },
};

const markerOf = (node: string): string => `traffic-${node}-${process.pid}`;

function client(node: string): Pod {
	const pod = shellPod(`client-${node}`, "trap 'exit 0' TERM; while :; do sleep 1 & wait $!; done");
	for (const container of pod.spec?.containers ?? []) container.command?.push(markerOf(node));
	return { ...pod, spec: { ...(pod.spec as NonNullable<Pod["spec"]>), nodeName: node } };
}

export class CutRounds {
	readonly #petrel = new Petrel();
	readonly #left = new RemoteNode("node-b", 1);
	readonly #right = new RemoteNode("node-c", 2, { behindNat: true });
	readonly #address = `${testAddress(254)}/32`;
	readonly #flows = new Map<string, Flow>();
	readonly #traffic: ChildProcess[] = [];
	#before: Rules[] = [];

	async start(): Promise<void> {
		const { kubectl } = this.#petrel;
		execFileSync("ip", ["address", "add", this.#address, "dev", "lo"]);
		await this.#petrel.up("--no-example", "--runtime", "containerd", "--listen", testAddress(254), "--node-name", NEAR);
		const server = this.#petrel.data.runState()?.server ?? "";
		const token = (await this.#petrel.run("node", "token", "create")).trim();
		await Promise.all([this.#left, this.#right].map((node) => node.start(this.#petrel, server, token)));
		await eventually("three ready nodes", async () => {
			const { items } = await kubectl.json<NodeList>("get", "nodes");
			return items.filter(({ status }) => status?.conditions?.some(({ type, status: is }) => type === "Ready" && is === "True")).length === 3 || undefined;
		});
		await kubectl.apply(spread());
		for (const node of this.#names) await kubectl.apply(client(node));
		await kubectl.apply(service("web"));
		await kubectl.apply(service("kept", { sessionAffinity: "ClientIP" }));
		await kubectl.apply(service("open", { type: "NodePort", ports: [{ port: 80, targetPort: EXAMPLE_PORT, nodePort: 30_111 }] }));
		await kubectl.apply(ingress);
		await kubectl.run("rollout", "status", "deployment/web", "--timeout=90s");
		await kubectl.run("wait", "--for=condition=Ready", "pod", "--all", "--timeout=90s");
		await this.#startTraffic();
		await eventually("traffic", async () => (this.#unwell().length === 0 ? true : undefined), SETTLE_TIMEOUT_MS).catch((error: Error) => {
			throw new Error([error.message, ...this.#unwell()].join("\n  "));
		});
		this.#before = await this.#steady();
	}

	get #names(): string[] {
		return [NEAR, this.#left.name, this.#right.name];
	}

	/** From each node's pod to every pod by its address, to a Service, one with affinity, and node ports; through the edge from outside. */
	async #startTraffic(): Promise<void> {
		const { kubectl } = this.#petrel;
		const pods = (await kubectl.json<PodList>("get", "pods", "-l", "app=web")).items;
		const addressOf = (name: string) => kubectl.run("get", "service", name, "-o", "jsonpath={.spec.clusterIP}");
		const targets = [
			...pods.map(({ spec, status }) => ({ name: `pod on ${spec?.nodeName}`, url: `http://${status?.podIP}:${EXAMPLE_PORT}/` })),
			{ name: "Service", url: `http://${await addressOf("web")}/` },
			{ name: "Service with affinity", url: `http://${await addressOf("kept")}/` },
			{ name: "node port", url: `http://${testAddress(254)}:30111/` },
		];
		for (const node of this.#names) {
			const [pid] = processesWith(markerOf(node));
			this.#follow(
				targets.map(({ name }) => `${node}'s pod to ${name}`),
				["nsenter", "-t", String(pid), "-n"],
				["", ...targets.map(({ url }) => url)],
			);
		}
		this.#follow(["edge"], [], [EDGE_HOST, this.#petrel.data.runState()?.edge ?? ""]);
	}

	#follow(names: readonly string[], before: readonly string[], args: readonly string[]): void {
		const [command = "", ...rest] = [...before, process.execPath, join(import.meta.dirname, "traffic.mjs"), ...args];
		const child = spawn(command, rest, { stdio: ["ignore", "pipe", "inherit"] });
		this.#traffic.push(child);
		for (const name of names) this.#flows.set(name, { name, streak: 0, failed: 0, lastFailure: "", wellAtMs: 0 });
		let partial = "";
		child.stdout.on("data", (chunk: Buffer) => {
			const lines = `${partial}${chunk.toString()}`.split("\n");
			partial = lines.pop() ?? "";
			for (const line of lines) {
				const [at, number, outcome = ""] = line.split(" ");
				this.#note(names[Number(number)] ?? "", Number(at), outcome);
			}
		});
	}

	#note(name: string, atMs: number, outcome: string): void {
		const flow = this.#flows.get(name);
		if (!flow) return;
		if (outcome !== "ok") {
			flow.streak = 0;
			flow.failed++;
			flow.lastFailure = outcome;
			return;
		}
		flow.streak++;
		if (flow.streak === RECOVERED_ANSWERS) flow.wellAtMs = atMs;
	}

	#unwell(): string[] {
		return [...this.#flows.values()].filter(({ streak }) => streak < RECOVERED_ANSWERS).map(({ name, lastFailure }) => `${name}: ${lastFailure}`);
	}

	#rules(): Rules[] {
		return [rulesOf(NEAR, undefined), ...[this.#left, this.#right].map((node) => rulesOf(node.name, node.network))];
	}

	/** When they have not changed for a while: relays are found out by probes. */
	async #steady(): Promise<Rules[]> {
		let last = this.#rules();
		for (let same = 0; same * PAUSE_MS < 2 * STEADY_MS; ) {
			await delay(PAUSE_MS);
			const next = this.#rules();
			same = JSON.stringify(next) === JSON.stringify(last) ? same + 1 : 0;
			last = next;
		}
		return last;
	}

	readonly #cuts: Record<Link, { cut(): void; mend(): void }> = {
		"node-b": { cut: () => this.#left.cut(), mend: () => this.#left.mend() },
		"node-c": { cut: () => this.#right.cut(), mend: () => this.#right.mend() },
		"node-c behind its router": { cut: () => this.#right.cutInside(), mend: () => this.#right.mendInside() },
		"between node-a and node-b": {
			cut: () => {
				const rules = `table ip cut {
	chain in { type filter hook input priority -300; ip saddr ${testAddress(6)} udp dport 8472 drop; }
	chain out { type filter hook output priority -300; ip daddr ${testAddress(6)} udp dport 8472 drop; }
}
`;
				execFileSync("nft", ["-f", "-"], { input: rules });
			},
			mend: () => {
				execFileSync("nft", ["delete", "table", "ip", "cut"]);
			},
		},
		"node-c's router forgets": { cut: () => this.#right.forgetFlows(), mend: () => this.#right.forgetFlows() },
	};

	async round(link: Link, cutMs: number): Promise<CutRound> {
		for (const flow of this.#flows.values()) flow.failed = 0;
		const { cut, mend } = this.#cuts[link];
		cut();
		await delay(cutMs);
		mend();
		const mendedMs = Date.now();
		for (const flow of this.#flows.values()) flow.streak = 0;
		const problems: string[] = [];
		let recoveredMs = SETTLE_TIMEOUT_MS;
		let settledMs = SETTLE_TIMEOUT_MS;
		const since = () => Date.now() - mendedMs;
		while (since() < SETTLE_TIMEOUT_MS && (recoveredMs === SETTLE_TIMEOUT_MS || settledMs === SETTLE_TIMEOUT_MS)) {
			await delay(PAUSE_MS);
			if (this.#unwell().length > 0) recoveredMs = SETTLE_TIMEOUT_MS;
			else if (recoveredMs === SETTLE_TIMEOUT_MS) recoveredMs = Math.max(...[...this.#flows.values()].map(({ wellAtMs }) => wellAtMs)) - mendedMs;
			if (settledMs === SETTLE_TIMEOUT_MS && this.#differences().length === 0) {
				settledMs = since();
				// What is noticed late changes them again.
				await delay(STEADY_MS);
				if (this.#differences().length > 0) settledMs = SETTLE_TIMEOUT_MS;
			}
		}
		if (recoveredMs === SETTLE_TIMEOUT_MS) problems.push(...this.#unwell());
		if (settledMs === SETTLE_TIMEOUT_MS) problems.push(...this.#differences());
		const failures = [...this.#flows.values()].filter(({ failed }) => failed > 0).map(({ name, failed, lastFailure }) => `${name}: ${failed} (${lastFailure})`);
		return { recoveredMs, settledMs, failures, problems };
	}

	#differences(): string[] {
		return this.#rules().flatMap(({ node, lines }, index) => {
			const before = this.#before[index]?.lines ?? [];
			const [old, now] = [new Set(before), new Set(lines)];
			return [
				...before.filter((line) => !now.has(line)).map((line) => `${node} has no more: ${line}`),
				...lines.filter((line) => !old.has(line)).map((line) => `${node} has: ${line}`),
			];
		});
	}

	async dispose(): Promise<void> {
		for (const child of this.#traffic) child.kill();
		await Promise.all([this.#left, this.#right].map((node) => node.dispose()));
		await this.#petrel.dispose();
		execFileSync("ip", ["address", "delete", this.#address, "dev", "lo"]);
	}

	logs(): string {
		return [this.#petrel, this.#left, this.#right].map((one) => one.logs()).join("\n");
	}
}
