/** What a subscription's status says of its deliveries. */
import { metaTime } from "../controllers/meta-time.ts";
import type { Condition, WebhookSubscription, WebhookSubscriptionStatus } from "../schema/kubernetes.d.ts";

/** How deliveries stand in one Durable Object. Moments are in milliseconds since 1970, 0 for never. */
export interface DeliveryCounts {
	delivered: number;
	failures: number;
	pending: number;
	deadLetters: number;
	lost: number;
	conditionErrors: number;
	lastConditionError: string;
	lastSuccessMs: number;
	lastFailureMs: number;
	lastFailure: string;
	oldestPendingMs: number;
	/** Nothing gets through. */
	failing: boolean;
	/** It cannot even be tried: a Secret is missing, an address is refused. */
	misconfigured: boolean;
	/** The generation whose target said that it is gone for good; 0 for none. */
	goneGeneration: number;
}

export const NO_COUNTS: DeliveryCounts = {
	delivered: 0,
	failures: 0,
	pending: 0,
	deadLetters: 0,
	lost: 0,
	conditionErrors: 0,
	lastConditionError: "",
	lastSuccessMs: 0,
	lastFailureMs: 0,
	lastFailure: "",
	oldestPendingMs: 0,
	failing: false,
	misconfigured: false,
	goneGeneration: 0,
};

const earlier = (a: number, b: number): number => (a === 0 ? b : b === 0 ? a : Math.min(a, b));

/** Of several objects together. */
export function sumOf(all: readonly DeliveryCounts[]): DeliveryCounts {
	return all.reduce((sum, each) => {
		const later = each.lastFailureMs > sum.lastFailureMs;
		return {
			delivered: sum.delivered + each.delivered,
			failures: sum.failures + each.failures,
			pending: sum.pending + each.pending,
			deadLetters: sum.deadLetters + each.deadLetters,
			lost: sum.lost + each.lost,
			conditionErrors: sum.conditionErrors + each.conditionErrors,
			lastConditionError: each.lastConditionError || sum.lastConditionError,
			lastSuccessMs: Math.max(sum.lastSuccessMs, each.lastSuccessMs),
			lastFailureMs: Math.max(sum.lastFailureMs, each.lastFailureMs),
			lastFailure: later ? each.lastFailure : sum.lastFailure,
			oldestPendingMs: earlier(sum.oldestPendingMs, each.oldestPendingMs),
			failing: sum.failing || each.failing,
			misconfigured: sum.misconfigured || each.misconfigured,
			goneGeneration: Math.max(sum.goneGeneration, each.goneGeneration),
		};
	}, NO_COUNTS);
}

type Readiness = Pick<Condition, "status" | "reason" | "message">;

function readinessOf({ metadata, spec }: WebhookSubscription, counts: DeliveryCounts): Readiness {
	if (counts.goneGeneration > 0 && counts.goneGeneration === metadata.generation)
		return { status: "False", reason: "Gone", message: "the target answered 410; nothing is delivered until the spec is changed" };
	if (spec.suspend) return { status: "False", reason: "Suspended", message: "spec.suspend holds all deliveries back" };
	if (counts.misconfigured) return { status: "False", reason: "Misconfigured", message: counts.lastFailure };
	if (counts.failing) return { status: "False", reason: "Failing", message: counts.lastFailure };
	return { status: "True", reason: "Delivering", message: "changes are delivered as they come" };
}

/** Without a moment the field is left out. */
const times = (moments: Record<string, number>): Record<string, string> =>
	Object.fromEntries(Object.entries(moments).flatMap(([field, ms]) => (ms === 0 ? [] : [[field, metaTime(ms)]])));

export function statusOf(subscription: WebhookSubscription, counts: DeliveryCounts, nowMs: number): WebhookSubscriptionStatus {
	const readiness = readinessOf(subscription, counts);
	const { generation: observedGeneration = 0 } = subscription.metadata;
	const before = subscription.status?.conditions?.find(({ type }) => type === "Ready");
	const lastTransitionTime = before?.status === readiness.status ? before.lastTransitionTime : metaTime(nowMs);
	const { delivered, failures, pending, deadLetters, lost, conditionErrors, lastConditionError, lastFailure } = counts;
	return {
		observedGeneration,
		conditions: [{ type: "Ready", ...readiness, observedGeneration, lastTransitionTime }],
		delivered,
		failures,
		pending,
		deadLetters,
		lost,
		conditionErrors,
		...(lastConditionError ? { lastConditionError } : {}),
		...(lastFailure ? { lastFailure } : {}),
		...times({ lastSuccessTime: counts.lastSuccessMs, lastFailureTime: counts.lastFailureMs, oldestPendingTime: counts.oldestPendingMs }),
	};
}
