/** Serves what users ask of containers: for each command one socket dialled and one task, so that none can stall another. */
import type { SessionCommand, SessionRequest } from "../../core/protocol/agent-protocol.ts";
import type { Pod } from "../../core/schema/kubernetes.d.ts";
import type { Clock } from "../clock.ts";
import type { ControlPlaneClient } from "../control-plane-client.ts";
import type { Logger } from "../log.ts";
import { latestSandbox } from "../pod-lifecycle.ts";
import type { ContainerRuntime, ContainerStateInfo } from "../runtime/runtime.ts";
import type { PodSnapshot, RuntimeView } from "../runtime-view.ts";
import { serveAttach } from "./attach.ts";
import { serveExec } from "./exec.ts";
import { chooseLog, serveLog } from "./log.ts";
import { servePortForward } from "./portforward.ts";
import { SessionRefusal } from "./session-refusal.ts";
import { SessionSocket } from "./session-socket.ts";

/** At once on one node; more are refused. */
export const MAX_SESSIONS = 512;
/** Ids remembered, so that a command that comes twice is served once. */
const MAX_REMEMBERED_IDS = 4_096;

export interface SessionServerOptions {
	client: ControlPlaneClient;
	runtime: ContainerRuntime;
	view: RuntimeView;
	log: Logger;
	clock: Clock;
	findPod(uid: string): Pod | undefined;
}

/** What is done after the hello. */
type Serve = (socket: SessionSocket) => Promise<void>;

export class SessionServer {
	readonly #options: SessionServerOptions;
	readonly #seen = new Set<string>();
	readonly #open = new Set<SessionSocket>();
	#stopped = false;

	constructor(options: SessionServerOptions) {
		this.#options = options;
	}

	/** Returns at once; the session lives on its own. */
	handle(command: SessionCommand): void {
		if (this.#stopped || command.type !== "session" || this.#seen.has(command.id)) return;
		this.#seen.add(command.id);
		if (this.#seen.size > MAX_REMEMBERED_IDS) this.#seen.delete(this.#seen.values().next().value as string);
		this.#serve(command).catch((error: unknown) =>
			this.#options.log.warn("a session ended with an error", { session: command.id, kind: command.request.kind, error }),
		);
	}

	async stop(): Promise<void> {
		this.#stopped = true;
		const sockets = [...this.#open];
		for (const socket of sockets) socket.terminate();
		await Promise.all(sockets.map((s) => s.closed));
	}

	async #serve(command: SessionCommand): Promise<void> {
		const socket = await SessionSocket.dial(this.#options.client, command.id);
		this.#open.add(socket);
		try {
			const serve = await this.#prepare(command);
			socket.hello({ ok: true });
			await serve(socket);
		} catch (error) {
			if (error instanceof SessionRefusal) socket.hello({ ok: false, code: error.code, reason: error.reason, message: error.message });
			else {
				await socket.close(1011, "the session failed");
				throw error;
			}
		} finally {
			await socket.close();
			this.#open.delete(socket);
		}
	}

	/** Refuses before the hello what cannot be served. */
	async #prepare(command: SessionCommand): Promise<Serve> {
		const { view, findPod, runtime } = this.#options;
		if (this.#open.size > MAX_SESSIONS) throw new SessionRefusal(429, "TooManyRequests", `this node serves ${MAX_SESSIONS} sessions already; try again later`);
		const pod = findPod(command.pod.uid);
		if (!pod) throw new SessionRefusal(404, "NotFound", `pods ${JSON.stringify(command.pod.name)} not found`);
		const snapshot = await view.pod(command.pod.uid);
		const { request } = command;
		if (request.kind === "log") return this.#prepareLog(command, pod, request, snapshot);
		if (request.kind === "portforward") {
			const sandbox = latestSandbox(snapshot.sandboxes);
			if (!sandbox?.ready)
				throw new SessionRefusal(400, "BadRequest", `unable to forward port because pod is not running. Current status=${pod.status?.phase ?? "Pending"}`);
			return (socket) => servePortForward(socket, (port) => runtime.dial(sandbox.id, port), this.#options.log);
		}
		const container = runningContainer(snapshot, command.container);
		if (request.kind === "exec") return (socket) => serveExec(socket, runtime, container.id, request);
		return (socket) => serveAttach(socket, runtime, container.id, request);
	}

	#prepareLog(command: SessionCommand, pod: Pod, request: Extract<SessionRequest, { kind: "log" }>, snapshot: PodSnapshot): Serve {
		const chosen = chooseLog(pod, command.container, request.previous, snapshot.containers);
		const stillRuns = async (): Promise<boolean> => {
			const { containers } = await this.#options.view.pod(command.pod.uid);
			return containers.some((c) => c.id === chosen.containerId && (c.state === "running" || c.state === "created"));
		};
		return (socket) => serveLog(socket, chosen.path, request, stillRuns, this.#options.clock);
	}
}

function runningContainer(snapshot: PodSnapshot, name: string): ContainerStateInfo {
	const found = snapshot.containers.find((c) => c.name === name && c.state === "running");
	if (!found) throw new SessionRefusal(404, "NotFound", `container not found (${JSON.stringify(name)})`);
	return found;
}
