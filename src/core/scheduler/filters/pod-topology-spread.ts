/** Constraints that forbid: a pod may not make its domain too much fuller than the emptiest one. */
import type { Ledger } from "../ledger.ts";
import type { NodeState } from "../node-state.ts";
import type { Filter, Rejection } from "../plugin.ts";
import { domainCounts, domains, type Spread, spreadsOf } from "../spread-constraints.ts";

const TOO_FULL: Rejection = { reasons: ["node(s) didn't match pod topology spread constraints"], resolvable: true };
const NO_LABEL: Rejection = { reasons: ["node(s) didn't match pod topology spread constraints (missing required label)"], resolvable: false };

export const podTopologySpread: Filter = (candidate, ledger) => {
	const spreads = spreadsOf(candidate, ledger, "DoNotSchedule");
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
};

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
	const emptiest = counts.size < values.size || values.size < spread.minDomains ? 0 : Math.min(...counts.values());
	return { key: spread.key, counts, max: emptiest + spread.maxSkew - (spread.selfMatches ? 1 : 0) };
}

function check({ key, counts, max }: Limit, node: NodeState): Rejection | undefined {
	const value = node.labels[key];
	if (value === undefined) return NO_LABEL;
	return (counts.get(value) ?? 0) > max ? TOO_FULL : undefined;
}
