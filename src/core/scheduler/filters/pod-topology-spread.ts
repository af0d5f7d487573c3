/** Constraints that forbid: a pod may not make its domain too much fuller than the emptiest one. */
import type { PodTopologySpreadArgs } from "../configuration/plugin-args.ts";
import type { Ledger } from "../ledger.ts";
import type { NodeState } from "../node-state.ts";
import { type Candidate, type FilterPlugin, nodeOf, type Rejection } from "../plugin.ts";
import type { Placement } from "../scheduling-pod.ts";
import { defaultSpreadsOf, domainCounts, domains, type Spread, spreadsOf } from "../spread-constraints.ts";

const TOO_FULL: Rejection = { reasons: ["node(s) didn't match pod topology spread constraints"], resolvable: true };
const NO_LABEL: Rejection = { reasons: ["node(s) didn't match pod topology spread constraints (missing required label)"], resolvable: false };

export function podTopologySpreadWith({ defaultConstraints }: PodTopologySpreadArgs): FilterPlugin {
	const defaults = defaultConstraints.filter(({ whenUnsatisfiable }) => whenUnsatisfiable === "DoNotSchedule");
	const spreadsFor = (candidate: Candidate, ledger: Ledger): Spread[] => {
		const own = (candidate.pod.spec?.topologySpreadConstraints ?? []).length > 0;
		return own || defaults.length === 0 ? spreadsOf(candidate, ledger, "DoNotSchedule") : defaultSpreadsOf(candidate, ledger, defaults);
	};
	return {
		name: "PodTopologySpread",
		countsPods: true,
		filter(candidate, ledger) {
			const spreads = spreadsFor(candidate, ledger);
			if (spreads.length === 0) return undefined;
			const keys = spreads.map((spread) => spread.key);
			const limits = spreads.map((spread) => limitOf(spread, keys, ledger));
			return (node) => {
				for (const limit of limits) {
					const rejection = check(limit, node);
					if (rejection) return rejection;
				}
				return undefined;
			};
		},
		helps(happening, candidate, ledger) {
			const counts = (placement: Placement): boolean => spreadsFor(candidate, ledger).some(({ query }) => query.matches(placement));
			if (happening.type === "podUpdated") return counts(happening.placement) !== counts(happening.old);
			if (happening.type === "podAdded" || happening.type === "podRemoved") return counts(happening.placement);
			return happening.type === "nodeDeleted" || nodeOf(happening, "labels", "taints") !== undefined;
		},
	};
}

interface Limit {
	key: string;
	counts: ReadonlyMap<string, number>;
	/** Most pods a domain may have already. */
	max: number;
}

function limitOf(spread: Spread, keys: readonly string[], ledger: Ledger): Limit {
	const counts = domainCounts(spread, keys, ledger);
	const values = domains(spread, keys, ledger);
	// A domain without pods is the emptiest; so is one that minDomains still waits for.
	const emptiest = counts.size < values.size || values.size < spread.minDomains ? 0 : least(counts.values());
	return { key: spread.key, counts, max: emptiest + spread.maxSkew - (spread.selfMatches ? 1 : 0) };
}

function least(values: Iterable<number>): number {
	let least = Number.POSITIVE_INFINITY;
	for (const value of values) least = Math.min(least, value);
	return least;
}

function check({ key, counts, max }: Limit, node: NodeState): Rejection | undefined {
	const value = node.labels[key];
	if (value === undefined) return NO_LABEL;
	return (counts.get(value) ?? 0) > max ? TOO_FULL : undefined;
}
