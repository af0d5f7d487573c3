/** RuntimeClass: a pod gets its class's overhead, and goes where the class runs (plugin/pkg/admission/runtimeclass). */
import { semanticEqual } from "../../meta/equality.ts";
import { mergeTolerations } from "../../scheduler/merge-tolerations.ts";
import type { Pod, PodSpec, RuntimeClass } from "../../schema/kubernetes.d.ts";
import { type AdmissionPlugin, type AdmissionRequest, type AdmissionView, refuse } from "../plugin.ts";

const WRONG_OVERHEAD = "pod rejected: Pod's Overhead doesn't match RuntimeClass's defined Overhead";
const OWN_OVERHEAD = "pod rejected: Pod Overhead set without corresponding RuntimeClass defined Overhead";

function classOf(request: AdmissionRequest, { runtimeClassName: name }: PodSpec, view: AdmissionView): RuntimeClass | undefined {
	if (name === undefined) return undefined;
	const found = view.clusterList<RuntimeClass>("node.k8s.io/runtimeclasses").find(({ metadata }) => metadata.name === name);
	if (found === undefined) throw refuse(request, `pod rejected: RuntimeClass ${JSON.stringify(name)} not found`);
	return found;
}

function setOverhead(request: AdmissionRequest, spec: PodSpec, { overhead }: RuntimeClass): void {
	if (!overhead) return;
	if (spec.overhead && !semanticEqual(spec.overhead, overhead.podFixed)) throw refuse(request, WRONG_OVERHEAD);
	if (overhead.podFixed) spec.overhead = { ...overhead.podFixed };
}

function setScheduling(request: AdmissionRequest, spec: PodSpec, { scheduling }: RuntimeClass): void {
	if (!scheduling) return;
	for (const [key, value] of Object.entries(scheduling.nodeSelector ?? {})) {
		const own = spec.nodeSelector?.[key];
		if (own !== undefined && own !== value) {
			throw refuse(request, `conflict: runtimeClass.scheduling.nodeSelector[${key}] = ${value}; pod.spec.nodeSelector[${key}] = ${own}`);
		}
	}
	if (scheduling.nodeSelector) spec.nodeSelector = { ...spec.nodeSelector, ...scheduling.nodeSelector };
	if (scheduling.tolerations) spec.tolerations = mergeTolerations(spec.tolerations ?? [], scheduling.tolerations);
}

export const runtimeClass: AdmissionPlugin = {
	name: "RuntimeClass",
	resources: ["pods"],
	operations: ["CREATE"],
	mutate(request, view) {
		const { spec } = request.object as Pod;
		const found = spec && classOf(request, spec, view);
		if (found === undefined) return;
		setOverhead(request, spec as PodSpec, found);
		setScheduling(request, spec as PodSpec, found);
	},
	validate(request, view) {
		const { spec } = request.object as Pod;
		if (spec === undefined) return;
		const overhead = classOf(request, spec, view)?.overhead;
		if (overhead && !semanticEqual(spec.overhead, overhead.podFixed)) throw refuse(request, WRONG_OVERHEAD);
		if (!overhead && spec.overhead) throw refuse(request, OWN_OVERHEAD);
	},
};
