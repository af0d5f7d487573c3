/** A node's agent in the simulator: polls like the real one, runs pods in virtual time, forgets on a crash what a process forgets. */
import {
	isRowGone,
	NETWORK_ROWS_VERSION,
	type NetworkRow,
	networkRowKey,
	type PollRequest,
	type PollResponse,
	type VolumeDirectory,
} from "../../src/core/protocol/agent-protocol.ts";
import type { PodRef } from "../../src/core/protocol/messages.ts";
import type { Node, Pod, PodStatus } from "../../src/core/schema/kubernetes.d.ts";
import type { HeldPoll } from "../../src/objects/node-core.ts";
import type { World } from "./world.ts";

const RETRY_MS = 1_000;

type Report = Pick<PollRequest, "statuses" | "stopped" | "node" | "volumesDeleted">;

export interface RunningPod {
	pod: Pod;
	phase: "Pending" | "Running" | "Succeeded" | "Failed";
}

export class Agent {
	readonly name: string;
	readonly world: World;
	/** By uid: containers outlive the agent's process. */
	readonly running = new Map<string, RunningPod>();
	connected = true;
	/** Of the node. */
	readonly cpus: number;
	/** How long a pod's container runs, in milliseconds; undefined for ever. */
	lifeMs: () => number | undefined = () => undefined;
	exitCode: () => number = () => 0;
	/** The network table as this node was told it. */
	readonly network = new Map<string, NetworkRow>();
	readonly address: string;
	/** Of each pod that runs here. */
	readonly podIps = new Map<string, string>();
	/** Told when the agent removes a volume's directory. */
	onVolumeDeleted: (name: string) => void = () => {};
	#cursor = 0;
	#networkCursor = 0;
	#held: HeldPoll | undefined;
	#polling = false;

	constructor(world: World, name: string, cpus = 64) {
		this.world = world;
		this.cpus = cpus;
		this.name = name;
		this.address = world.nextNodeIp();
	}

	async start(): Promise<void> {
		this.world.cluster().join({ version: 1, nodeName: this.name, instanceId: this.name });
		await this.world.settle({ object: "cluster" });
		await this.#report({
			node: { labels: { "kubernetes.io/hostname": this.name }, status: nodeStatus(this.world.nowMs, this.cpus, this.address), localPath: "/volumes" },
		});
		this.#poll();
	}

	/** The link to the control plane is cut: the front door notices, the agent goes on with what it has. */
	cut(): void {
		this.connected = false;
		const held = this.#held;
		this.#held = undefined;
		this.world.node(this.name).released(held, true);
		void this.world.settle({ object: "node", name: this.name });
	}

	heal(): void {
		if (this.connected) return;
		this.connected = true;
		this.#poll();
	}

	/** The agent's process dies and comes back: it knows its containers but asks for everything anew. */
	restart(): void {
		this.#cursor = 0;
		if (this.connected) {
			this.cut();
			this.heal();
		}
	}

	#poll(): void {
		if (!this.connected || this.#polling) return;
		this.#polling = true;
		const held: HeldPoll = {
			cursor: this.#cursor,
			networkCursor: this.#networkCursor,
			networkVersion: NETWORK_ROWS_VERSION,
			answer: (response) => {
				const copy = structuredClone(response);
				this.world.timeline.after(this.world.random.between(0, this.world.faults.delayMs), () => this.#take(held, copy));
			},
		};
		this.#held = held;
		this.world.timeline.after(1, () => {
			this.#polling = false;
			// Cut and healed meanwhile: the poll of then is none any more.
			if (this.#held !== held) return this.#poll();
			this.world.node(this.name).hold(held);
			void this.world.settle({ object: "node", name: this.name });
		});
	}

	/** The Node object was thrown out of memory: its socket, and so this poll, is gone. */
	pollAgain(): void {
		// One that is about to be made reaches the object's next life.
		if (this.#polling) return;
		this.#held = undefined;
		this.#poll();
	}

	#take(held: HeldPoll, response: PollResponse): void {
		if (this.#held !== held) return;
		this.#held = undefined;
		this.#cursor = response.cursor;
		this.#networkCursor = response.networkCursor;
		for (const row of response.networkRows ?? []) {
			if (isRowGone(row)) this.network.delete(networkRowKey(row));
			else this.network.set(networkRowKey(row), row);
		}
		if (response.full) for (const uid of [...this.running.keys()]) if (!response.pods.some((pod) => pod.metadata.uid === uid)) this.running.delete(uid);
		for (const pod of response.removed) this.running.delete(pod.uid);
		for (const pod of response.pods) this.#want(pod);
		for (const volume of response.volumesToDelete ?? []) this.#deleteVolume(volume);
		if (response.full) this.#reportAll();
		this.#poll();
	}

	#want(pod: Pod): void {
		const uid = pod.metadata.uid ?? "";
		if (pod.metadata.deletionTimestamp) return this.#stop(pod);
		if (this.running.has(uid)) return;
		this.running.set(uid, { pod, phase: "Pending" });
		this.world.timeline.after(this.world.random.between(50, 2_000), () => {
			const entry = this.running.get(uid);
			if (entry === undefined || entry.phase !== "Pending") return;
			entry.phase = "Running";
			this.#reportPod(uid);
			const lifeMs = this.lifeMs();
			if (lifeMs !== undefined) this.world.timeline.after(lifeMs, () => this.#end(uid));
		});
	}

	#deleteVolume({ name }: VolumeDirectory): void {
		this.world.timeline.after(this.world.random.between(10, 1_000), () => {
			this.onVolumeDeleted(name);
			this.#deliver({ volumesDeleted: [{ name }] });
		});
	}

	#end(uid: string): void {
		const entry = this.running.get(uid);
		if (entry === undefined) return;
		entry.phase = this.exitCode() === 0 ? "Succeeded" : "Failed";
		this.#reportPod(uid);
	}

	#stop(pod: Pod): void {
		this.world.timeline.after(this.world.random.between(10, 1_000), () => {
			this.running.delete(pod.metadata.uid ?? "");
			this.#deliver({ stopped: [refOf(pod)] });
		});
	}

	#reportPod(uid: string): void {
		const entry = this.running.get(uid);
		if (entry === undefined || entry.phase === "Pending") return;
		const status =
			entry.phase === "Running"
				? runningStatus(entry.pod, this.#ipOf(uid), this.world.nowMs)
				: endedStatus(entry.pod, this.#ipOf(uid), entry.phase, this.world.nowMs);
		this.#deliver({ statuses: [{ pod: refOf(entry.pod), status }] });
	}

	#ipOf(uid: string): string {
		const ip = this.podIps.get(uid) ?? this.world.nextPodIp();
		this.podIps.set(uid, ip);
		return ip;
	}

	#reportAll(): void {
		for (const uid of this.running.keys()) this.#reportPod(uid);
	}

	/** Reports are repeated until they arrive, as the real agent's are. */
	#deliver(report: Report): void {
		if (!this.connected || this.world.random.chance(this.world.faults.loss)) this.world.timeline.after(RETRY_MS, () => this.#deliver(report));
		else void this.#report(report);
	}

	async #report(report: Report): Promise<void> {
		this.world.node(this.name).report({ version: 1, instanceId: this.name, bootId: "1", cursor: this.#cursor, networkCursor: this.#networkCursor, ...report });
		await this.world.settle({ object: "node", name: this.name });
	}
}

const refOf = ({ metadata }: Pod): PodRef => ({ uid: metadata.uid ?? "", namespace: metadata.namespace ?? "", name: metadata.name ?? "" });
const iso = (ms: number): string => `${new Date(ms).toISOString().slice(0, 19)}Z`;

function nodeStatus(nowMs: number, cpus: number, address: string): NonNullable<Node["status"]> {
	const resources = { cpu: String(cpus), memory: "256Gi", pods: "500" };
	return {
		capacity: resources,
		allocatable: resources,
		addresses: [{ type: "InternalIP", address }],
		conditions: [
			{
				type: "Ready",
				status: "True",
				reason: "KubeletReady",
				message: "kubelet is posting ready status",
				lastHeartbeatTime: iso(nowMs),
				lastTransitionTime: iso(nowMs),
			},
		],
	};
}

function runningStatus(pod: Pod, podIP: string, nowMs: number): PodStatus {
	const started = iso(nowMs);
	const conditions = ["Initialized", "Ready", "ContainersReady"].map((type) => ({ type, status: "True", lastTransitionTime: started }));
	const containerStatuses = (pod.spec?.containers ?? []).map(({ name, image = "" }) => ({
		name,
		image,
		imageID: image,
		ready: true,
		started: true,
		restartCount: 0,
		state: { running: { startedAt: started } },
	}));
	return {
		phase: "Running",
		conditions,
		containerStatuses,
		podIP,
		podIPs: [{ ip: podIP }],
		hostIP: "127.0.0.1",
		startTime: started,
	} as PodStatus;
}

function endedStatus(pod: Pod, podIP: string, phase: "Succeeded" | "Failed", nowMs: number): PodStatus {
	const running = runningStatus(pod, podIP, nowMs);
	const terminated = { exitCode: phase === "Succeeded" ? 0 : 1, finishedAt: iso(nowMs) };
	const conditions = running.conditions?.map((condition) => (condition.type === "Initialized" ? condition : { ...condition, status: "False" }));
	return {
		...running,
		phase,
		conditions,
		containerStatuses: running.containerStatuses?.map((container) => ({ ...container, ready: false, state: { terminated } })),
	} as PodStatus;
}
