/**
 * Empties a namespace that is going away: pods first, so that nothing they rely on goes before them (KEP-5080), then all
 * else, what extension API servers keep included; and tells the Cluster object when nothing is left, or now and then what is.
 */
import { type KindRegistry, resourceOf } from "../kinds/define-kind.ts";
import type { KubeObject, ResourceName } from "../meta/object.ts";
import type { MessageBody } from "../protocol/messages.ts";
import type { APIService } from "../schema/kubernetes.d.ts";
import { type Action, type Controller, NOTHING, type ReconcileContext, type ReconcileResult, type View } from "./controller.ts";
import type { Remaining } from "./extension-content.ts";
import { isBeingDeleted, nameOf, uidOf } from "./identity.ts";

/** Queued by the message that the namespace is terminating, and by time. */
const KEY = "namespace";
/** Queued by each object that goes. */
const PROGRESS_KEY = "namespace-progress";
const PODS = "pods";
/** Objects deleted in one reconcile. */
export const DELETIONS_PER_RECONCILE_MAX = 500;
const NAME = "namespace-drain";
/** Who asked extension API servers and died is asked again after this long, in milliseconds. */
const SWEEP_RETRY_MS = 60_000;
/** How often the Cluster object hears what still remains, in milliseconds. */
export const DRAIN_REPORT_MS = 5_000;

export interface DrainDeps {
	registry: KindRegistry;
	namespaceTerminating(): boolean;
	/** uid of the Namespace; "" when there is none. */
	namespaceUid(): string;
	/** The APIServices that other servers serve. */
	extensionServices(): readonly APIService[];
}

export function namespaceDrainController(deps: DrainDeps): Controller {
	return {
		name: NAME,
		watches: [{ resource: "*", keys: ({ object }) => (object === undefined && deps.namespaceTerminating() ? [PROGRESS_KEY] : []) }],
		standingKeys: [KEY],
		reconcile: (key, view, ctx) => reconcile(key, view, ctx, deps),
	};
}

function reconcile(key: string, view: View, ctx: ReconcileContext, deps: DrainDeps): ReconcileResult {
	if (!deps.namespaceTerminating()) return NOTHING;
	const pods = view.list(PODS);
	const content = contentOf(view, pods.length > 0 ? [PODS] : collections(deps.registry));
	const actions = content.flatMap(({ resource, objects }) => objects.filter((object) => !isBeingDeleted(object)).map((object) => deletion(resource, object)));
	if (actions.length > 0)
		return { actions: actions.slice(0, DELETIONS_PER_RECONCILE_MAX), requeueAfterMs: key === KEY ? reportOrGoOn(actions) : goOn(actions) };
	const remaining = content.map(({ resource, objects }) => ({
		resource,
		count: objects.length,
		finalizers: objects.flatMap((o) => o.metadata.finalizers ?? []),
	}));
	if (remaining.length > 0 && key === PROGRESS_KEY) return NOTHING;
	return reported(key, remaining, pods.length > 0 ? [] : deps.extensionServices(), ctx, deps);
}

/** What is left here is told with what extension API servers have left, once they were asked. */
function reported(key: string, own: Remaining, services: readonly APIService[], ctx: ReconcileContext, deps: DrainDeps): ReconcileResult {
	const content = ctx.gathered(key)?.content;
	if (services.length > 0 && content === undefined)
		return {
			actions: [{ type: "gather", controller: NAME, key, nodes: [], queries: [], sweep: services }],
			requeueAfterMs: SWEEP_RETRY_MS,
		};
	const { undiscovered = [], failures = [], remaining: others = [] } = content ?? {};
	const remaining = [...own, ...others];
	const isDone = remaining.length + undiscovered.length + failures.length === 0;
	const more = { ...(undiscovered.length > 0 ? { undiscovered } : {}), ...(failures.length > 0 ? { failures } : {}) };
	return { actions: [report(remaining, more, ctx, deps)], ...(isDone ? {} : { requeueAfterMs: DRAIN_REPORT_MS }) };
}

const goOn = (actions: readonly Action[]): number | undefined => (actions.length > DELETIONS_PER_RECONCILE_MAX ? 0 : undefined);
const reportOrGoOn = (actions: readonly Action[]): number => goOn(actions) ?? DRAIN_REPORT_MS;

function collections(registry: KindRegistry): ResourceName[] {
	const kept = registry.all().filter(({ scope, verbs }) => scope === "Namespaced" && verbs.includes("delete") && verbs.includes("list"));
	return [...new Set(kept.map(resourceOf))];
}

function contentOf(view: View, resources: readonly ResourceName[]): { resource: ResourceName; objects: KubeObject[] }[] {
	return resources.map((resource) => ({ resource, objects: view.list(resource) })).filter(({ objects }) => objects.length > 0);
}

const deletion = (resource: ResourceName, object: KubeObject): Action => ({
	type: "delete",
	resource,
	name: nameOf(object),
	uid: uidOf(object),
	propagation: "Background",
});

function report(
	remaining: Remaining,
	more: Pick<Extract<MessageBody, { type: "namespaceEmptied" }>, "undiscovered" | "failures">,
	{ namespace }: ReconcileContext,
	{ namespaceUid }: DrainDeps,
): Action {
	const body = { type: "namespaceEmptied" as const, namespace, uid: namespaceUid(), remaining, ...more };
	return { type: "send", message: { to: { object: "cluster" }, body } };
}
