/** Chooses the best of the nodes that will do; chance decides among equals. */
import type { Ledger } from "./ledger.ts";
import type { NodeState } from "./node-state.ts";
import type { Candidate } from "./plugin.ts";
/** `feasible` is not empty. */
export function bestNode(candidate: Candidate, ledger: Ledger, feasible: readonly NodeState[], ctx: { random(): number }): NodeState {
	const first = feasible[0] as NodeState;
	if (feasible.length === 1) return first;
	const totals = new Float64Array(feasible.length);
	for (const { scorer, weight } of candidate.profile.scorers) {
		const plugin = scorer(candidate, ledger, feasible);
		if (plugin === undefined) continue;
		const scores = feasible.map((node) => plugin.score(node));
		plugin.normalize?.(scores);
		for (let i = 0; i < scores.length; i++) totals[i] = (totals[i] ?? 0) + weight * (scores[i] ?? 0);
	}
	const best = totals.reduce((most, total) => Math.max(most, total), Number.NEGATIVE_INFINITY);
	const equals = feasible.filter((_, i) => totals[i] === best);
	return equals[Math.floor(ctx.random() * equals.length)] ?? first;
}
