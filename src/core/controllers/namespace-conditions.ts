/** What keeps a namespace that is going away, as its conditions tell it (namespace/deletion/status_condition_utils). */
import type { MessageBody } from "../protocol/messages.ts";
import type { NamespaceCondition } from "../schema/kubernetes.d.ts";
import { metaTime } from "./meta-time.ts";

type Remaining = Extract<MessageBody, { type: "namespaceEmptied" }>["remaining"];

/** The five conditions in upstream's order; times move only with a status. */
export function namespaceConditions(current: readonly NamespaceCondition[], remaining: Remaining, nowMs: number): NamespaceCondition[] {
	const next = [
		condition("NamespaceDeletionDiscoveryFailure", "ResourcesDiscovered", "All resources successfully discovered"),
		condition("NamespaceDeletionGroupVersionParsingFailure", "ParsedGroupVersions", "All legacy kube types successfully parsed"),
		condition("NamespaceDeletionContentFailure", "ContentDeleted", "All content successfully deleted, may be waiting on finalization"),
		contentRemaining(remaining),
		finalizersRemaining(remaining),
	];
	return next.map((wanted) => {
		const former = current.find((c) => c.type === wanted.type);
		const lastTransitionTime = former?.status === wanted.status ? former.lastTransitionTime : metaTime(nowMs);
		return { ...wanted, ...(lastTransitionTime ? { lastTransitionTime } : {}) };
	});
}

function condition(type: string, reason: string, message: string, status: "True" | "False" = "False"): NamespaceCondition {
	return { type, status, reason, message };
}

function contentRemaining(remaining: Remaining): NamespaceCondition {
	const type = "NamespaceContentRemaining";
	const texts = remaining.filter(({ count }) => count > 0).map(({ resource, count }) => `${qualified(resource)} has ${count} resource instances`);
	if (texts.length === 0) return condition(type, "ContentRemoved", "All content successfully removed");
	return condition(type, "SomeResourcesRemain", `Some resources are remaining: ${texts.sort().join(", ")}`, "True");
}

function finalizersRemaining(remaining: Remaining): NamespaceCondition {
	const type = "NamespaceFinalizersRemaining";
	const counts = new Map<string, number>();
	for (const name of remaining.flatMap(({ finalizers }) => finalizers)) counts.set(name, (counts.get(name) ?? 0) + 1);
	if (counts.size === 0) return condition(type, "ContentHasNoFinalizers", "All content-preserving finalizers finished");
	const texts = [...counts].map(([name, count]) => `${name} in ${count} resource instances`).sort();
	return condition(type, "SomeFinalizersRemain", `Some content in the namespace has finalizers remaining: ${texts.join(", ")}`, "True");
}

/** "deployments.apps"; upstream prints the core group's with a bare dot behind. */
function qualified(resource: string): string {
	const slash = resource.indexOf("/");
	return slash < 0 ? `${resource}.` : `${resource.slice(slash + 1)}.${resource.slice(0, slash)}`;
}
