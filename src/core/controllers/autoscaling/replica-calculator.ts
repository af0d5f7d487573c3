/** How many replicas would bring a metric to its target (podautoscaler/replica_calculator.go). Values are in thousandths. */
import { milliValue } from "../../quantity/quantity.ts";
import type { Pod } from "../../schema/kubernetes.d.ts";
import { isBeingDeleted, nameOf } from "../identity.ts";
import { timeMs } from "../meta-time.ts";
import { isReady, podCondition } from "../pod-state.ts";
import type { Samples } from "./metric-samples.ts";

/** --horizontal-pod-autoscaler-cpu-initialization-period, in milliseconds. */
const CPU_INITIALIZATION_MS = 5 * 60_000;
/** --horizontal-pod-autoscaler-initial-readiness-delay, in milliseconds. */
const INITIAL_READINESS_MS = 30_000;

export interface Tolerances {
	up: number;
	down: number;
}

export interface Proposal {
	replicas: number;
	/** Of a pod on average, or of the whole, as the metric's target is. */
	usage: number;
	/** Percent of the requests. */
	utilization?: number;
}

interface Groups {
	ready: number;
	unready: string[];
	missing: string[];
	ignored: string[];
}

const isWithin = ({ up, down }: Tolerances, ratio: number): boolean => 1 - down <= ratio && ratio <= 1 + up;

/** CPU of a pod that starts says nothing yet of how busy it will be. */
function isStarting(pod: Pod, sample: { timestampMs: number; windowMs: number }, nowMs: number): boolean {
	const ready = podCondition(pod, "Ready");
	const startMs = timeMs(pod.status?.startTime);
	if (ready === undefined || startMs === undefined) return true;
	const changedMs = timeMs(ready.lastTransitionTime) ?? 0;
	if (startMs + CPU_INITIALIZATION_MS > nowMs) return ready.status === "False" || sample.timestampMs < changedMs + sample.windowMs;
	return ready.status === "False" && startMs + INITIAL_READINESS_MS > changedMs;
}

function groupPods(pods: readonly Pod[], samples: Samples, resource: string, nowMs: number): Groups {
	const groups: Groups = { ready: 0, unready: [], missing: [], ignored: [] };
	for (const pod of pods) {
		const name = nameOf(pod);
		const sample = samples.get(name);
		if (isBeingDeleted(pod) || pod.status?.phase === "Failed") groups.ignored.push(name);
		else if (pod.status?.phase === "Pending") groups.unready.push(name);
		else if (sample === undefined) groups.missing.push(name);
		else if (resource === "cpu" && isStarting(pod, sample, nowMs)) groups.unready.push(name);
		else groups.ready++;
	}
	return groups;
}

interface Usage {
	ratio: number;
	usage: number;
	utilization?: number;
}

interface Rule {
	pods: readonly Pod[];
	samples: Samples;
	resource: string;
	current: number;
	tolerances: Tolerances;
	nowMs: number;
	usageOf(values: ReadonlyMap<string, number>): Usage;
	/** What a pod of which nothing is known is taken to use when replicas would be taken away. */
	fallback(pod: string): number;
}

/** Unready and missing pods damp a change of scale, and never turn its direction. */
function damped({ pods, samples, resource, current, tolerances, nowMs, usageOf, fallback }: Rule): Proposal {
	if (pods.length === 0) throw new Error("no pods returned by selector while calculating replica count");
	const { ready, unready, missing, ignored } = groupPods(pods, samples, resource, nowMs);
	const values = new Map([...samples].map(([name, { value }]) => [name, value]));
	for (const name of [...ignored, ...unready]) values.delete(name);
	if (values.size === 0) throw new Error("did not receive metrics for targeted pods (pods might be unready)");
	const { ratio, ...shown } = usageOf(values);
	const upWithUnready = unready.length > 0 && ratio > 1;
	if (!upWithUnready && missing.length === 0) return { replicas: isWithin(tolerances, ratio) ? current : Math.ceil(ratio * ready), ...shown };
	if (ratio < 1) for (const name of missing) values.set(name, fallback(name));
	if (ratio > 1) for (const name of missing) values.set(name, 0);
	if (upWithUnready) for (const name of unready) values.set(name, 0);
	const next = usageOf(values).ratio;
	const replicas = Math.ceil(next * values.size);
	const turned = (ratio < 1 && next > 1) || (ratio > 1 && next < 1) || (next < 1 && replicas > current) || (next > 1 && replicas < current);
	return { replicas: isWithin(tolerances, next) || turned ? current : replicas, ...shown };
}

type Common = Pick<Rule, "pods" | "samples" | "current" | "tolerances" | "nowMs">;

/** A target in percent of what the pods request. */
export function utilizationReplicas(common: Common, resource: string, container: string, target: number): Proposal {
	// Without pods there is nothing to ask for requests.
	const requests = new Map(common.pods.map((pod) => [nameOf(pod), requestOf(pod, resource, container)]));
	const usageOf = (values: ReadonlyMap<string, number>): Usage => {
		const known = [...values].filter(([name]) => requests.has(name));
		const used = known.reduce((sum, [, value]) => sum + value, 0);
		const requested = known.reduce((sum, [name]) => sum + (requests.get(name) ?? 0), 0);
		if (requested === 0) throw new Error("no metrics returned matched known pods");
		const utilization = Math.trunc((used * 100) / requested);
		return { ratio: utilization / target, utilization, usage: Math.trunc(used / known.length) };
	};
	const fallback = (name: string): number => Math.trunc(((requests.get(name) ?? 0) * Math.max(100, target)) / 100);
	return damped({ ...common, resource, usageOf, fallback });
}

/** A target of so much a pod. */
export function averageReplicas(common: Common, resource: string, target: number): Proposal {
	const usageOf = (values: ReadonlyMap<string, number>): Usage => {
		const usage = Math.trunc([...values.values()].reduce((sum, value) => sum + value, 0) / values.size);
		return { ratio: usage / target, usage };
	};
	return damped({ ...common, resource, usageOf, fallback: () => target });
}

function requestOf(pod: Pod, resource: string, container: string): number {
	const whole = container === "" ? pod.spec?.resources?.requests?.[resource] : undefined;
	if (whole !== undefined) return milliValue(whole);
	const sidecars = (pod.spec?.initContainers ?? []).filter(({ restartPolicy }) => restartPolicy === "Always");
	let sum = 0;
	for (const { name, resources } of [...(pod.spec?.containers ?? []), ...sidecars]) {
		if (container !== "" && container !== name) continue;
		const request = resources?.requests?.[resource];
		if (request === undefined) throw new Error(`missing request for ${resource} in container ${name} of Pod ${nameOf(pod)}`);
		sum += milliValue(request);
	}
	return sum;
}

/** A target for one value that stands for all of the pods: of an object, or from outside. */
export function wholeReplicas(usage: number, target: number, current: number, pods: readonly Pod[], tolerances: Tolerances): Proposal {
	const ratio = usage / target;
	if (current === 0) return { replicas: Math.ceil(ratio), usage };
	if (isWithin(tolerances, ratio)) return { replicas: current, usage };
	if (pods.length === 0) throw new Error("unable to calculate ready pods: no pods returned by selector while calculating replica count");
	const ready = pods.filter((pod) => pod.status?.phase === "Running" && isReady(pod)).length;
	return { replicas: Math.ceil(ratio * ready), usage };
}

/** The same value shared among the pods that there are. */
export function sharedReplicas(usage: number, target: number, current: number, tolerances: Tolerances): Proposal {
	const within = isWithin(tolerances, usage / (target * current));
	return { replicas: within ? current : Math.ceil(usage / target), usage: current === 0 ? usage : Math.ceil(usage / current) };
}
