/** POST to pods/eviction: a delete that the pod's disruption budget must allow (registry/core/pod/storage/eviction.go). */
import { BUDGETS } from "../../core/controllers/disruption-controller.ts";
import { disruptionCondition, SYNC_FAILED, updateDisruptionCondition } from "../../core/controllers/disruption/budget-status.ts";
import { labelsOf, nameOf } from "../../core/controllers/identity.ts";
import { metaTime } from "../../core/controllers/meta-time.ts";
import { withCondition } from "../../core/controllers/pod-binding.ts";
import { isReady } from "../../core/controllers/pod-state.ts";
import { badRequest, forbiddenError, plainError, type StatusError, tooManyRequests } from "../../core/errors/status-error.ts";
import type { KubeObject } from "../../core/meta/object.ts";
import type { Eviction, Pod, PodDisruptionBudget } from "../../core/schema/kubernetes.d.ts";
import { labelSelectorOf } from "../../core/selector/label-selector.ts";
import { admitPosted, deleteObject, type RemovalOptions, updateObject } from "../write.ts";
import { type BodyKind, decodeBody, parseJson } from "./body.ts";
import { removalOptions } from "./delete.ts";
import { existing, type VerbCall, type VerbResult, writeOptions } from "./verb.ts";

/** Evictions not yet confirmed by the disruption controller (MaxDisruptedPodSize). */
const DISRUPTED_PODS_MAX = 2000;
/** When to ask again while the budget's status is behind its spec, in seconds. */
const RETRY_AFTER_SECONDS = 10;
const REFUSAL = "Cannot evict pod as it would violate the pod's disruption budget.";

const EVICTION: BodyKind = { group: "policy", version: "v1", kind: "Eviction", schema: "policy/v1.Eviction" };

export function evict(call: VerbCall): VerbResult {
	const { server, request } = call;
	const eviction: Eviction = decodeBody(server.schema, EVICTION, parseJson(request.body, "v1.Eviction"), request.body, request, writeOptions(call).addWarning);
	if (eviction.metadata?.name && eviction.metadata.name !== request.name) throw badRequest("name in URL does not match name in Eviction object");
	const pod = existing(call) as Pod;
	const options = removalOptions(server, { ...request, body: JSON.stringify(eviction.deleteOptions ?? {}) }, writeOptions(call));
	const object = { ...eviction, metadata: eviction.metadata ?? {} } as KubeObject;
	admitPosted(server, call.kind, { subject: EVICTION, object, name: request.name }, { ...writeOptions(call), dryRun: options.dryRun });
	if (!isDisruptedAlready(pod)) askBudget(call, pod, options.dryRun);
	remove(call, pod, options);
	return { code: 201, object: { kind: "Status", apiVersion: "v1", metadata: {}, status: "Success", code: 201 } };
}

/** Ended, never started, or on its way out: no budget counts it. */
function isDisruptedAlready({ metadata, status }: Pod): boolean {
	return ["Succeeded", "Failed", "Pending"].includes(status?.phase ?? "") || metadata.deletionTimestamp !== undefined;
}

/** Throws unless the pod's budget allows one disruption more, which is then taken from it. */
function askBudget(call: VerbCall, pod: Pod, dryRun: boolean): void {
	const labels = labelsOf(pod);
	if (Object.keys(labels).length === 0) return;
	const budgets = call.server.store.list<PodDisruptionBudget>(BUDGETS).filter(({ spec }) => labelSelectorOf(spec?.selector).matches(labels));
	if (budgets.length > 1) throw plainError("This pod has more than one PodDisruptionBudget, which the eviction subresource does not support.");
	const budget = budgets[0];
	if (budget === undefined || (!isReady(pod) && unhealthyMayGo(budget))) return;
	checkBudget(budget);
	if (!dryRun) takeOne(call, budget, nameOf(pod));
}

/** A pod that is not ready counts for nothing: taking it away disrupts nobody who is not disrupted already. */
function unhealthyMayGo({ spec, status }: PodDisruptionBudget): boolean {
	if (spec?.unhealthyPodEvictionPolicy === "AlwaysAllow") return true;
	const desired = status?.desiredHealthy ?? 0;
	return desired > 0 && (status?.currentHealthy ?? 0) >= desired;
}

function checkBudget(budget: PodDisruptionBudget): void {
	const { status, metadata } = budget;
	const name = nameOf(budget);
	const forbidden = (why: string) => forbiddenError({ group: "policy", resource: "poddisruptionbudget" }, name, why);
	if ((status?.observedGeneration ?? 0) < (metadata.generation ?? 0))
		throw refusal(RETRY_AFTER_SECONDS, `The disruption budget ${name} is still being processed by the server.`);
	const allowed = status?.disruptionsAllowed ?? 0;
	if (allowed < 0) throw forbidden("pdb disruptions allowed is negative");
	if (Object.keys(status?.disruptedPods ?? {}).length > DISRUPTED_PODS_MAX)
		throw forbidden("DisruptedPods map too big - too many evictions not confirmed by PDB controller");
	if (allowed > 0) return;
	const condition = disruptionCondition(status);
	throw refusal(
		0,
		condition?.reason === SYNC_FAILED
			? `The disruption budget ${name} does not allow evicting pods currently because it failed sync: ${condition.message}`
			: `The disruption budget ${name} needs ${status?.desiredHealthy ?? 0} healthy pods and has ${status?.currentHealthy ?? 0} currently`,
	);
}

function refusal(retryAfterSeconds: number, message: string): StatusError {
	const error = tooManyRequests(REFUSAL, retryAfterSeconds);
	const details = error.status.details ?? {};
	if (retryAfterSeconds === 0) delete details.retryAfterSeconds;
	details.causes = [{ reason: "DisruptionBudget", message }];
	error.status.details = details;
	return error;
}

/** The controller hears by the status that this pod is about to go, before it sees it go. */
function takeOne({ server, request }: VerbCall, budget: PodDisruptionBudget, pod: string): void {
	const kind = server.kinds.byStoreName(BUDGETS);
	if (kind === undefined || budget.status === undefined) return;
	const nowMs = server.ports.nowMs();
	const next = structuredClone(budget);
	const left = (budget.status.disruptionsAllowed ?? 0) - 1;
	next.status = { ...budget.status, disruptionsAllowed: left, disruptedPods: { ...budget.status.disruptedPods, [pod]: metaTime(nowMs) } };
	if (left === 0) updateDisruptionCondition(next, nowMs);
	updateObject(server, kind, next, budget, {
		user: request.user,
		manager: "kube-apiserver",
		subresource: "status",
		dryRun: false,
		addWarning: () => {},
		webhooksAsked: true,
	});
}

/** Deletes the pod with the condition that tells Jobs and people that it was not its own doing. */
function remove(call: VerbCall, pod: Pod, options: RemovalOptions): void {
	const { server, kind } = call;
	if (options.dryRun) return void deleteObject(server, kind, pod, { ...options, webhooksAsked: true });
	const next = structuredClone(pod);
	const condition = { type: "DisruptionTarget", status: "True", reason: "EvictionByEvictionAPI", message: "Eviction API: evicting" };
	next.status = { ...next.status, conditions: withCondition(pod, condition, server.ports.nowMs()) };
	const { preconditions } = options;
	// The client's precondition is of the pod before this write.
	const wanted = preconditions?.resourceVersion;
	const marked = updateObject(server, kind, wanted ? { ...next, metadata: { ...next.metadata, resourceVersion: wanted } } : next, pod, {
		...writeOptions(call),
		webhooksAsked: true,
		subresource: "status",
	}) as Pod;
	const { resourceVersion: _checked, ...kept } = preconditions ?? {};
	deleteObject(server, kind, marked, { ...options, webhooksAsked: true, ...(preconditions ? { preconditions: kept } : {}) });
}
