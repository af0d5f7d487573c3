/** Keeps as many pods as a ReplicaSet asks for. */
import type { ReplicaSet } from "../schema/kubernetes.d.ts";
import { labelSelectorOf } from "../selector/label-selector.ts";
import { replicaController } from "./replica-controller.ts";

export const replicaSetController = replicaController<ReplicaSet>({
	name: "replicaset",
	kind: "ReplicaSet",
	resource: "apps/replicasets",
	selector: (rs) => labelSelectorOf(rs.spec?.selector),
	matchLabels: (rs) => rs.spec?.selector.matchLabels,
	countsTerminating: true,
});
