/**
 * PodTopologyLabels: a pod that is given its node bears the node's zone and region (KEP-4742). What the built-in scheduler places
 * learns of them with its binding; here are the bindings of other schedulers, and the pods that name their node themselves.
 */
import type { KubeObject } from "../../meta/object.ts";
import type { Binding, Pod } from "../../schema/kubernetes.d.ts";
import type { AdmissionPlugin, AdmissionRequest, AdmissionView } from "../plugin.ts";

const TOPOLOGY_LABELS = ["topology.kubernetes.io/region", "topology.kubernetes.io/zone"];
/** How long the Cluster object may take to say what a node's labels are, in seconds. */
const ASK_SECONDS = 10;

function nodeOf({ subresource, object }: AdmissionRequest): string | undefined {
	if (subresource === "") return (object as Pod).spec?.nodeName;
	const { kind, name } = (object as unknown as Binding).target;
	return kind === "Node" ? name : undefined;
}

function labelsOf(node: string, view: AdmissionView): Record<string, string> {
	const known = view.node(node);
	if (known !== undefined) return known.metadata.labels ?? {};
	if (!view.canAsk()) return {};
	const [outcome] = view.ask([{ target: { node }, timeoutSeconds: ASK_SECONDS, body: () => "" }]);
	if (outcome === undefined || "failure" in outcome || outcome.status !== 200) return {};
	return (JSON.parse(outcome.body) as Record<string, string> | null) ?? {};
}

export const podTopologyLabels: AdmissionPlugin = {
	name: "PodTopologyLabels",
	resources: ["pods"],
	operations: ["CREATE"],
	subresources: ["", "binding"],
	mutate(request, view) {
		const node = nodeOf(request);
		if (!node) return;
		const labels = labelsOf(node, view);
		const object: KubeObject = request.object;
		for (const key of TOPOLOGY_LABELS) {
			const value = labels[key];
			if (value === undefined || object.metadata.labels?.[key] !== undefined) continue;
			object.metadata.labels = { ...object.metadata.labels, [key]: value };
		}
	},
};
