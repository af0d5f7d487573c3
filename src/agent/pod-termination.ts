/** Stops a pod's containers: preStop, SIGTERM, the grace period; sidecars after the others, last one first. */
import type { Container, Pod } from "../core/schema/kubernetes.d.ts";
import { containerFieldPath } from "./event-recorder.ts";
import { runHook } from "./lifecycle-hook.ts";
import { errorText } from "./log.ts";
import type { PodContext } from "./pod-context.ts";
import { findContainer, isSidecar } from "./pod-names.ts";
import type { ContainerStateInfo } from "./runtime/runtime.ts";

/** What is left for SIGTERM when preStop has used the grace period up: upstream's minimum. */
export const MIN_STOP_SECONDS = 2;

/** One pod's stopping; `hurry` shortens the grace period of what is still being stopped. */
export class PodTermination {
	readonly #context: PodContext;
	readonly #pod: Pod;
	readonly #podIP: string;
	readonly #stopping = new Set<string>();
	readonly #hooks = new AbortController();
	#deadlineMs = Number.POSITIVE_INFINITY;

	constructor(context: PodContext, pod: Pod, podIP: string) {
		this.#context = context;
		this.#pod = pod;
		this.#podIP = podIP;
	}

	/** Resolves when none of `containers` runs any more; rejects with the first failure after all were tried. */
	async stopAll(containers: readonly ContainerStateInfo[], graceSeconds: number): Promise<void> {
		this.#deadlineMs = Math.min(this.#deadlineMs, this.#context.clock.nowMs() + graceSeconds * 1000);
		const alive = containers.filter((c) => c.state === "running" || c.state === "unknown");
		const sidecarNames = (this.#pod.spec?.initContainers ?? []).filter(isSidecar).map((c) => c.name);
		const others = alive.filter((c) => !sidecarNames.includes(c.name));
		await allSettledOrThrow(others.map((c) => this.stop(c, this.#remainingSeconds(), `Stopping container ${c.name}`)));
		for (const name of sidecarNames.reverse()) {
			const mine = alive.filter((c) => c.name === name);
			await allSettledOrThrow(mine.map((c) => this.stop(c, this.#remainingSeconds(), `Stopping container ${c.name}`)));
		}
	}

	/** Stops one container, its preStop hook first. */
	async stop(state: ContainerStateInfo, graceSeconds: number, message: string): Promise<void> {
		const { runtime, clock, events } = this.#context;
		const found = findContainer(this.#pod, state.name);
		if (found) events.record(this.#pod, "Normal", "Killing", message, containerFieldPath(found.kind, state.name));
		const deadlineMs = Math.min(this.#deadlineMs, clock.nowMs() + graceSeconds * 1000);
		if (found?.container.lifecycle?.preStop && state.state === "running")
			await this.#preStop(found.container, state, graceSeconds, containerFieldPath(found.kind, state.name));
		const remaining = Math.ceil((Math.min(deadlineMs, this.#deadlineMs) - clock.nowMs()) / 1000);
		const least = Math.min(MIN_STOP_SECONDS, graceSeconds);
		this.#stopping.add(state.id);
		try {
			await runtime.stopContainer(state.id, Math.max(least, remaining), found?.container.lifecycle?.stopSignal);
		} finally {
			this.#stopping.delete(state.id);
		}
	}

	/** A second deletion came with less grace: hooks are cut short and containers told again. */
	hurry(graceSeconds: number): void {
		const deadlineMs = this.#context.clock.nowMs() + graceSeconds * 1000;
		if (deadlineMs >= this.#deadlineMs) return;
		this.#deadlineMs = deadlineMs;
		this.#hooks.abort();
		for (const id of this.#stopping) {
			this.#context.runtime
				.stopContainer(id, graceSeconds)
				.catch((error: unknown) => this.#context.log.warn("stopping a container sooner failed", { container: id, error }));
		}
	}

	#remainingSeconds(): number {
		return Math.max(0, (this.#deadlineMs - this.#context.clock.nowMs()) / 1000);
	}

	async #preStop(container: Container, state: ContainerStateInfo, graceSeconds: number, fieldPath: string): Promise<void> {
		const handler = container.lifecycle?.preStop;
		if (!handler) return;
		const { runtime, clock, events } = this.#context;
		try {
			await runHook(handler, {
				runtime,
				clock,
				container,
				containerId: state.id,
				podIP: this.#podIP,
				timeoutMs: graceSeconds * 1000,
				signal: this.#hooks.signal,
			});
		} catch (error) {
			events.record(this.#pod, "Warning", "FailedPreStopHook", `PreStopHook failed: ${errorText(error)}`, fieldPath);
		}
	}
}

export async function allSettledOrThrow(tasks: readonly Promise<unknown>[]): Promise<void> {
	for (const result of await Promise.allSettled(tasks)) if (result.status === "rejected") throw result.reason;
}
