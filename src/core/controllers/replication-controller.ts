/** Keeps as many pods as a ReplicationController asks for. */
import type { ReplicationController } from "../schema/kubernetes.d.ts";
import { selectorFromSet } from "../selector/label-selector.ts";
import { replicaController } from "./replica-controller.ts";

export const replicationController = replicaController<ReplicationController>({
	name: "replication",
	kind: "ReplicationController",
	resource: "replicationcontrollers",
	selector: (controller) => selectorFromSet(controller.spec?.selector),
	matchLabels: (controller) => controller.spec?.selector,
	countsTerminating: false,
});
