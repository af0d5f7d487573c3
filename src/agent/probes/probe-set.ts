/** All probes of one pod: their schedules, thresholds and verdicts, after k8s.io/kubernetes/pkg/kubelet/prober. */
import type { Container, Pod, Probe } from "../../core/schema/kubernetes.d.ts";
import type { Clock } from "../clock.ts";
import type { ProbeVerdicts } from "../pod-lifecycle.ts";
import { isSidecar } from "../pod-names.ts";
import type { ContainerStateInfo } from "../runtime/runtime.ts";
import type { ProbeOutcome, ProbeTarget } from "./probe-runner.ts";

export type ProbeKind = "startup" | "liveness" | "readiness";
const KINDS: readonly ProbeKind[] = ["startup", "liveness", "readiness"];
const DEFAULT_PERIOD_SECONDS = 10;
const DEFAULT_FAILURE_THRESHOLD = 3;

export interface ProbeSetOptions {
	clock: Clock;
	run(target: ProbeTarget, probe: Probe): Promise<ProbeOutcome>;
	/** A verdict changed: the pod must be looked at again. */
	onChange(): void;
	/** A probe failed once, whatever its threshold. */
	onFailure(container: Container, kind: ProbeKind, message: string): void;
}

interface Prober {
	kind: ProbeKind;
	container: Container;
	probe: Probe;
	containerId: string;
	startedAtMs: number;
	verdict: boolean | undefined;
	lastOutcome: boolean | undefined;
	sameOutcomes: number;
	cancel: () => void;
	stopped: boolean;
}

const probeOf = (container: Container, kind: ProbeKind): Probe | undefined =>
	kind === "startup" ? container.startupProbe : kind === "liveness" ? container.livenessProbe : container.readinessProbe;

export class ProbeSet implements ProbeVerdicts {
	readonly #options: ProbeSetOptions;
	/** By container id and kind. */
	readonly #probers = new Map<string, Prober>();
	#podIP = "";
	/** Only readiness matters once the pod is going. */
	#terminating = false;

	constructor(options: ProbeSetOptions) {
		this.#options = options;
	}

	/** Starts probers for running containers that have none and drops those whose container is gone. */
	update(pod: Pod, containers: readonly ContainerStateInfo[], podIP: string): void {
		this.#podIP = podIP;
		const running = new Map(containers.filter((c) => c.state === "running").map((c) => [c.id, c]));
		for (const prober of [...this.#probers.values()]) if (!running.has(prober.containerId)) this.#drop(prober);
		const sidecars = (pod.spec?.initContainers ?? []).filter(isSidecar);
		for (const state of running.values()) {
			const container = [...(pod.spec?.containers ?? []), ...sidecars].find((c) => c.name === state.name);
			if (!container) continue;
			for (const kind of KINDS) this.#ensure(container, state, kind);
		}
	}

	started(containerId: string): boolean {
		const prober = this.#probers.get(`${containerId}/startup`);
		return prober === undefined || prober.verdict === true;
	}

	ready(containerId: string): boolean {
		const prober = this.#probers.get(`${containerId}/readiness`);
		return prober === undefined || prober.verdict === true;
	}

	failed(containerId: string): "liveness" | "startup" | undefined {
		for (const kind of ["startup", "liveness"] as const) if (this.#probers.get(`${containerId}/${kind}`)?.verdict === false) return kind;
		return undefined;
	}

	/** The pod is going: nothing will be restarted any more, but traffic must still know who is ready. */
	terminate(): void {
		this.#terminating = true;
		for (const prober of [...this.#probers.values()]) if (prober.kind !== "readiness") this.#halt(prober);
	}

	stop(): void {
		for (const prober of [...this.#probers.values()]) this.#drop(prober);
	}

	#ensure(container: Container, state: ContainerStateInfo, kind: ProbeKind): void {
		const probe = probeOf(container, kind);
		const key = `${state.id}/${kind}`;
		if (!probe || this.#probers.has(key) || (this.#terminating && kind !== "readiness")) return;
		const prober: Prober = {
			kind,
			container,
			probe,
			containerId: state.id,
			startedAtMs: state.startedAtMs,
			// A container is alive until proven dead, and unready until proven ready.
			verdict: kind === "liveness" ? true : kind === "readiness" ? false : undefined,
			lastOutcome: undefined,
			sameOutcomes: 0,
			cancel: () => undefined,
			stopped: false,
		};
		this.#probers.set(key, prober);
		const nowMs = this.#options.clock.nowMs();
		this.#schedule(prober, Math.max(0, state.startedAtMs + (probe.initialDelaySeconds ?? 0) * 1000 - nowMs));
	}

	#schedule(prober: Prober, delayMs: number): void {
		prober.cancel = this.#options.clock.after(delayMs, () => {
			void this.#probe(prober);
		});
	}

	async #probe(prober: Prober): Promise<void> {
		const beganAtMs = this.#options.clock.nowMs();
		// Liveness and readiness wait until the container has started.
		if (prober.kind === "startup" || this.started(prober.containerId)) {
			const outcome = await this.#options.run({ container: prober.container, containerId: prober.containerId, podIP: this.#podIP }, prober.probe);
			if (prober.stopped) return;
			this.#take(prober, outcome);
		}
		// A passed startup probe has done its work, and a failed one is over with its container.
		if (prober.stopped || (prober.kind !== "readiness" && (prober.verdict === false || (prober.kind === "startup" && prober.verdict)))) return;
		const periodMs = (prober.probe.periodSeconds || DEFAULT_PERIOD_SECONDS) * 1000;
		this.#schedule(prober, Math.max(0, periodMs - (this.#options.clock.nowMs() - beganAtMs)));
	}

	#take(prober: Prober, outcome: ProbeOutcome): void {
		prober.sameOutcomes = prober.lastOutcome === outcome.success ? prober.sameOutcomes + 1 : 1;
		prober.lastOutcome = outcome.success;
		if (!outcome.success) this.#options.onFailure(prober.container, prober.kind, outcome.message);
		const threshold = outcome.success ? prober.probe.successThreshold || 1 : prober.probe.failureThreshold || DEFAULT_FAILURE_THRESHOLD;
		if (prober.sameOutcomes < threshold || prober.verdict === outcome.success) return;
		prober.verdict = outcome.success;
		if (prober.kind === "startup" && outcome.success) this.#hurry(prober.containerId);
		this.#options.onChange();
	}

	/** What waited for the startup probe need not wait for a whole period more. */
	#hurry(containerId: string): void {
		for (const kind of ["liveness", "readiness"] as const) {
			const waiting = this.#probers.get(`${containerId}/${kind}`);
			if (!waiting || waiting.lastOutcome !== undefined) continue;
			waiting.cancel();
			const delayMs = waiting.startedAtMs + (waiting.probe.initialDelaySeconds ?? 0) * 1000 - this.#options.clock.nowMs();
			this.#schedule(waiting, Math.max(0, delayMs));
		}
	}

	#halt(prober: Prober): void {
		prober.stopped = true;
		prober.cancel();
	}

	#drop(prober: Prober): void {
		this.#halt(prober);
		this.#probers.delete(`${prober.containerId}/${prober.kind}`);
	}
}
