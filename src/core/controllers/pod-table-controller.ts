/** Tells the nodes of pods, their addresses, labels and named ports: what NetworkPolicies are about. Nothing while there are none. */
import { semanticEqual } from "../meta/equality.ts";
import type { PodEntry } from "../protocol/agent-protocol.ts";
import type { Pod } from "../schema/kubernetes.d.ts";
import { type Controller, NOTHING, type ObjectChange } from "./controller.ts";
import { nameOf } from "./identity.ts";
import { isFinished } from "./pod-state.ts";
import { PODS } from "./service-endpoints.ts";

export const POD_TABLE = "pod-table";

export interface PodTableDeps {
	podRowsWanted(): boolean;
}

export function podTableController({ podRowsWanted }: PodTableDeps): Controller {
	return {
		name: POD_TABLE,
		watches: [{ resource: PODS, keys: (change) => (podRowsWanted() ? changedPod(change) : []) }],
		reconcile(name, view, { namespace }) {
			if (!podRowsWanted()) return NOTHING;
			const row = { kind: "pod" as const, namespace, name, pod: entryOf(view.get<Pod>(PODS, name)) };
			return { actions: [{ type: "send", message: { to: { object: "cluster" }, body: { type: "networkRows", rows: [row] } } }] };
		},
	};
}

function changedPod({ old, object }: ObjectChange): string[] {
	const [before, now] = [entryOf(old as Pod | undefined), entryOf(object as Pod | undefined)];
	return semanticEqual(before, now) ? [] : [nameOf((object ?? old) as Pod)];
}

/** A pod in the node's own network is no pod's peer: policies do not speak of it. */
function entryOf(pod: Pod | undefined): PodEntry | null {
	if (!pod || pod.spec?.hostNetwork || isFinished(pod)) return null;
	const ips = [...new Set([pod.status?.podIP, ...(pod.status?.podIPs ?? []).map(({ ip }) => ip)])].filter((ip) => ip !== undefined && ip !== "");
	if (ips.length === 0) return null;
	const named = (pod.spec?.containers ?? []).flatMap(({ ports = [] }) => ports.filter(({ name }) => name));
	return {
		ips: ips as string[],
		labels: pod.metadata.labels ?? {},
		ports: Object.fromEntries(named.map(({ protocol = "TCP", name, containerPort }) => [`${protocol}/${name}`, containerPort])),
	};
}
