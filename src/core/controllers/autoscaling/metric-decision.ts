/** What all metrics together ask for: the most that any does; one that says nothing may not take replicas away (computeReplicasForMetrics). */
import type { KindRegistry } from "../../kinds/define-kind.ts";
import type { AutoscalingV2HorizontalPodAutoscaler as Autoscaler, AutoscalingV2MetricStatus as MetricStatus, Pod } from "../../schema/kubernetes.d.ts";
import type { LabelSelector } from "../../selector/label-selector.ts";
import { labelsOf, nameOf, namespaceOf } from "../identity.ts";
import { AUTOSCALERS, type Look, setCondition, tell } from "./look.ts";
import type { Gathered } from "./metric-samples.ts";
import { type MetricContext, MetricFault, type MetricProposal, proposalOf, tolerancesOf } from "./metric-sources.ts";
import { parsedSelector, type ScaleTarget, scaleTarget } from "./scale-target.ts";

export interface Decision {
	/** Undefined when the metrics cannot decide. */
	replicas?: number;
	/** The metric that decided. */
	metric: string;
	statuses: MetricStatus[];
	/** What is wrong, where something is. */
	fault?: string;
}

/** The pods under the target's selector; undefined, with the condition set, when they cannot be told. */
export function podsUnder(look: Look, target: ScaleTarget, registry: KindRegistry): { pods: Pod[] } | { fault: string } {
	const refuse = (reason: string, eventReason: string, event: string, message = event): { fault: string } => {
		tell(look, "Warning", eventReason, event);
		setCondition(look, "ScalingActive", "False", reason, message);
		return { fault: event };
	};
	if (target.selector === "") return refuse("InvalidSelector", "SelectorRequired", "selector is required", "the HPA target's scale is missing a selector");
	const selector = parsedSelector(target.selector);
	if (selector === undefined)
		return refuse("InvalidSelector", "InvalidSelector", "couldn't convert selector into a corresponding internal selector object: the selector is malformed");
	const pods = look.view.list<Pod>("pods").filter((pod) => selector.matches(labelsOf(pod)));
	const rivals = autoscalersOver(look, pods, registry);
	if (rivals.length > 1) {
		const names = rivals.map((one) => `{${nameOf(one)} ${namespaceOf(one)}}`).join(" ");
		return refuse("AmbiguousSelector", "AmbiguousSelector", `pods by selector ${target.selector} are controlled by multiple HPAs: [${names}]`);
	}
	return { pods };
}

function autoscalersOver({ view }: Look, pods: readonly Pod[], registry: KindRegistry): Autoscaler[] {
	const all = view.list<Autoscaler>(AUTOSCALERS);
	if (all.length < 2) return all;
	return all
		.filter((one) => {
			const selector = selectorOf(one);
			return selector !== undefined && pods.some((pod) => selector.matches(labelsOf(pod)));
		})
		.sort((a, b) => (nameOf(a) < nameOf(b) ? -1 : 1));

	function selectorOf({ spec }: Autoscaler): LabelSelector | undefined {
		try {
			const { selector } = scaleTarget(spec?.scaleTargetRef ?? { kind: "", name: "" }, view, registry);
			return selector === "" ? undefined : parsedSelector(selector);
		} catch {
			return undefined;
		}
	}
}

export function decide(look: Look, target: ScaleTarget, pods: readonly Pod[], gathered: Gathered): Decision {
	const { spec } = look.autoscaler;
	const specs = spec?.metrics ?? [];
	const context: MetricContext = {
		namespace: look.ctx.namespace,
		pods,
		selector: target.selector,
		specReplicas: target.specReplicas,
		statusReplicas: target.statusReplicas,
		tolerances: tolerancesOf(spec?.behavior),
		gathered,
		nowMs: look.ctx.nowMs,
	};
	const statuses: MetricStatus[] = [];
	const faults: MetricFault[] = [];
	let best: MetricProposal | undefined;
	for (const metric of specs) {
		try {
			const proposal = proposalOf(metric, context);
			statuses.push(proposal.status);
			if (best === undefined || best.replicas === 0 || proposal.replicas > best.replicas) best = proposal;
		} catch (error) {
			if (!(error instanceof MetricFault)) throw error;
			faults.push(error);
			statuses.push({ type: "" });
			tell(look, "Warning", error.reason, error.detail);
		}
	}
	return concluded(look, target, specs.length, { best, statuses, faults });
}

interface Judged {
	best: MetricProposal | undefined;
	statuses: MetricStatus[];
	faults: MetricFault[];
}

function concluded(look: Look, target: ScaleTarget, count: number, { best, statuses, faults }: Judged): Decision {
	const [first] = faults;
	const fault = first && `invalid metrics (${faults.length} invalid out of ${count}), first error is: ${first.message}`;
	if (best === undefined || (first !== undefined && best.replicas < target.specReplicas)) {
		if (first) setCondition(look, "ScalingActive", "False", first.reason, `the HPA was unable to compute the replica count: ${first.detail}`);
		return { metric: "", statuses, ...(fault ? { fault } : {}) };
	}
	setCondition(look, "ScalingActive", "True", "ValidMetricFound", `the HPA was able to successfully calculate a replica count from ${best.name}`);
	return { replicas: best.replicas, metric: best.name, statuses, ...(fault ? { fault } : {}) };
}
