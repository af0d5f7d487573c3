/** Scores by a curve over the share of each resource in use (NodeResourcesFit, RequestedToCapacityRatio). */
import { type Allocation, allocationOf } from "../allocation.ts";
import { type ResourceSpec, SHAPE_SCORE_MAX, type ShapePoint } from "../configuration/plugin-args.ts";
import type { NodeState } from "../node-state.ts";
import { type Candidate, SCORE_MAX, type Scorer } from "../plugin.ts";

const UTILIZATION_MAX = 100;

export function requestedToCapacityRatioOf(resources: readonly ResourceSpec[], shape: readonly ShapePoint[]): Scorer {
	const parts = resources.map((resource) => ({ weight: resource.weight, of: allocationOf(resource, true) }));
	return (candidate) => ({ score: (node) => scoreOf(candidate, node, parts, shape) });
}

type Part = { weight: number; of: ReturnType<typeof allocationOf> };

/** A resource that scores nothing has no part in the mean. */
function scoreOf(candidate: Candidate, node: NodeState, parts: readonly Part[], shape: readonly ShapePoint[]): number {
	let sum = 0;
	let weights = 0;
	for (const { weight, of } of parts) {
		const allocation = of(candidate, node);
		const score = allocation.allocatable === 0 ? 0 : onCurve(utilization(allocation), shape);
		if (score <= 0) continue;
		sum += weight * score;
		weights += weight;
	}
	return weights === 0 ? 0 : Math.round(sum / weights);
}

const utilization = ({ requested, allocatable }: Allocation): number =>
	requested > allocatable ? UTILIZATION_MAX : Math.trunc((requested * UTILIZATION_MAX) / allocatable);

/** Straight lines from point to point, level before the first and after the last (BuildBrokenLinearFunction). */
function onCurve(percent: number, shape: readonly ShapePoint[]): number {
	const scaled = (score: number): number => score * (SCORE_MAX / SHAPE_SCORE_MAX);
	const next = shape.findIndex((point) => percent <= point.utilization);
	const [to, from] = [shape[next], shape[next - 1]];
	if (to === undefined) return scaled(shape.at(-1)?.score ?? 0);
	if (from === undefined) return scaled(to.score);
	const rise = scaled(to.score) - scaled(from.score);
	return scaled(from.score) + Math.trunc((rise * (percent - from.utilization)) / (to.utilization - from.utilization));
}
