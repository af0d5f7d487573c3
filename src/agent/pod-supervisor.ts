/** One worker per pod uid: hands out what the control plane wants, and stops what nobody wants any more. */
import { rm } from "node:fs/promises";
import { join } from "node:path";
import type { PodRef } from "../core/protocol/messages.ts";
import type { Pod } from "../core/schema/kubernetes.d.ts";
import { namesIn } from "./atomic-file.ts";
import type { PodContext } from "./pod-context.ts";
import { DEFAULT_GRACE_SECONDS, graceSeconds } from "./pod-lifecycle.ts";
import { podPaths } from "./pod-names.ts";
import { PodWorker } from "./pod-worker.ts";
import { tearDownVolumes } from "./volumes/volume-set.ts";

/** When the agent takes everything down, no container gets longer than this. */
export const STOP_ALL_GRACE_SECONDS = 5;

/** What could not be removed is tried again after this long. */
const ORPHAN_RETRY_MS = 30_000;

export class PodSupervisor {
	readonly #context: PodContext;
	readonly #workers = new Map<string, PodWorker>();
	readonly #orphans = new Set<string>();
	/** Pods whose worker is done and whose object is gone. */
	readonly #removed = new Set<string>();
	#stopped = false;
	#cancelRetry: () => void = () => undefined;

	constructor(context: PodContext) {
		this.#context = context;
	}

	/** Pods that run or are being stopped here. */
	get pods(): Pod[] {
		return [...this.#workers.values()].map((w) => w.pod);
	}

	/** The workers of pods that should run. */
	get active(): PodWorker[] {
		return [...this.#workers.values()].filter((worker) => worker.active);
	}

	find(uid: string): PodWorker | undefined {
		return this.#workers.get(uid);
	}

	upsert(pod: Pod): void {
		const uid = pod.metadata.uid;
		if (!uid || this.#stopped) return;
		const known = this.#workers.get(uid);
		if (known) {
			known.update(pod);
			return;
		}
		let worker: PodWorker;
		try {
			worker = new PodWorker(this.#context, pod, () => this.#gone(uid));
		} catch (error) {
			this.#context.log.error("a pod cannot be run here", { namespace: pod.metadata.namespace, pod: pod.metadata.name, error });
			return;
		}
		this.#workers.set(uid, worker);
		worker.wake();
	}

	/** The pod's object is gone. */
	remove(ref: PodRef): void {
		const worker = this.#workers.get(ref.uid);
		if (!worker) return;
		this.#removed.add(ref.uid);
		if (this.#done.has(ref.uid)) this.#drop(ref.uid);
		else worker.remove();
	}

	/** Everything there is: other pods are removed, sandboxes that belong to none are taken down. */
	replaceAll(pods: readonly Pod[]): void {
		const wanted = new Set(pods.map((p) => p.metadata.uid));
		for (const [uid, worker] of this.#workers) {
			const { namespace = "", name = "" } = worker.pod.metadata;
			if (!wanted.has(uid)) this.remove({ namespace, name, uid });
		}
		for (const pod of pods) {
			this.upsert(pod);
			this.#workers.get(pod.metadata.uid ?? "")?.reportAgain();
		}
		void this.#removeOrphans();
	}

	/** The runtime saw something of this pod. */
	runtimeChanged(uid: string): void {
		this.#workers.get(uid)?.wake();
	}

	/** A ConfigMap, Secret or Service changed there. */
	namespaceChanged(namespace: string): void {
		for (const worker of this.#workers.values()) if (worker.pod.metadata.namespace === namespace) worker.wake();
	}

	/** Ends all workers; with `removeAll` every pod is stopped and removed first. */
	async stop(options: { removeAll: boolean }): Promise<void> {
		this.#stopped = true;
		this.#cancelRetry();
		await Promise.all([...this.#workers.values()].map((w) => w.halt()));
		if (!options.removeAll) return;
		const grace = (uid: string): number => Math.min(STOP_ALL_GRACE_SECONDS, this.#graceOf(uid));
		await this.#takeDown(await this.#everything(), grace);
		// A container whose start was under way has come into being only now.
		await this.#takeDown(await this.#everything(), grace);
	}

	readonly #done = new Set<string>();

	/** The worker is kept until the object is gone, so that a pod still being deleted is not run again. */
	#gone(uid: string): void {
		this.#done.add(uid);
		if (this.#removed.has(uid)) this.#drop(uid);
	}

	#drop(uid: string): void {
		this.#workers.delete(uid);
		this.#done.delete(uid);
		this.#removed.delete(uid);
	}

	async #everything(): Promise<string[]> {
		await this.#context.view.refresh();
		return this.#context.view.podUids();
	}

	async #removeOrphans(): Promise<void> {
		try {
			const uids = (await this.#everything()).filter((uid) => !this.#workers.has(uid) && !this.#orphans.has(uid));
			await this.#takeDown(uids, (uid) => this.#graceOf(uid));
			if (this.#stopped || !(await this.#leftovers())) return;
		} catch (error) {
			this.#context.log.warn("pods that nobody wants could not be removed yet", { error });
		}
		this.#cancelRetry();
		if (!this.#stopped) this.#cancelRetry = this.#context.clock.after(ORPHAN_RETRY_MS, () => void this.#removeOrphans());
	}

	/** Removes directories of pods that are no more; returns whether the runtime still has something of one. */
	async #leftovers(): Promise<boolean> {
		const left = new Set(await this.#everything());
		for (const uid of new Set([...(await namesIn(join(this.#context.dataDirectory, "pods"))), ...(await this.#context.csi.leftovers())])) {
			if (!this.#workers.has(uid) && !left.has(uid)) await this.#removeDirectory({ namespace: "", name: "", uid });
		}
		return [...left].some((uid) => !this.#workers.has(uid));
	}

	async #removeDirectory(ref: PodRef): Promise<void> {
		const paths = podPaths(this.#context.dataDirectory, { namespace: ref.namespace || "none", name: ref.name || "none", uid: ref.uid });
		await tearDownVolumes(paths, ref.uid, this.#context);
		await rm(paths.podDirectory, { recursive: true, force: true });
		if (ref.name) await rm(paths.logDirectory, { recursive: true, force: true });
	}

	/** An orphan's pod is not known: it gets what pods get by default. */
	#graceOf(uid: string): number {
		const pod = this.#workers.get(uid)?.pod;
		return pod === undefined ? DEFAULT_GRACE_SECONDS : graceSeconds(pod);
	}

	async #takeDown(uids: readonly string[], grace: (uid: string) => number): Promise<void> {
		await Promise.all(
			uids.map(async (uid) => {
				this.#orphans.add(uid);
				try {
					await this.#takeDownOne(uid, grace(uid));
				} catch (error) {
					this.#context.log.warn("a pod could not be removed", { uid, error });
				} finally {
					this.#orphans.delete(uid);
				}
			}),
		);
	}

	async #takeDownOne(uid: string, seconds: number): Promise<void> {
		const { runtime, view, log } = this.#context;
		const { sandboxes, containers } = view.lastSeen(uid);
		log.info("removing a pod", { uid, pod: sandboxes[0]?.podName, namespace: sandboxes[0]?.podNamespace });
		await Promise.all(containers.filter((c) => c.state !== "exited").map((c) => runtime.stopContainer(c.id, seconds)));
		for (const sandbox of sandboxes) await runtime.stopSandbox(sandbox.id);
		for (const container of containers) await runtime.removeContainer(container.id);
		for (const sandbox of sandboxes) await runtime.removeSandbox(sandbox.id);
		await this.#removeDirectory({ namespace: sandboxes[0]?.podNamespace ?? "", name: sandboxes[0]?.podName ?? "", uid });
	}
}
