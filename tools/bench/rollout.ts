/**
 * 100 nodes that only exist in the API, and a stand-in for their agents that reports every pod as running: how fast a
 * Deployment becomes available and bare pods get their nodes, and whether a pod costs more the more of them there are.
 */
import { setTimeout as delay } from "node:timers/promises";
import type { Node, Pod } from "../../src/core/schema/kubernetes.d.ts";
import { Client, cpuSeconds, percentile, type Target } from "./load.ts";

const NODES = 100;
const ZONES = 3;
const NAMESPACE = "bench-rollout";
const BASE = `/api/v1/namespaces/${NAMESPACE}`;
const DEPLOYMENTS = `/apis/apps/v1/namespaces/${NAMESPACE}/deployments`;
const LEASES = "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases";
/** Requests of the stand-in at once. */
const REPORTS_MAX = 24;
const CREATORS = 32;
const HEARTBEAT_MS = 10_000;
const WAIT_MAX_MS = 120_000;

export interface Rollout {
	pods: number;
	boundMs: number;
	availableMs: number;
	deletedMs: number;
	cpuSeconds: number;
}

const json = (value: unknown): string => JSON.stringify(value);
const nodeName = (index: number): string => `bench-node-${index}`;

function node(index: number): Node {
	const amounts = { cpu: "64", memory: "256Gi", pods: "500" };
	const time = new Date().toISOString().replace(/\.\d+Z/, "Z");
	const labels = { "kubernetes.io/hostname": nodeName(index), "topology.kubernetes.io/zone": `z${index % ZONES}` };
	const ready = { type: "Ready", status: "True", reason: "KubeletReady", message: "", lastHeartbeatTime: time, lastTransitionTime: time };
	return {
		apiVersion: "v1",
		kind: "Node",
		metadata: { name: nodeName(index), labels },
		spec: {},
		status: { capacity: amounts, allocatable: amounts, conditions: [ready] },
	};
}

const template = {
	terminationGracePeriodSeconds: 0,
	automountServiceAccountToken: false,
	containers: [{ name: "main", image: "example/none:1", resources: { requests: { cpu: "10m", memory: "16Mi" } } }],
};

export class RolloutBench {
	readonly #target: Target;
	readonly #client: Client;
	readonly #reports: Client;
	readonly #queue: (() => Promise<unknown>)[] = [];
	readonly #seen = new Set<string>();
	readonly #boundAtMs = new Map<string, number>();
	#running = 0;
	#active = 0;
	#gone = 0;
	#address = 0;
	#closers: (() => void)[] = [];

	constructor(target: Target) {
		this.#target = target;
		this.#client = new Client(target, CREATORS);
		this.#reports = new Client(target, REPORTS_MAX);
	}

	/** Makes the nodes and waits until pods may go there. */
	async start(): Promise<void> {
		await this.#client.send({ method: "POST", path: "/api/v1/namespaces", body: json({ apiVersion: "v1", kind: "Namespace", metadata: { name: NAMESPACE } }) });
		await this.#all(NODES, (i) => this.#client.send({ method: "POST", path: "/api/v1/nodes", body: json(node(i)) }));
		await this.#beat();
		const timer = setInterval(() => void this.#beat().catch(() => {}), HEARTBEAT_MS);
		this.#closers.push(() => clearInterval(timer));
		this.#closers.push(await this.#client.watch(`${BASE}/pods?watch=1`, (line, atMs) => this.#onPod(line, atMs)));
		await this.#until(async () => {
			const { items } = JSON.parse(await this.#client.send({ method: "GET", path: "/api/v1/nodes" })) as { items: Node[] };
			return items.filter(({ spec }) => (spec?.taints ?? []).length === 0).length >= NODES;
		});
	}

	/** A Deployment from its creation until all are available, and until all are gone again. */
	async deploy(replicas: number): Promise<Rollout> {
		this.#reset();
		const name = `d-${replicas}-${Math.floor(performance.now())}`;
		const labels = { app: name };
		const body = json({
			apiVersion: "apps/v1",
			kind: "Deployment",
			metadata: { name },
			spec: { replicas, selector: { matchLabels: labels }, template: { metadata: { labels }, spec: template } },
		});
		let available: number | undefined;
		const close = await this.#client.watch(`${DEPLOYMENTS}?watch=1`, (line, atMs) => {
			if (line.includes(`"name":"${name}"`) && line.includes(`"availableReplicas":${replicas}`)) available ??= atMs;
		});
		const cpu = cpuSeconds(this.#target.pid);
		const startMs = performance.now();
		await this.#client.send({ method: "POST", path: DEPLOYMENTS, body });
		await this.#until(() => available !== undefined);
		const cpuUsed = cpuSeconds(this.#target.pid) - cpu;
		const deleteMs = performance.now();
		await this.#client.send({ method: "DELETE", path: `${DEPLOYMENTS}/${name}` });
		await this.#until(() => this.#gone >= replicas);
		close();
		const boundMs = Math.max(...this.#boundAtMs.values()) - startMs;
		return { pods: replicas, boundMs, availableMs: (available ?? Number.NaN) - startMs, deletedMs: performance.now() - deleteMs, cpuSeconds: cpuUsed };
	}

	/** Pods that have waited for a label that no node has, until all nodes have it: bound a second, from the first label on. */
	async bindWaiting(count: number): Promise<{ boundPerSecond: number; cpuSeconds: number }> {
		this.#reset();
		const label = `bench-${Math.floor(performance.now())}`;
		const spec = { ...template, nodeSelector: { [label]: "yes" } };
		await this.#all(count, (i) =>
			this.#client.send({ method: "POST", path: `${BASE}/pods`, body: json({ apiVersion: "v1", kind: "Pod", metadata: { name: `w-${i}` }, spec }) }),
		);
		await this.#until(async () => {
			const { items } = JSON.parse(await this.#client.send({ method: "GET", path: `${BASE}/pods` })) as { items: Pod[] };
			return items.length === count && items.every(({ status }) => status?.conditions?.some(({ reason }) => reason === "Unschedulable"));
		});
		const cpu = cpuSeconds(this.#target.pid);
		const startMs = performance.now();
		const body = json({ metadata: { labels: { [label]: "yes" } } });
		await this.#all(NODES, (i) => this.#client.send({ method: "PATCH", path: `/api/v1/nodes/${nodeName(i)}`, type: "application/merge-patch+json", body }));
		await this.#until(() => this.#boundAtMs.size >= count);
		const seconds = (Math.max(...this.#boundAtMs.values()) - startMs) / 1000;
		await this.#until(() => this.#running >= count);
		const cpuUsed = cpuSeconds(this.#target.pid) - cpu;
		await this.#client.send({ method: "DELETE", path: `${BASE}/pods` });
		await this.#until(() => this.#gone >= count);
		return { boundPerSecond: count / seconds, cpuSeconds: cpuUsed };
	}

	/** Pods of their own, created by many clients: bound a second, and the 99th percentile from request to node. */
	async bindPods(count: number): Promise<{ boundPerSecond: number; p99Ms: number; cpuSeconds: number }> {
		this.#reset();
		const cpu = cpuSeconds(this.#target.pid);
		const startMs = performance.now();
		const sentMs = new Map<string, number>();
		await this.#all(count, (i) => {
			const name = `p-${i}`;
			sentMs.set(name, performance.now());
			return this.#client.send({ method: "POST", path: `${BASE}/pods`, body: json({ apiVersion: "v1", kind: "Pod", metadata: { name }, spec: template }) });
		});
		await this.#until(() => this.#running >= count);
		const seconds = (Math.max(...this.#boundAtMs.values()) - startMs) / 1000;
		const latencies = [...this.#boundAtMs].map(([name, atMs]) => atMs - (sentMs.get(name) ?? Number.NaN));
		const cpuUsed = cpuSeconds(this.#target.pid) - cpu;
		await this.#client.send({ method: "DELETE", path: `${BASE}/pods` });
		await this.#until(() => this.#gone >= count);
		return { boundPerSecond: count / seconds, p99Ms: percentile(latencies, 99), cpuSeconds: cpuUsed };
	}

	close(): void {
		for (const close of this.#closers) close();
		this.#client.close();
		this.#reports.close();
	}

	#reset(): void {
		this.#boundAtMs.clear();
		this.#running = 0;
		this.#gone = 0;
	}

	#onPod(line: string, atMs: number): void {
		const { type, object: pod } = JSON.parse(line) as { type: string; object: Pod };
		const { name = "", uid = "", deletionTimestamp } = pod.metadata;
		if (type === "DELETED") this.#gone++;
		if (type === "DELETED" || !pod.spec?.nodeName) return;
		if (!this.#boundAtMs.has(name)) this.#boundAtMs.set(name, atMs);
		if (deletionTimestamp) return this.#once(`${uid} gone`, () => this.#reports.send({ method: "DELETE", path: `${BASE}/pods/${name}?gracePeriodSeconds=0` }));
		if (pod.status?.phase === "Running" && !this.#seen.has(`${uid} running`)) {
			this.#seen.add(`${uid} running`);
			this.#running++;
		}
		this.#once(uid, () =>
			this.#reports.send({ method: "PATCH", path: `${BASE}/pods/${name}/status`, type: "application/merge-patch+json", body: json(this.#runs(pod)) }),
		);
	}

	#runs(pod: Pod): unknown {
		const startedAt = new Date().toISOString().replace(/\.\d+Z/, "Z");
		const podIP = `10.100.${this.#address >> 8}.${this.#address++ & 255}`;
		const conditions = ["Initialized", "Ready", "ContainersReady"].map((type) => ({ type, status: "True", lastTransitionTime: startedAt }));
		const scheduled = (pod.status?.conditions ?? []).filter(({ type }) => type === "PodScheduled");
		const status = { name: "main", image: "example/none:1", imageID: "none", ready: true, started: true, restartCount: 0, state: { running: { startedAt } } };
		return {
			status: {
				phase: "Running",
				startTime: startedAt,
				podIP,
				podIPs: [{ ip: podIP }],
				conditions: [...scheduled, ...conditions],
				containerStatuses: [status],
			},
		};
	}

	#once(key: string, work: () => Promise<unknown>): void {
		if (this.#seen.has(key)) return;
		this.#seen.add(key);
		this.#queue.push(work);
		this.#pump();
	}

	#pump(): void {
		while (this.#active < REPORTS_MAX && this.#queue.length > 0) {
			this.#active++;
			void this.#queue
				.shift()?.()
				.catch((error: unknown) => console.error(`a report failed: ${String(error)}`))
				.finally(() => {
					this.#active--;
					this.#pump();
				});
		}
	}

	async #beat(): Promise<void> {
		const renewTime = new Date().toISOString().replace("Z", "000Z");
		await this.#all(NODES, (i) => {
			const lease = {
				apiVersion: "coordination.k8s.io/v1",
				kind: "Lease",
				metadata: { name: nodeName(i) },
				spec: { holderIdentity: nodeName(i), leaseDurationSeconds: 40, renewTime },
			};
			return this.#reports.send({
				method: "PATCH",
				path: `${LEASES}/${nodeName(i)}?fieldManager=bench`,
				type: "application/apply-patch+yaml",
				body: json(lease),
			});
		});
	}

	async #all(count: number, call: (index: number) => Promise<unknown>): Promise<void> {
		let next = 0;
		const worker = async (): Promise<void> => {
			while (next < count) await call(next++);
		};
		await Promise.all(Array.from({ length: CREATORS }, worker));
	}

	async #until(holds: () => boolean | Promise<boolean>): Promise<void> {
		const endMs = performance.now() + WAIT_MAX_MS;
		while (!(await holds())) {
			if (performance.now() > endMs) throw new Error(`the cluster did not get there in ${WAIT_MAX_MS / 1000} s`);
			await delay(5);
		}
	}
}
