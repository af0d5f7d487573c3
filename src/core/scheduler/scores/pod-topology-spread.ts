/**
 * Prefers emptier domains. A pod without constraints of its own is spread among the pods of its controller by the profile's
 * constraints, else over zones and nodes (the system's default constraints; Services that select the pod are not known here and do not count).
 */
import type { TopologySpreadConstraint } from "../../schema/kubernetes.d.ts";
import type { PodTopologySpreadArgs } from "../configuration/plugin-args.ts";
import type { Ledger } from "../ledger.ts";
import type { NodeState } from "../node-state.ts";
import { type Candidate, type NodeScore, SCORE_MAX, type Scorer } from "../plugin.ts";
import { domainCounts, spreadsOf } from "../spread-constraints.ts";

const HOSTNAME = "kubernetes.io/hostname";
const SYSTEM_SPREADS: readonly DefaultSpread[] = [
	{ topologyKey: HOSTNAME, maxSkew: 3 },
	{ topologyKey: "topology.kubernetes.io/zone", maxSkew: 5 },
];
/** A node that lacks a label of the pod's own constraints: worse than all others. */
const IGNORED = -1;

type DefaultSpread = Pick<TopologySpreadConstraint, "topologyKey" | "maxSkew">;

interface WeighedSpread {
	key: string;
	maxSkew: number;
	countOn(node: NodeState): number;
}

export function podTopologySpreadScoreWith({ defaultingType, defaultConstraints }: PodTopologySpreadArgs): Scorer {
	const isSystem = defaultingType === "System";
	const defaults = isSystem ? SYSTEM_SPREADS : defaultConstraints.filter(({ whenUnsatisfiable }) => whenUnsatisfiable === "ScheduleAnyway");
	return (candidate, ledger, feasible) => {
		const own = (candidate.pod.spec?.topologySpreadConstraints ?? []).length > 0;
		const spreads = own ? ownSpreads(candidate, ledger) : defaultSpreads(candidate, ledger, defaults);
		return spreads.length === 0 ? undefined : scoreBy(spreads, own || !isSystem, feasible);
	};
}

function ownSpreads(candidate: Candidate, ledger: Ledger): WeighedSpread[] {
	const spreads = spreadsOf(candidate, ledger, "ScheduleAnyway");
	const keys = spreads.map((spread) => spread.key);
	return spreads.map((spread): WeighedSpread => {
		if (spread.key === HOSTNAME) return { ...spread, countOn: (node) => spread.counter.on(node) };
		const counts = domainCounts(spread, keys, ledger);
		return { ...spread, countOn: (node) => counts.get(node.labels[spread.key] ?? "") ?? 0 };
	});
}

function defaultSpreads({ scheduling }: Candidate, ledger: Ledger, defaults: readonly DefaultSpread[]): WeighedSpread[] {
	if (scheduling.ownerUid === undefined) return [];
	const pods = ledger.podsOfOwner(scheduling.ownerUid);
	return defaults.map(({ topologyKey: key, maxSkew }): WeighedSpread => {
		if (key === HOSTNAME) return { key, maxSkew, countOn: (node) => pods?.on(node) ?? 0 };
		const counts = pods?.by(key);
		return { key, maxSkew, countOn: (node) => counts?.get(node.labels[key] ?? "") ?? 0 };
	});
}

function scoreBy(spreads: readonly WeighedSpread[], requireAll: boolean, feasible: readonly NodeState[]): NodeScore {
	const ignored = (node: NodeState): boolean => requireAll && spreads.some(({ key }) => node.labels[key] === undefined);
	const judged = feasible.filter((node) => !ignored(node));
	// Few domains weigh less each, so that zones do not drown nodes.
	const weights = spreads.map(({ key }) => Math.log((key === HOSTNAME ? judged.length : domainCount(key, judged)) + 2));
	return {
		score(node) {
			if (ignored(node)) return IGNORED;
			let total = 0;
			for (let i = 0; i < spreads.length; i++) {
				const spread = spreads[i] as WeighedSpread;
				if (node.labels[spread.key] !== undefined) total += spread.countOn(node) * (weights[i] ?? 0) + spread.maxSkew - 1;
			}
			return Math.round(total);
		},
		normalize: emptierIsBetter,
	};
}

const domainCount = (key: string, nodes: readonly NodeState[]): number =>
	new Set(nodes.map((node) => node.labels[key]).filter((value) => value !== undefined)).size;

function emptierIsBetter(scores: number[]): void {
	let min = Number.POSITIVE_INFINITY;
	let max = 0;
	for (const score of scores) {
		if (score === IGNORED) continue;
		min = Math.min(min, score);
		max = Math.max(max, score);
	}
	for (let i = 0; i < scores.length; i++) {
		const score = scores[i] ?? 0;
		if (score === IGNORED) scores[i] = 0;
		else scores[i] = max === 0 ? SCORE_MAX : Math.trunc((SCORE_MAX * (max + min - score)) / max);
	}
}
