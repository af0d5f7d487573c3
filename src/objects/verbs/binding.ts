/** POST to pods/binding (or bindings): a scheduler gives the pod its node, as registry/core/pod's BindingREST does. */
import { badRequest, conflict } from "../../core/errors/status-error.ts";
import type { Binding, Pod } from "../../core/schema/kubernetes.d.ts";
import { updateObject } from "../write.ts";
import { parseJson } from "./body.ts";
import { existing, groupResource, type VerbCall, type VerbResult, writeOptions } from "./verb.ts";

export function bind(call: VerbCall): VerbResult {
	const binding = parseJson(call.request.body, "v1.Binding") as unknown as Binding;
	const node = binding.target?.name;
	if (!node) throw badRequest('Binding "" is invalid: target.name: Required value');
	const pod = existing(call) as Pod;
	if (pod.metadata.deletionTimestamp)
		throw conflict(groupResource(call.kind), call.request.name, `pod ${call.request.name} is being deleted, cannot be assigned to a host`);
	if (pod.spec?.nodeName)
		throw conflict(groupResource(call.kind), call.request.name, `pod ${call.request.name} is already assigned to node ${JSON.stringify(pod.spec.nodeName)}`);
	updateObject(call.server, boundKind(call), boundPod(call, pod, node, binding), pod, { ...writeOptions(call), subresource: "binding" });
	return { code: 201, object: { kind: "Status", apiVersion: "v1", metadata: {}, status: "Success", code: 201 } };
}

/** The binding subresource may write what a pod update may not: the node's name. */
const boundKind = ({ kind }: VerbCall) => ({
	...kind,
	subresources: { ...kind.subresources, object: { ...kind.subresources?.object, binding: { prepareUpdate: () => {} } } },
});

function boundPod({ server }: VerbCall, pod: Pod, node: string, binding: Binding): Pod {
	const next = structuredClone(pod);
	next.spec = { ...(next.spec ?? { containers: [] }), nodeName: node };
	next.metadata.annotations = { ...next.metadata.annotations, ...binding.metadata?.annotations };
	if (Object.keys(next.metadata.annotations).length === 0) delete next.metadata.annotations;
	const others = (next.status?.conditions ?? []).filter((condition) => condition.type !== "PodScheduled");
	next.status = { ...next.status, conditions: [...others, { type: "PodScheduled", status: "True", lastTransitionTime: server.nowIso() }] };
	return next;
}
