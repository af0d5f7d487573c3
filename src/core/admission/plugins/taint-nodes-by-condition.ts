/** TaintNodesByCondition: a new node takes no pods until it has said that it is ready (plugin/pkg/admission/nodetaint). */
import type { Node } from "../../schema/kubernetes.d.ts";
import type { AdmissionPlugin } from "../plugin.ts";

const NOT_READY = "node.kubernetes.io/not-ready";
const EFFECT = "NoSchedule";

export const taintNodesByCondition: AdmissionPlugin = {
	name: "TaintNodesByCondition",
	resources: ["nodes"],
	operations: ["CREATE"],
	mutate(request) {
		const node = request.object as Node;
		const taints = node.spec?.taints ?? [];
		if (taints.some(({ key, effect }) => key === NOT_READY && effect === EFFECT)) return;
		node.spec = { ...node.spec, taints: [...taints, { key: NOT_READY, effect: EFFECT }] };
	},
};
