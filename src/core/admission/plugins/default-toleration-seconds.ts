/** DefaultTolerationSeconds: a pod stays five minutes on a node that is not ready or not reachable, unless it says otherwise. */
import type { Pod, Toleration } from "../../schema/kubernetes.d.ts";
import type { AdmissionPlugin } from "../plugin.ts";

const DEFAULT_TOLERATION_SECONDS = 300;
const TAINTS = ["node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable"] as const;

const tolerates = (toleration: Toleration, key: string): boolean =>
	(toleration.key === key || !toleration.key) && (toleration.effect === "NoExecute" || !toleration.effect);

export const defaultTolerationSeconds: AdmissionPlugin = {
	name: "DefaultTolerationSeconds",
	resources: ["pods"],
	operations: ["CREATE", "UPDATE"],
	mutate(request) {
		const { spec } = request.object as Pod;
		if (spec === undefined) return;
		const had = spec.tolerations ?? [];
		const missing = TAINTS.filter((key) => !had.some((toleration) => tolerates(toleration, key)));
		if (missing.length === 0) return;
		const added = missing.map((key): Toleration => ({ key, operator: "Exists", effect: "NoExecute", tolerationSeconds: DEFAULT_TOLERATION_SECONDS }));
		spec.tolerations = [...had, ...added];
	},
};
