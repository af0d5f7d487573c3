/** What a Namespace object's controllers want to know from elsewhere, asked for outside of any turn. */
import { queryKey } from "../core/controllers/autoscaling/metric-samples.ts";
import type { Action } from "../core/controllers/controller.ts";
import type { NamespacePorts } from "./namespace-core.ts";
import type { ResourceCore } from "./resource-core.ts";

/** Asks all at once; the answers bring the key back to its controller. `ready` is awaited before they are used. */
export function answerGathers(
	core: ResourceCore,
	ports: Pick<NamespacePorts, "usageOf" | "metric" | "sweep" | "nowMs" | "logError">,
	ready: () => Promise<void>,
): void {
	const ask = async ({ controller, key, nodes, queries, sweep }: Extract<Action, { type: "gather" }>): Promise<void> => {
		const quiet = <T>(asked: Promise<T>, otherwise: T): Promise<T> =>
			asked.catch((error: unknown) => {
				ports.logError(`what ${controller} asked for ${key} in namespace ${core.server.namespace}`, error);
				return otherwise;
			});
		const [content, usages, metrics] = await Promise.all([
			sweep === undefined ? undefined : ports.sweep(sweep),
			Promise.all(nodes.map(async (node) => [node, await quiet(ports.usageOf(node), null)] as const)),
			Promise.all(
				queries.map(async (query) => [queryKey(query), await quiet(ports.metric(query), { ok: false, message: "the metric could not be read" })] as const),
			),
		]);
		await ready();
		const gathered = { atMs: ports.nowMs(), usages: Object.fromEntries(usages), metrics: Object.fromEntries(metrics), ...(content ? { content } : {}) };
		core.turn(() => core.runner.gatheredFor(controller, key, gathered));
		await core.settle();
	};
	// Only once the turn that asks has committed.
	core.actor.onGather = (wanted) =>
		queueMicrotask(() => void ask(wanted).catch((error: unknown) => ports.logError("what was gathered could not be used", error)));
}
