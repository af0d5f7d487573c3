/**
 * Brings one pod to what the control plane wants, one step after the other: nothing of the same pod ever runs in parallel.
 * A worker ends when nothing of its pod is left on the node.
 */
import { rm } from "node:fs/promises";
import type { Pod, PodStatus } from "../core/schema/kubernetes.d.ts";
import { sleep } from "./clock.ts";
import { collectContainers } from "./container-collection.ts";
import { containerFieldPath } from "./event-recorder.ts";
import { errorText } from "./log.ts";
import type { PodContext } from "./pod-context.ts";
import { computePodActions, graceSeconds, isTerminal, latestSandbox, remainingDeadlineMs } from "./pod-lifecycle.ts";
import { findContainer, formatPod, type PodPaths, podPaths, podRef } from "./pod-names.ts";
import { loadRecord, saveRecord } from "./pod-record.ts";
import { computePodStatus, type PodVerdict, type StartFailure } from "./pod-status.ts";
import { PodResize } from "./pod-resize.ts";
import { PodStart } from "./pod-start.ts";
import { PodTermination } from "./pod-termination.ts";
import { runProbe } from "./probes/probe-runner.ts";
import { ProbeSet } from "./probes/probe-set.ts";
import type { ContainerStateInfo } from "./runtime/runtime.ts";
import type { PodSnapshot } from "./runtime-view.ts";
import { readTerminationMessage } from "./termination-message.ts";
import { tearDownVolumes } from "./volumes/volume-set.ts";

/** A pod is looked at this often even when nothing happens: tokens are refreshed, lost events made good. */
export const RESYNC_MS = 60_000;
/** After a step that failed for no fault of the pod (a dead runtime), doubling. */
const RETRY_INITIAL_MS = 1_000;
const RETRY_MAX_MS = 30_000;

/** A step that takes longer than this tells the pod's status now and then. */
const PROGRESS_MS = 1_000;
/** How long a stopping agent waits for a pod's present step. */
const HALT_WAIT_MS = 3_000;

export class PodWorker {
	readonly #context: PodContext;
	readonly #paths: PodPaths;
	readonly #probes: ProbeSet;
	readonly #start: PodStart;
	readonly #resize: PodResize;
	readonly #startFailures = new Map<string, StartFailure>();
	readonly #messages = new Map<string, string>();
	readonly #onGone: () => void;
	#pod: Pod;
	#termination: PodTermination | undefined;
	#status: PodStatus | undefined;
	#reported = "";
	#verdict: PodVerdict | undefined;
	/** Whether it was asked if the pod may run here. */
	#admitted = false;
	/** Of those who wait for the pod's end. */
	#waiting: (() => void)[] = [];
	#loaded = false;
	/** The containers are over; the pod waits for its deletion. */
	#finished = false;
	/** The pod's object is gone: nobody is left to report to. */
	#removed = false;
	#gone = false;
	#halted = false;
	#dirty = false;
	#running: Promise<void> | undefined;
	#cancelTimer: () => void = () => undefined;
	#retries = 0;
	readonly #deleting = new AbortController();

	constructor(context: PodContext, pod: Pod, onGone: () => void) {
		this.#context = context;
		this.#pod = pod;
		this.#onGone = onGone;
		this.#paths = podPaths(context.dataDirectory, podRef(pod));
		this.#resize = new PodResize({
			runtime: context.runtime,
			events: context.events,
			file: this.#paths.resizeFile,
			refuse: (wanted) => context.admission.refuseResize(wanted),
		});
		this.#start = new PodStart(context, this.#paths, this.#startFailures, this.#deleting.signal);
		this.#probes = new ProbeSet({
			clock: context.clock,
			run: (target, probe) => runProbe(context.runtime, target, probe),
			onChange: () => this.wake(),
			onFailure: (container, kind, message) => {
				const path = containerFieldPath(findContainer(this.#pod, container.name)?.kind ?? "regular", container.name);
				context.events.record(this.#pod, "Warning", "Unhealthy", `${kind[0]?.toUpperCase()}${kind.slice(1)} probe failed: ${message}`, path);
			},
		});
	}

	get pod(): Pod {
		return this.#pod;
	}

	/** The pod with what the node has granted it. */
	get granted(): Pod {
		return this.#resize.granted(this.#pod);
	}

	/** The pod with its status as this node sees it. */
	get current(): Pod {
		return { ...this.#pod, status: this.#status ?? this.#pod.status };
	}

	/** The control plane has a newer version of the pod. */
	update(pod: Pod): void {
		this.#pod = pod;
		this.#context.claims.refresh(pod.metadata.uid ?? "");
		if (pod.metadata.deletionTimestamp) {
			this.#deleting.abort();
			this.#termination?.hurry(graceSeconds(pod));
			if (this.#gone) this.#context.reports.stopped(podRef(pod));
		}
		this.wake();
	}

	/** The pod's object is gone: stop and clean up, and report to nobody. */
	remove(): void {
		this.#removed = true;
		this.#deleting.abort();
		this.wake();
	}

	/** It should run, as far as is known: neither over nor being deleted. */
	get active(): boolean {
		return !this.#removed && !this.#finished && !this.#verdict && !this.#pod.metadata.deletionTimestamp && !isTerminal(this.#status?.phase);
	}

	/** The node has taken the pod. */
	get admitted(): boolean {
		return this.#admitted;
	}

	/** The pod has to go for the node's sake. Resolves when its containers have ended. */
	async terminate(verdict: Omit<PodVerdict, "phase" | "disrupted">): Promise<void> {
		if (!this.active) return;
		const ended = new Promise<void>((resolve) => this.#waiting.push(resolve));
		this.#verdict = { phase: "Failed", disrupted: true, ...verdict };
		this.#deleting.abort();
		this.wake();
		await ended;
	}

	/** Says the status again: the control plane may have lost it. */
	reportAgain(): void {
		this.#reported = "";
		this.wake();
	}

	/** Looks at the pod soon. */
	wake(): void {
		this.#dirty = true;
		if (!this.#running && !this.#halted && !this.#gone) {
			this.#running = this.#loop().finally(() => {
				this.#running = undefined;
			});
		}
	}

	/** Ends the worker and leaves the pod running: the agent stops. A step that takes longer (a grace period) is not waited for. */
	async halt(): Promise<void> {
		this.#halted = true;
		this.#cancelTimer();
		this.#probes.stop();
		this.#deleting.abort();
		if (!this.#running) return;
		const ended = new AbortController();
		const running = this.#running.then(() => ended.abort());
		await Promise.race([running, sleep(this.#context.clock, HALT_WAIT_MS, ended.signal)]);
	}

	async #loop(): Promise<void> {
		while (this.#dirty && !this.#halted && !this.#gone) {
			this.#dirty = false;
			this.#cancelTimer();
			const delayMs = await this.#step();
			if (!this.#dirty && !this.#halted && !this.#gone) this.#cancelTimer = this.#context.clock.after(delayMs, () => this.wake());
		}
	}

	/** One look at the pod; returns when the next is due. */
	async #step(): Promise<number> {
		try {
			const delayMs = await this.#sync();
			this.#retries = 0;
			return delayMs;
		} catch (error) {
			this.#context.log.warn("a pod could not be brought up to date", { pod: formatPod(this.#pod), error });
			return Math.min(RETRY_INITIAL_MS * 2 ** this.#retries++, RETRY_MAX_MS);
		}
	}

	async #sync(): Promise<number> {
		if (!this.#loaded) await this.#load();
		if (this.#removed || this.#pod.metadata.deletionTimestamp) return this.#delete();
		const snapshot = await this.#context.view.pod(this.#pod.metadata.uid ?? "");
		await this.#admit(snapshot);
		if (this.#finished || this.#verdict || isTerminal(this.#status?.phase)) return this.#finish(snapshot);
		const deadlineMs = remainingDeadlineMs(this.#pod, this.#status?.startTime, this.#context.clock.nowMs());
		if (deadlineMs === 0) {
			this.#verdict = { phase: "Failed", reason: "DeadlineExceeded", message: "Pod was active on the node longer than the specified deadline" };
			this.#context.events.record(this.#pod, "Normal", "DeadlineExceeded", this.#verdict.message);
			return this.#finish(snapshot);
		}
		const nextMs = await this.#run(snapshot);
		return Math.min(nextMs, deadlineMs ?? nextMs);
	}

	/** Asked once, of a pod of which nothing has run here: what runs already stays. */
	async #admit(snapshot: PodSnapshot): Promise<void> {
		if (this.#admitted) return;
		const isNew = this.#status === undefined && snapshot.sandboxes.length === 0;
		const rejection = isNew ? await this.#context.admission.admit(this.#pod) : undefined;
		this.#admitted = true;
		if (rejection === undefined) return;
		const { reason, message } = rejection;
		this.#verdict = { phase: "Failed", reason, message: `Pod was rejected: ${message}`, rejected: true };
		this.#context.events.record(this.#pod, "Warning", reason, message);
	}

	async #load(): Promise<void> {
		const record = await loadRecord(this.#paths.recordFile);
		this.#status = record ?? (this.#pod.status?.startTime ? this.#pod.status : undefined);
		await this.#resize.load();
		this.#loaded = true;
	}

	async #run(snapshot: PodSnapshot): Promise<number> {
		this.#resize.note(this.granted, snapshot.containers);
		const pod = await this.#resize.grant(this.#pod);
		this.#probes.update(pod, snapshot.containers, latestSandbox(snapshot.sandboxes)?.ips[0] ?? this.#context.node.hostIPs()[0] ?? "");
		const actions = computePodActions(pod, snapshot.sandboxes, snapshot.containers, {
			started: (id) => this.#probes.started(id),
			failed: (id) => this.#probes.failed(id),
			mustRestart: (container, id) => this.#resize.mustRestart(container, id),
		});
		if (actions.killPod && !actions.createSandbox) return this.#finish(snapshot);
		await this.#report(snapshot);
		for (const c of snapshot.containers) if (c.state === "running" && !actions.containersToKill.some((k) => k.id === c.id)) this.#startFailures.delete(c.name);
		const startMs = await this.#whileTelling(() => this.#start.execute(pod, actions, snapshot, this.#status));
		const after = await this.#context.view.pod(this.#pod.metadata.uid ?? "");
		this.#resize.note(pod, after.containers);
		const nextMs = Math.min(startMs, await this.#resize.actuate(pod, after.containers));
		this.#probes.update(this.#pod, after.containers, latestSandbox(after.sandboxes)?.ips[0] ?? this.#context.node.hostIPs()[0] ?? "");
		await this.#report(after);
		await collectContainers(this.#context, this.#paths, after);
		return Math.min(nextMs, RESYNC_MS);
	}

	/** Work that takes long (a pull) shows its progress: the pod's address, containers that run already. */
	async #whileTelling<T>(work: () => Promise<T>): Promise<T> {
		let told: Promise<void> = Promise.resolve();
		const tell = () => {
			told = this.#report(this.#context.view.lastSeen(this.#pod.metadata.uid ?? "")).catch(() => undefined);
			cancel = this.#context.clock.after(PROGRESS_MS, tell);
		};
		let cancel = this.#context.clock.after(PROGRESS_MS, tell);
		try {
			return await work();
		} finally {
			cancel();
			await told;
		}
	}

	/** The pod ran to its end: stop what is left, free what it held, keep its containers for their logs. */
	async #finish(snapshot: PodSnapshot): Promise<number> {
		if (!this.#finished) {
			this.#finished = true;
			this.#probes.terminate();
		}
		await this.#stopContainers(snapshot, this.#verdict?.graceSeconds ?? graceSeconds(this.#pod));
		this.#probes.stop();
		for (const sandbox of snapshot.sandboxes) if (sandbox.ready) await this.#context.runtime.stopSandbox(sandbox.id);
		await this.#context.claimDevices.unprepare(this.#pod);
		const after = await this.#context.view.pod(this.#pod.metadata.uid ?? "");
		await this.#report(after, { terminating: true, terminated: true });
		await tearDownVolumes(this.#paths, this.#pod.metadata.uid ?? "", this.#context);
		this.#tellEnd();
		return RESYNC_MS;
	}

	#tellEnd(): void {
		for (const resolve of this.#waiting) resolve();
		this.#waiting = [];
	}

	/** The pod is deleted: stop it, remove every trace, and say so. */
	async #delete(): Promise<number> {
		const { runtime, view, reports } = this.#context;
		const uid = this.#pod.metadata.uid ?? "";
		this.#deleting.abort();
		this.#probes.terminate();
		const snapshot = await view.pod(uid);
		if (!this.#finished) await this.#report(snapshot, { terminating: true, terminated: false });
		await this.#stopContainers(snapshot, graceSeconds(this.#pod));
		this.#probes.stop();
		for (const sandbox of snapshot.sandboxes) await runtime.stopSandbox(sandbox.id);
		await this.#context.claimDevices.unprepare(this.#pod);
		const stopped = await view.pod(uid);
		await this.#report(stopped, { terminating: true, terminated: true });
		for (const container of stopped.containers) await runtime.removeContainer(container.id);
		for (const sandbox of stopped.sandboxes) await runtime.removeSandbox(sandbox.id);
		await tearDownVolumes(this.#paths, this.#pod.metadata.uid ?? "", this.#context);
		await rm(this.#paths.podDirectory, { recursive: true, force: true });
		await rm(this.#paths.logDirectory, { recursive: true, force: true });
		this.#forget(uid);
		if (!this.#removed) reports.stopped(podRef(this.#pod));
		this.#gone = true;
		this.#tellEnd();
		this.#onGone();
		return RESYNC_MS;
	}

	async #stopContainers(snapshot: PodSnapshot, seconds: number): Promise<void> {
		this.#termination ??= new PodTermination(this.#context, this.#pod, latestSandbox(snapshot.sandboxes)?.ips[0] ?? "");
		try {
			await this.#termination.stopAll(snapshot.containers, seconds);
		} catch (error) {
			this.#context.events.record(this.#pod, "Warning", "FailedKillPod", `error killing pod: ${errorText(error)}`);
			throw error;
		}
	}

	#forget(uid: string): void {
		const { images, restartBackoff, tokens, claims, devices } = this.#context;
		devices.forget(uid);
		claims.forget(uid);
		images.forget(uid);
		tokens.forget(uid);
		restartBackoff.forget(`${uid}_`);
	}

	async #report(snapshot: PodSnapshot, stage = { terminating: false, terminated: false }): Promise<void> {
		const { node, clock, runtime, reports, devices } = this.#context;
		await this.#readMessages(snapshot.containers);
		const status = computePodStatus({
			pod: this.granted,
			previous: this.#status,
			...snapshot,
			startFailures: this.#startFailures,
			ready: (id) => this.#probes.ready(id),
			started: (id) => this.#probes.started(id),
			terminationMessage: (c) => this.#messages.get(c.id) ?? "",
			hostIPs: node.hostIPs(),
			nowMs: clock.nowMs(),
			...stage,
			runtimeName: runtime.info().version.split("://")[0] ?? "petrel",
			applied: (id) => this.#resize.applied(id),
			devices: (container) => devices.statusOf(this.#pod.metadata.uid ?? "", container),
			resizeConditions: this.#resize.conditions(),
			...(this.#verdict ? { verdict: this.#verdict } : {}),
		});
		const becameTerminal = isTerminal(status.phase) && !isTerminal(this.#status?.phase);
		this.#status = status;
		if (becameTerminal) await saveRecord(this.#paths.recordFile, status);
		const text = JSON.stringify(status);
		if (text === this.#reported || this.#removed) return;
		this.#reported = text;
		reports.status(podRef(this.#pod), status);
	}

	/** Read once per run: the file of a dead container does not change. */
	async #readMessages(containers: readonly ContainerStateInfo[]): Promise<void> {
		const present = new Set(containers.map((c) => c.id));
		for (const id of this.#messages.keys()) if (!present.has(id)) this.#messages.delete(id);
		for (const state of containers) {
			const found = findContainer(this.#pod, state.name);
			if (state.state === "exited" && found && !this.#messages.has(state.id))
				this.#messages.set(state.id, await readTerminationMessage(this.#paths, found.container, state));
		}
	}
}
