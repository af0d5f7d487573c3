/** A node's agent as the test plays it: it says the protocol's sentences one by one. */
import {
	AGENT_PROTOCOL_VERSION,
	type AgentCommand,
	type JoinRequest,
	type JoinResponse,
	POLL_REQUEST_HEADER,
	type PollRequest,
	type PollResponse,
	type SessionCommand,
	type SessionHello,
} from "../../../src/core/protocol/agent-protocol.ts";
import type { PodRef } from "../../../src/core/protocol/messages.ts";
import type { NodeStatus, Pod, PodStatus } from "../../../src/core/schema/kubernetes.d.ts";
import { fetchWorker } from "./bindings.ts";
import { eventually, type TestCluster } from "./test-cluster.ts";

type Report = Pick<PollRequest, "statuses" | "stopped" | "node" | "usage">;

export interface HeldPoll {
	/** Resolves when the control plane has something to say. */
	answer: Promise<PollResponse>;
	/** The agent is gone. */
	abandon(): void;
}

export class TestAgent {
	readonly cluster: TestCluster;
	readonly name: string;
	credential = "";
	cursor = 0;
	networkCursor = 0;

	constructor(cluster: TestCluster, name: string) {
		this.cluster = cluster;
		this.name = name;
	}

	/** A node that is joined, ready and schedulable. */
	static async ready(cluster: TestCluster, name = "worker"): Promise<TestAgent> {
		const agent = new TestAgent(cluster, name);
		await agent.join();
		await agent.report({ node: { labels: {}, status: readyStatus() } });
		await eventually(async () => {
			const { spec } = await cluster.call<{ spec: { taints?: unknown[] } }>("GET", `/api/v1/nodes/${name}`);
			return (spec.taints ?? []).length === 0 ? true : undefined;
		});
		await agent.catchUp();
		return agent;
	}

	async join(instanceId = `instance-of-${this.name}`): Promise<JoinResponse> {
		const request: JoinRequest = { version: AGENT_PROTOCOL_VERSION, nodeName: this.name, instanceId };
		const response = await this.cluster.call<JoinResponse>("POST", "/agent/v1/join", request, { token: await this.cluster.joinToken() });
		this.credential = response.credential;
		return response;
	}

	/** Sends a report; resolves once it is stored. */
	async report(report: Report): Promise<void> {
		await this.#poll(report);
	}

	async reportStatus(pod: PodRef, status: PodStatus): Promise<void> {
		await this.report({ statuses: [{ pod, status }] });
	}

	/** Takes in what there is to know now. */
	async catchUp(): Promise<PollResponse> {
		return this.#take(await this.#poll({}));
	}

	async hold(): Promise<HeldPoll> {
		const headers = { Upgrade: "websocket", authorization: `Bearer ${this.credential}`, [POLL_REQUEST_HEADER]: JSON.stringify(this.#request()) };
		const { webSocket: socket, status } = await fetchWorker(`/clusters/${this.cluster.name}/agent/v1/nodes/${this.name}/poll`, { headers });
		if (!socket) throw new Error(`held poll: ${status}`);
		const answer = new Promise<PollResponse>((resolve) => {
			socket.addEventListener("message", ({ data }) => {
				if (data !== "") resolve(this.#take(JSON.parse(data as string) as PollResponse));
			});
		});
		socket.accept();
		return { answer, abandon: () => socket.close(1001, "gone") };
	}

	/** Polls until an answer names the pod as `wanted` says. */
	async pod(wanted: (pod: Pod) => boolean): Promise<Pod> {
		return eventually(async () => (await (await this.hold()).answer).pods.find(wanted));
	}

	/** Polls until a command comes. */
	async command(): Promise<AgentCommand> {
		return eventually(async () => (await (await this.hold()).answer).commands[0]);
	}

	/** The command of a session. */
	async session(): Promise<SessionCommand> {
		const command = await this.command();
		if (command.type !== "session") throw new Error(`a command of type ${command.type}`);
		return command;
	}

	/** Dials a session, says hello and returns the socket. */
	async dial(id: string, hello: SessionHello): Promise<WebSocket> {
		const headers = { Upgrade: "websocket", authorization: `Bearer ${this.credential}` };
		const response = await fetchWorker(`/clusters/${this.cluster.name}/agent/v1/sessions/${id}`, { headers });
		const socket = response.webSocket;
		if (!socket) throw new Error(`session ${id}: ${response.status} ${await response.text()}`);
		socket.accept();
		socket.send(JSON.stringify(hello));
		return socket;
	}

	#request(): PollRequest {
		return { version: AGENT_PROTOCOL_VERSION, instanceId: `instance-of-${this.name}`, bootId: "boot", cursor: this.cursor, networkCursor: this.networkCursor };
	}

	/** A poll that is not held. */
	#poll(report: Report): Promise<PollResponse> {
		return this.cluster.call<PollResponse>("POST", `/agent/v1/nodes/${this.name}/poll`, { ...this.#request(), ...report }, { token: this.credential });
	}

	#take(response: PollResponse): PollResponse {
		this.cursor = response.cursor;
		this.networkCursor = response.networkCursor;
		return response;
	}
}

function readyStatus(): NodeStatus {
	const resources = { cpu: "4", memory: "8Gi", pods: "110" };
	return { capacity: resources, allocatable: resources, conditions: [{ type: "Ready", status: "True", reason: "KubeletReady" }] } as NodeStatus;
}

/** What an agent reports of a pod whose only container runs. */
export function runningStatus(startedAt = "2026-01-01T00:00:00Z"): PodStatus {
	const container = { name: "main", ready: true, restartCount: 0, image: "example", imageID: "", state: { running: { startedAt } } };
	const conditions = ["Initialized", "ContainersReady", "Ready"].map((type) => ({ type, status: "True", lastTransitionTime: startedAt }));
	return {
		phase: "Running",
		podIP: "10.244.0.5",
		podIPs: [{ ip: "10.244.0.5" }],
		startTime: startedAt,
		conditions,
		containerStatuses: [container],
	} as PodStatus;
}

export const refOf = ({ metadata }: Pod): PodRef => ({ namespace: metadata.namespace ?? "", name: metadata.name ?? "", uid: metadata.uid ?? "" });
