/** The machine goes down: its pods end in good order, critical ones last (kubelet's nodeshutdown). */
import { type Clock, sleep } from "./clock.ts";
import { isCritical } from "./eviction/eviction-order.ts";
import { durationMs, type KubeletConfiguration } from "./kubelet-configuration.ts";
import type { Logger } from "./log.ts";
import { graceSeconds } from "./pod-lifecycle.ts";
import { formatPod } from "./pod-names.ts";
import type { PodWorker } from "./pod-worker.ts";

const REASON = "Terminated";
const MESSAGE = "Pod was terminated in response to imminent node shutdown.";

/** Resolves when all have ended, or their time is over. Without a grace period nothing is ended: the pods go on after a reboot. */
export async function shutDownPods(active: readonly PodWorker[], configuration: KubeletConfiguration, clock: Clock, log: Logger): Promise<void> {
	const wholeMs = durationMs(configuration.shutdownGracePeriod);
	const criticalMs = Math.min(wholeMs, durationMs(configuration.shutdownGracePeriodCriticalPods));
	if (wholeMs === 0) return;
	const groups = [
		{ workers: active.filter(({ pod }) => !isCritical(pod)), ms: wholeMs - criticalMs },
		{ workers: active.filter(({ pod }) => isCritical(pod)), ms: criticalMs },
	];
	for (const { workers, ms } of groups) {
		const ended = new AbortController();
		const all = Promise.all(workers.map((worker) => end(worker, ms / 1000, log))).finally(() => ended.abort());
		await Promise.race([all, sleep(clock, ms, ended.signal)]);
	}
}

async function end(worker: PodWorker, seconds: number, log: Logger): Promise<void> {
	const grace = Math.min(graceSeconds(worker.pod), Math.floor(seconds));
	log.info("ending a pod for the machine's shutdown", { pod: formatPod(worker.pod), graceSeconds: grace });
	await worker.terminate({ reason: REASON, message: MESSAGE, graceSeconds: grace });
}
