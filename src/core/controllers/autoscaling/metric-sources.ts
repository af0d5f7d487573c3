/** What each metric of an autoscaler proposes, and what the status says of it (podautoscaler/horizontal.go, computeStatusFor...). */
import { milliValue, quantityOfMilli, quantityText } from "../../quantity/quantity.ts";
import type {
	AutoscalingV2MetricSpec,
	AutoscalingV2MetricStatus,
	HorizontalPodAutoscalerBehavior,
	LabelSelector,
	MetricIdentifier,
	MetricTarget,
	MetricValueStatus,
	Pod,
} from "../../schema/kubernetes.d.ts";
import { answered, type Gathered, type MetricQuery, resourceSamples, type Samples } from "./metric-samples.ts";
import { averageReplicas, sharedReplicas, type Tolerances, utilizationReplicas, wholeReplicas } from "./replica-calculator.ts";

/** --horizontal-pod-autoscaler-tolerance */
const TOLERANCE = 0.1;

export interface MetricContext {
	namespace: string;
	/** Those that the target's selector matches. */
	pods: readonly Pod[];
	/** The selector's text. */
	selector: string;
	specReplicas: number;
	statusReplicas: number;
	tolerances: Tolerances;
	gathered: Gathered;
	nowMs: number;
}

export interface MetricProposal {
	replicas: number;
	/** As events and conditions call the metric. */
	name: string;
	status: AutoscalingV2MetricStatus;
}

/** A metric that says nothing: `reason` is the condition's, the message upstream's. */
export class MetricFault extends Error {
	readonly reason: string;
	/** What is told beside the condition. */
	readonly detail: string;
	constructor(reason: string, detail: string, prefix: string) {
		super(`${prefix}: ${detail}`);
		this.reason = reason;
		this.detail = detail;
	}
}

export function tolerancesOf(behavior: HorizontalPodAutoscalerBehavior | undefined): Tolerances {
	const of = (text: string | undefined): number => (text === undefined ? TOLERANCE : milliValue(text) / 1000);
	return { up: of(behavior?.scaleUp?.tolerance), down: of(behavior?.scaleDown?.tolerance) };
}

const shown = (milli: number): string => quantityText(quantityOfMilli(Math.round(milli)));
const identifier = ({ name, selector }: MetricIdentifier): MetricIdentifier => ({ name, ...(selector ? { selector } : {}) });
const withSelector = ({ name, selector }: MetricIdentifier): { metric: string; metricSelector?: LabelSelector } => ({
	metric: name,
	...(selector ? { metricSelector: selector } : {}),
});
/** How Go prints a metric's name and selector. */
const goSelector = (selector: LabelSelector | undefined): string =>
	selector === undefined
		? "nil"
		: `&LabelSelector{MatchLabels:map[string]string{${Object.entries(selector.matchLabels ?? {})
				.map(([key, value]) => `${key}: ${value},`)
				.join("")}},MatchExpressions:[]LabelSelectorRequirement{},}`;

/** What must be asked of adapters before the metric can be judged. */
export function queryOf(spec: AutoscalingV2MetricSpec, selector: string): MetricQuery | undefined {
	if (spec.pods) return { api: "pods", ...withSelector(spec.pods.metric), podSelector: selector };
	if (spec.external) return { api: "external", ...withSelector(spec.external.metric) };
	if (spec.object === undefined) return undefined;
	const { apiVersion, kind, name } = spec.object.describedObject;
	return { api: "object", ...withSelector(spec.object.metric), object: { kind, name, ...(apiVersion ? { apiVersion } : {}) } };
}

function resourceProposal(
	resource: string,
	container: string,
	target: MetricTarget,
	ctx: MetricContext,
): { replicas: number; name: string; current: MetricValueStatus } {
	const samples = (): Samples => {
		try {
			return resourceSamples(ctx.pods, resource, container, ctx.gathered);
		} catch (error) {
			throw new Error(`unable to get metrics for resource ${resource}: ${(error as Error).message}`);
		}
	};
	const common = () => ({ pods: ctx.pods, samples: samples(), current: ctx.specReplicas, tolerances: ctx.tolerances, nowMs: ctx.nowMs });
	if (target.averageValue !== undefined) {
		const { replicas, usage } = inWords(`failed to get ${resource} usage`, () => averageReplicas(common(), resource, milliValue(target.averageValue ?? "0")));
		return { replicas, name: `${resource} resource`, current: { averageValue: shown(usage) } };
	}
	if (target.averageUtilization === undefined)
		throw new Error("invalid resource metric source: neither an average utilization nor an average value (usage) target was set");
	const {
		replicas,
		usage,
		utilization = 0,
	} = inWords(`failed to get ${resource} utilization`, () => utilizationReplicas(common(), resource, container, target.averageUtilization ?? 0));
	const name = `${resource} ${container === "" ? "" : "container "}resource utilization (percentage of request)`;
	return { replicas, name, current: { averageUtilization: utilization, averageValue: shown(usage) } };
}

function inWords<T>(prefix: string, work: () => T): T {
	try {
		return work();
	} catch (error) {
		throw new Error(`${prefix}: ${(error as Error).message}`);
	}
}

function podsProposal({ metric, target }: NonNullable<AutoscalingV2MetricSpec["pods"]>, ctx: MetricContext): MetricProposal {
	const query = queryOf({ type: "Pods", pods: { metric, target } }, ctx.selector) as MetricQuery;
	const values = inWords(`unable to get metric ${metric.name}`, () => answered(query, ctx.gathered));
	const samples: Samples = new Map(values.map(({ name, ...sample }) => [name, sample]));
	const { replicas, usage } = averageReplicas(
		{ pods: ctx.pods, samples, current: ctx.specReplicas, tolerances: ctx.tolerances, nowMs: ctx.nowMs },
		"",
		milliValue(target.averageValue ?? "0"),
	);
	const status = { type: "Pods", pods: { metric: identifier(metric), current: { averageValue: shown(usage) } } };
	return { replicas, name: `pods metric ${metric.name}`, status };
}

function objectProposal(spec: NonNullable<AutoscalingV2MetricSpec["object"]>, ctx: MetricContext): MetricProposal {
	const { metric, target, describedObject } = spec;
	const total = (): number => {
		try {
			return answered(queryOf({ type: "Object", object: spec }, ctx.selector) as MetricQuery, ctx.gathered)[0]?.value ?? 0;
		} catch (error) {
			// The order of upstream's own words.
			throw new Error(`unable to get metric ${metric.name}: ${describedObject.kind} on ${ctx.namespace} ${describedObject.name}/${(error as Error).message}`);
		}
	};
	const status = (current: MetricValueStatus): AutoscalingV2MetricStatus => ({
		type: "Object",
		object: { metric: identifier(metric), current, describedObject },
	});
	if (target.type === "Value" && target.value !== undefined) {
		const { replicas, usage } = inWords("failed to get object metric", () =>
			wholeReplicas(total(), milliValue(target.value ?? "0"), ctx.specReplicas, ctx.pods, ctx.tolerances),
		);
		return { replicas, name: `${describedObject.kind} metric ${metric.name}`, status: status({ value: shown(usage) }) };
	}
	if (target.type === "AverageValue" && target.averageValue !== undefined) {
		const { replicas, usage } = inWords("failed to get object metric", () =>
			sharedReplicas(total(), milliValue(target.averageValue ?? "0"), ctx.statusReplicas, ctx.tolerances),
		);
		return { replicas, name: `external metric ${metric.name}(${goSelector(metric.selector)})`, status: status({ averageValue: shown(usage) }) };
	}
	throw new Error("invalid object metric source: neither a value target nor an average value target was set");
}

function externalProposal({ metric, target }: NonNullable<AutoscalingV2MetricSpec["external"]>, ctx: MetricContext): MetricProposal {
	const selector = goSelector(metric.selector);
	const total = (): number =>
		inWords(`unable to get external metric ${ctx.namespace}/${metric.name}/${selector}`, () =>
			answered(queryOf({ type: "External", external: { metric, target } }, ctx.selector) as MetricQuery, ctx.gathered).reduce(
				(sum, { value }) => sum + value,
				0,
			),
		);
	const name = `external metric ${metric.name}(${selector})`;
	const status = (current: MetricValueStatus): AutoscalingV2MetricStatus => ({ type: "External", external: { metric: identifier(metric), current } });
	if (target.averageValue !== undefined) {
		const { replicas, usage } = inWords(`failed to get ${metric.name} external metric`, () =>
			sharedReplicas(total(), milliValue(target.averageValue ?? "0"), ctx.statusReplicas, ctx.tolerances),
		);
		return { replicas, name, status: status({ averageValue: shown(usage) }) };
	}
	if (target.value === undefined) throw new Error("invalid external metric source: neither a value target nor an average value target was set");
	const { replicas, usage } = inWords(`failed to get external metric ${metric.name}`, () =>
		wholeReplicas(total(), milliValue(target.value ?? "0"), ctx.specReplicas, ctx.pods, ctx.tolerances),
	);
	return { replicas, name, status: status({ value: shown(usage) }) };
}

function resource({ name, target }: NonNullable<AutoscalingV2MetricSpec["resource"]>, ctx: MetricContext): MetricProposal {
	const { current, ...proposal } = resourceProposal(name, "", target, ctx);
	return { ...proposal, status: { type: "Resource", resource: { name, current } } };
}

function containerResource({ name, container, target }: NonNullable<AutoscalingV2MetricSpec["containerResource"]>, ctx: MetricContext): MetricProposal {
	const { current, ...proposal } = resourceProposal(name, container, target, ctx);
	return { ...proposal, status: { type: "ContainerResource", containerResource: { name, container, current } } };
}

/** Throws a MetricFault. */
export function proposalOf(spec: AutoscalingV2MetricSpec, ctx: MetricContext): MetricProposal {
	const attempt = (reason: string, prefix: string, work: () => MetricProposal): MetricProposal => {
		try {
			return work();
		} catch (error) {
			throw new MetricFault(reason, (error as Error).message, prefix);
		}
	};
	const { object, pods, external } = spec;
	if (spec.type === "Object" && object) return attempt("FailedGetObjectMetric", "failed to get object metric value", () => objectProposal(object, ctx));
	if (spec.type === "Pods" && pods) return attempt("FailedGetPodsMetric", "failed to get pods metric value", () => podsProposal(pods, ctx));
	if (spec.type === "External" && external)
		return attempt("FailedGetExternalMetric", `failed to get ${external.metric.name} external metric value`, () => externalProposal(external, ctx));
	const { resource: whole, containerResource: part } = spec;
	if (spec.type === "Resource" && whole)
		return attempt("FailedGetResourceMetric", `failed to get ${whole.name} resource metric value`, () => resource(whole, ctx));
	if (spec.type === "ContainerResource" && part)
		return attempt("FailedGetContainerResourceMetric", `failed to get ${part.container} container metric value`, () => containerResource(part, ctx));
	throw new MetricFault("InvalidMetricSourceType", `unknown metric source type ${JSON.stringify(spec.type)}`, "invalid metric source");
}
