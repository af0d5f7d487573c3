/** Judges nodes for one pod by all filters; pods that are nominated to a node count there. */
import type { Ledger } from "./ledger.ts";
import type { NodeState } from "./node-state.ts";
import type { Candidate, FilterPlugin, NodeCheck, Rejection } from "./plugin.ts";
import type { Placement } from "./scheduling-pod.ts";

interface Check {
	plugin: FilterPlugin;
	check: NodeCheck;
}

export interface Judgement {
	plugin: string;
	rejection: Rejection;
}

export class NodeChecks {
	/** Set where no node will do whatever it is like. */
	readonly refusal: { plugin: string; message: string } | undefined;
	readonly #candidate: Candidate;
	readonly #ledger: Ledger;
	readonly #checks: readonly Check[];
	/** Whether some check has counted pods beforehand: others than the judged node's may matter too. */
	readonly countsPods: boolean;

	constructor(candidate: Candidate, ledger: Ledger) {
		this.#candidate = candidate;
		this.#ledger = ledger;
		const checks: Check[] = [];
		for (const plugin of candidate.profile.filters) {
			const check = plugin.filter(candidate, ledger);
			if (check === undefined) continue;
			if (typeof check === "function") checks.push({ plugin, check });
			else this.refusal ??= { plugin: plugin.name, message: check.refusal };
		}
		this.#checks = checks;
		this.countsPods = checks.some(({ plugin }) => plugin.countsPods);
	}

	/** Why the node will not do, with and without the pods that are nominated to it; undefined when it will. */
	judge(node: NodeState): Judgement | undefined {
		const nominated = node.nominated.size === 0 ? [] : this.#nominated(node);
		const alone = firstRejection(this.#checks, node);
		if (alone !== undefined || nominated.length === 0) return alone;
		return this.#ledger.withPlaced(nominated, () => this.judgeAnew(node, false));
	}

	/** The same after pods came or went, which some checks have counted beforehand. */
	judgeAnew(node: NodeState, nominations = true): Judgement | undefined {
		if (!this.countsPods) return nominations ? this.judge(node) : firstRejection(this.#checks, node);
		const renewed = new NodeChecks(this.#candidate, this.#ledger);
		return nominations ? renewed.judge(node) : firstRejection(renewed.#checks, node);
	}

	/** Those that this pod may not take the place of. */
	#nominated(node: NodeState): Placement[] {
		const { ref, scheduling } = this.#candidate;
		return [...node.nominated.values()].filter((other) => other.ref.uid !== ref.uid && other.pod.priority >= scheduling.priority);
	}
}

function firstRejection(checks: readonly Check[], node: NodeState): Judgement | undefined {
	for (const { plugin, check } of checks) {
		const rejection = check(node);
		if (rejection) return { plugin: plugin.name, rejection };
	}
	return undefined;
}
