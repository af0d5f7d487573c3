/** Keeps one poll open with the control plane and hands its answers on; docs/agent-protocol.md has the rules. */
import {
	AGENT_PROTOCOL_VERSION,
	type AgentCommand,
	NETWORK_ROWS_VERSION,
	POLL_SILENCE_MS,
	type PollRequest,
	type PollResponse,
} from "../core/protocol/agent-protocol.ts";
import { type Clock, sleep } from "./clock.ts";
import { ControlPlaneError, type ControlPlaneClient, parseJson } from "./control-plane-client.ts";
import { type DesiredChange, type DesiredState, parsePollResponse } from "./desired-state.ts";
import { type HeldPollAnswer, holdPoll } from "./held-poll.ts";
import type { Logger } from "./log.ts";
import type { RetryDelay } from "./retry-delay.ts";
import type { Report } from "./status-reporter.ts";

/** A report is answered as soon as it is stored; longer than this is a failure. */
export const REPORT_TIMEOUT_MS = 15_000;
/** A control plane that answers polls at once without moving their cursors must not make the agent spin: the wait, and the most it doubles to. */
export const MIN_IDLE_POLL_MS = 250;
export const MAX_IDLE_POLL_MS = 5_000;

export interface PollLoopOptions {
	client: ControlPlaneClient;
	clock: Clock;
	log: Logger;
	retry: RetryDelay;
	state: DesiredState;
	nodeName: string;
	instanceId: string;
	bootId: string;
	/** Shorter in tests. */
	silenceMs?: number;
	onChange(change: DesiredChange): void;
	onCommand(command: AgentCommand): void;
	/** Whether pods run here that the control plane wanted last. */
	hasPods(): boolean;
	/** A poll came to nothing; called every time. */
	onFailure?(): void;
	/** Called when the credential was refused; resolves when a new one may be tried. */
	onRefused?(code: number): Promise<void>;
}

export class PollRefused extends Error {
	readonly code: number;
	constructor(code: number, message: string) {
		super(message);
		this.name = "PollRefused";
		this.code = code;
	}
}

export class PollLoop {
	readonly #options: PollLoopOptions;
	readonly #halt = new AbortController();
	#running: Promise<void> | undefined;
	#connected: boolean | undefined;
	#emptyFullSeen = false;

	constructor(options: PollLoopOptions) {
		this.#options = options;
	}

	/** Whether the last poll was answered. */
	get connected(): boolean {
		return this.#connected === true;
	}

	start(): void {
		this.#running ??= this.#loop();
	}

	async stop(): Promise<void> {
		this.#halt.abort();
		await this.#running;
	}

	/** Sends a report and resolves when it is stored; commands in its answer are carried out, its pods left to the held poll. */
	async report(report: Report): Promise<void> {
		const { client } = this.#options;
		const { answer } = this.#taken(await client.send("POST", this.#path, { ...this.#request(), ...report }, { idleTimeoutMs: REPORT_TIMEOUT_MS }));
		for (const command of answer.commands) this.#command(command);
	}

	async #loop(): Promise<void> {
		const { clock, log, retry } = this.#options;
		let idlePolls = 0;
		while (!this.#halt.signal.aborted) {
			const startedAtMs = clock.nowMs();
			try {
				const moved = await this.#pollOnce();
				if (this.#connected === false) log.info("the control plane answers again");
				this.#connected = true;
				retry.reset();
				const idle = !moved && clock.nowMs() - startedAtMs < MIN_IDLE_POLL_MS;
				idlePolls = idle ? idlePolls + 1 : 0;
				if (idle) await sleep(clock, Math.min(MIN_IDLE_POLL_MS * 2 ** (idlePolls - 1), MAX_IDLE_POLL_MS), this.#halt.signal);
			} catch (error) {
				if (this.#halt.signal.aborted) return;
				await this.#failed(error);
			}
		}
	}

	async #failed(error: unknown): Promise<void> {
		const { clock, log, retry, onRefused } = this.#options;
		const delayMs = retry.next();
		if (this.#connected !== false) log.warn("the control plane does not answer; pods go on as they are", { error, retryInMs: delayMs });
		else log.debug("the control plane does not answer", { error, retryInMs: delayMs });
		this.#connected = false;
		this.#options.onFailure?.();
		if (error instanceof PollRefused) await onRefused?.(error.code).catch((cause: unknown) => log.warn("joining again failed", { error: cause }));
		await sleep(clock, delayMs, this.#halt.signal);
	}

	/** Returns whether the answer brought a command or moved a cursor. */
	async #pollOnce(): Promise<boolean> {
		const { client, state, log, silenceMs = POLL_SILENCE_MS } = this.#options;
		const request = this.#request();
		const { answer, unusable } = this.#taken(await holdPoll(client, this.#path, request, { silenceMs, signal: this.#halt.signal }));
		for (const command of answer.commands) this.#command(command);
		if (this.#doubtful(answer)) return false;
		for (const ref of unusable) log.error("a pod of the control plane's answer cannot be used", { ...ref });
		const usable = { ...answer, pods: answer.pods.filter((p) => !unusable.some((u) => u.uid === p.metadata.uid)) };
		// What cannot be read now may still run from before: it is not removed for that.
		if (answer.full) usable.pods.push(...state.pods.filter((p) => unusable.some((u) => u.uid === p.metadata.uid)));
		const change = state.apply(usable, request.networkCursor === 0);
		const news = change.full || change.pods.length > 0 || change.removed.length > 0 || change.namespaces.size > 0 || change.network.length > 0;
		const hasWork = news || change.volumesToDelete.length > 0;
		if (news) await state.save().catch((error: unknown) => log.error("the desired state could not be written to disk", { error }));
		if (hasWork) this.#options.onChange(change);
		return answer.cursor !== request.cursor || answer.networkCursor !== request.networkCursor || answer.commands.length > 0;
	}

	/** An answer that would stop every pod is believed only when it comes twice running. */
	#doubtful(answer: PollResponse): boolean {
		const empty = answer.full && answer.pods.length === 0 && this.#options.hasPods();
		if (!empty || this.#emptyFullSeen) {
			this.#emptyFullSeen = false;
			return false;
		}
		this.#emptyFullSeen = true;
		this.#options.state.cursor = 0;
		this.#options.log.warn("the control plane wants no pod here any more; asking once more before stopping them");
		return true;
	}

	#command(command: AgentCommand): void {
		try {
			this.#options.onCommand(command);
		} catch (error) {
			this.#options.log.error("a command could not be carried out", { error });
		}
	}

	get #path(): string {
		return `/agent/v1/nodes/${encodeURIComponent(this.#options.nodeName)}/poll`;
	}

	#request(): PollRequest {
		const { state, instanceId, bootId } = this.#options;
		return {
			version: AGENT_PROTOCOL_VERSION,
			instanceId,
			bootId,
			cursor: state.cursor,
			networkCursor: state.networkCursor,
			networkVersion: NETWORK_ROWS_VERSION,
		};
	}

	#taken({ code, text }: HeldPollAnswer): ReturnType<typeof parsePollResponse> {
		if (code === 200) return parsePollResponse(text);
		const said = (parseJson(text) as { message?: string } | undefined)?.message ?? "";
		if (code === 401 || code === 403 || code === 409) throw new PollRefused(code, `the control plane refused this node (${code}): ${said}`);
		throw new ControlPlaneError("answer", `the control plane answered ${code}: ${said}`);
	}
}
