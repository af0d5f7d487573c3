/** What PodDisruptionBudgets allow, as preemption asks it: a replica of what the Namespace objects know. */
import type { PodDisruptionBudget } from "../schema/kubernetes.d.ts";
import { type LabelSelector, labelSelectorOf } from "../selector/label-selector.ts";
import type { Placement } from "./scheduling-pod.ts";

interface Budget {
	selector: LabelSelector;
	allowed: number;
	/** Names of pods whose disruption is counted already. */
	disrupted: ReadonlySet<string>;
}

/** What of a PodDisruptionBudget the scheduler is told. */
export function trimmedBudget({ apiVersion, kind, metadata, spec, status }: PodDisruptionBudget): PodDisruptionBudget {
	return {
		apiVersion,
		kind,
		metadata: { name: metadata.name },
		spec: { selector: spec?.selector },
		status: { disruptionsAllowed: status?.disruptionsAllowed ?? 0, disruptedPods: status?.disruptedPods } as PodDisruptionBudget["status"],
	} as PodDisruptionBudget;
}

export class DisruptionBudgets {
	readonly #byNamespace = new Map<string, Budget[]>();

	set(namespace: string, budgets: readonly PodDisruptionBudget[]): void {
		const made = budgets.map(({ spec, status }) => ({
			selector: labelSelectorOf(spec?.selector),
			allowed: status?.disruptionsAllowed ?? 0,
			disrupted: new Set(Object.keys(status?.disruptedPods ?? {})),
		}));
		if (made.length === 0) this.#byNamespace.delete(namespace);
		else this.#byNamespace.set(namespace, made);
	}

	/** Those of the pods, in order, whose loss a budget does not allow any more, and the others (filterPodsWithPDBViolation). */
	divide(pods: readonly Placement[]): { violating: Placement[]; others: Placement[] } {
		const left = new Map<Budget, number>();
		const violating: Placement[] = [];
		const others: Placement[] = [];
		for (const pod of pods) (this.#violates(pod, left) ? violating : others).push(pod);
		return { violating, others };
	}

	#violates({ ref, pod }: Placement, left: Map<Budget, number>): boolean {
		if (Object.keys(pod.labels).length === 0) return false;
		let violates = false;
		for (const budget of this.#byNamespace.get(ref.namespace) ?? []) {
			const { selector } = budget;
			if (selector.requirements.length === 0 || !selector.matches(pod.labels) || budget.disrupted.has(ref.name)) continue;
			const allowed = (left.get(budget) ?? budget.allowed) - 1;
			left.set(budget, allowed);
			if (allowed < 0) violates = true;
		}
		return violates;
	}
}
