/** What keeps a namespace that is going away, as its conditions tell it (namespace/deletion/status_condition_utils). */
import type { MessageBody } from "../protocol/messages.ts";
import type { NamespaceCondition } from "../schema/kubernetes.d.ts";
import { metaTime } from "./meta-time.ts";

type Report = Pick<Extract<MessageBody, { type: "namespaceEmptied" }>, "remaining" | "undiscovered" | "failures">;

/** The five conditions in upstream's order; times move only with a status. */
export function namespaceConditions(
	current: readonly NamespaceCondition[],
	{ remaining, undiscovered = [], failures = [] }: Report,
	nowMs: number,
): NamespaceCondition[] {
	const next = [
		discovery(undiscovered),
		condition("NamespaceDeletionGroupVersionParsingFailure", "ParsedGroupVersions", "All legacy kube types successfully parsed"),
		deletion(failures),
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

function discovery(undiscovered: NonNullable<Report["undiscovered"]>): NamespaceCondition {
	const type = "NamespaceDeletionDiscoveryFailure";
	if (undiscovered.length === 0) return condition(type, "ResourcesDiscovered", "All resources successfully discovered");
	const groups = undiscovered.map(({ groupVersion, why }) => `${groupVersion}: ${why}`).sort();
	const why = `unable to retrieve the complete list of server APIs: ${groups.join(", ")}`;
	return condition(type, "DiscoveryFailed", `Discovery failed for some groups, ${groups.length} failing: ${why}`, "True");
}

function deletion(failures: readonly string[]): NamespaceCondition {
	const type = "NamespaceDeletionContentFailure";
	if (failures.length === 0) return condition(type, "ContentDeleted", "All content successfully deleted, may be waiting on finalization");
	const message = `Failed to delete all resource types, ${failures.length} remaining: ${failures.toSorted().join(", ")}`;
	return condition(type, "ContentDeletionFailed", message, "True");
}

function contentRemaining(remaining: Report["remaining"]): NamespaceCondition {
	const type = "NamespaceContentRemaining";
	const texts = remaining.filter(({ count }) => count > 0).map(({ resource, count }) => `${qualified(resource)} has ${count} resource instances`);
	if (texts.length === 0) return condition(type, "ContentRemoved", "All content successfully removed");
	return condition(type, "SomeResourcesRemain", `Some resources are remaining: ${texts.sort().join(", ")}`, "True");
}

function finalizersRemaining(remaining: Report["remaining"]): NamespaceCondition {
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
