/** What the runtime runs, listed for all pods at once however many ask, and watched for changes (kubelet's PLEG). */
import type { Clock } from "./clock.ts";
import type { Logger } from "./log.ts";
import type { ContainerRuntime, ContainerStateInfo, SandboxState } from "./runtime/runtime.ts";

/** Kubelet's period of the relist; events only make it sooner. */
export const RELIST_PERIOD_MS = 1_000;
/** The same once nothing has happened for a while, where the runtime tells what happens. */
export const QUIET_RELIST_PERIOD_MS = 10_000;
/** Without anything that happened. What an event tells of may be listed only a moment later, so that one relist after it is not enough. */
export const QUIET_AFTER_MS = 10_000;
/** Kubelet's: a runtime that has been silent for this long is down; one that is restarted sooner moves no pod. */
export const RUNTIME_DOWN_AFTER_MS = 30_000;

export interface PodSnapshot {
	sandboxes: SandboxState[];
	containers: ContainerStateInfo[];
}

const EMPTY: PodSnapshot = { sandboxes: [], containers: [] };

export class RuntimeView {
	readonly #runtime: ContainerRuntime;
	readonly #clock: Clock;
	readonly #log: Logger;
	#pods = new Map<string, PodSnapshot>();
	#signatures = new Map<string, string>();
	#current: Promise<void> | undefined;
	#next: Promise<void> | undefined;
	#onChange: (podUid: string) => void = () => undefined;
	#stop: () => void = () => undefined;
	#error: unknown;
	#answeredAtMs: number | undefined;
	/** When something last happened. */
	#newsAtMs = 0;

	constructor(runtime: ContainerRuntime, clock: Clock, log: Logger) {
		this.#runtime = runtime;
		this.#clock = clock;
		this.#log = log;
	}

	/** Why the last listing failed; undefined while the runtime answers. */
	get error(): unknown {
		return this.#error;
	}

	/** It does not answer, and has not for a while. */
	get down(): boolean {
		return this.#error !== undefined && this.#clock.nowMs() - (this.#answeredAtMs ?? Number.NEGATIVE_INFINITY) >= RUNTIME_DOWN_AFTER_MS;
	}

	/** What runs of one pod, by a listing begun after this call. Rejects when the runtime does not answer. */
	async pod(uid: string): Promise<PodSnapshot> {
		await this.refresh();
		return this.#pods.get(uid) ?? EMPTY;
	}

	/** The same as the last listing had it. */
	lastSeen(uid: string): PodSnapshot {
		return this.#pods.get(uid) ?? EMPTY;
	}

	/** All containers, as the last listing had them. */
	containers(): ContainerStateInfo[] {
		return [...this.#pods.values()].flatMap(({ containers }) => containers);
	}

	podUids(): string[] {
		return [...this.#pods.keys()];
	}

	/** Callers that come during a listing share the one that follows it. */
	refresh(): Promise<void> {
		if (!this.#current) {
			this.#current = this.#list().finally(() => {
				this.#current = undefined;
			});
			return this.#current;
		}
		this.#next ??= this.#current
			.catch(() => undefined)
			.then(() => {
				this.#next = undefined;
				return this.refresh();
			});
		return this.#next;
	}

	/** Calls `onChange` for every pod that has changed, until `stop`. */
	start(onChange: (podUid: string) => void): void {
		this.#onChange = onChange;
		let stopped = false;
		let cancel = () => {};
		const again = () => {
			cancel();
			if (!stopped) cancel = this.#clock.after(this.#periodMs(), () => void tick());
		};
		const tick = () => this.refresh().then(again, again);
		const unsubscribe = this.#runtime.onEvent(() => {
			this.#newsAtMs = this.#clock.nowMs();
			this.refresh().catch(() => undefined);
			again();
		});
		this.#stop = () => {
			stopped = true;
			cancel();
			unsubscribe();
		};
		void tick();
	}

	/** Until the next relist. */
	#periodMs(): number {
		const nowMs = this.#clock.nowMs();
		if (!this.#runtime.tellsEvents || this.#error !== undefined) this.#newsAtMs = nowMs;
		return nowMs - this.#newsAtMs < QUIET_AFTER_MS ? RELIST_PERIOD_MS : QUIET_RELIST_PERIOD_MS;
	}

	stop(): void {
		this.#onChange = () => undefined;
		this.#stop();
	}

	async #list(): Promise<void> {
		try {
			const [sandboxes, containers] = await Promise.all([this.#runtime.listSandboxes(), this.#runtime.listContainers()]);
			if (this.#error !== undefined) this.#log.info("the container runtime answers again");
			this.#error = undefined;
			this.#answeredAtMs = this.#clock.nowMs();
			this.#take(sandboxes, containers);
		} catch (error) {
			if (this.#error === undefined) this.#log.error("the container runtime does not answer", { error });
			this.#error = error ?? new Error("unknown");
			throw error;
		}
	}

	#take(sandboxes: SandboxState[], containers: ContainerStateInfo[]): void {
		const pods = new Map<string, PodSnapshot>();
		const at = (uid: string): PodSnapshot => {
			let snapshot = pods.get(uid);
			if (!snapshot) pods.set(uid, (snapshot = { sandboxes: [], containers: [] }));
			return snapshot;
		};
		for (const sandbox of sandboxes) at(sandbox.podUid).sandboxes.push(sandbox);
		for (const container of containers) at(container.podUid).containers.push(container);
		const signatures = new Map([...pods].map(([uid, snapshot]) => [uid, signature(snapshot)]));
		const changed = [...new Set([...signatures.keys(), ...this.#signatures.keys()])].filter((uid) => signatures.get(uid) !== this.#signatures.get(uid));
		this.#pods = pods;
		this.#signatures = signatures;
		if (changed.length > 0) this.#newsAtMs = this.#clock.nowMs();
		for (const uid of changed) this.#onChange(uid);
	}
}

function signature({ sandboxes, containers }: PodSnapshot): string {
	return [...sandboxes.map((s) => `${s.id}:${s.ready}:${s.ips.join(",")}`), ...containers.map((c) => `${c.id}:${c.state}:${c.exitCode}`)].sort().join(" ");
}
