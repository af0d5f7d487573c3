/** POST of a Binding, to pods/binding or to bindings: a scheduler gives the pod its node, as registry/core/pod's BindingREST does. */
import type { KubeObject } from "../../core/meta/object.ts";
import { badRequest, conflict, plainError } from "../../core/errors/status-error.ts";
import { aggregateText } from "../../core/errors/field-error.ts";
import { bindingKind } from "../../core/kinds/binding.ts";
import { type KindDefinition, resourceOf } from "../../core/kinds/define-kind.ts";
import { podKind } from "../../core/kinds/pod.ts";
import type { Binding, Pod } from "../../core/schema/kubernetes.d.ts";
import { admitPosted, updateObject } from "../write.ts";
import { decodeBody, parseJson } from "./body.ts";
import { existing, groupResource, type VerbCall, type VerbResult, writeOptions } from "./verb.ts";

const BINDINGS = bindingKind as unknown as KindDefinition;
const PODS = resourceOf(podKind);

export function bind(call: VerbCall): VerbResult {
	const { server, request } = call;
	const options = writeOptions(call);
	const body = decodeBody(server.schema, BINDINGS, parseJson(request.body, "v1.Binding"), request.body, request, options.addWarning);
	const binding = body as Binding;
	const name = request.name || (binding.metadata?.name ?? "");
	if (binding.metadata?.name && binding.metadata.name !== name) throw badRequest("name in URL does not match name in Binding object");
	const errors = bindingKind.validate(binding);
	if (errors.length > 0) throw plainError(aggregateText(errors));
	const kind = server.kinds.byStoreName(PODS) as KindDefinition;
	const pod = existing({ ...call, kind, request: { ...request, name } }) as Pod;
	checkBindable(kind, pod, binding);
	const written = { ...options, subresource: "binding" };
	const posted = { object: binding as KubeObject, name: request.name };
	const admitted =
		request.subresource === "" ? admitPosted(server, BINDINGS, posted, options) : admitPosted(server, kind, { ...posted, subject: BINDINGS }, written);
	updateObject(server, kind, boundPod(call, pod, admitted as Binding), pod, { ...written, webhooksAsked: true });
	return { code: 201, object: { kind: "Status", apiVersion: "v1", metadata: {}, status: "Success", code: 201 } };
}

function checkBindable(kind: KindDefinition, { metadata, spec }: Pod, binding: Binding): void {
	const name = metadata.name ?? "";
	const refuse = (why: string) => conflict(groupResource(kind), name, why);
	const { uid, resourceVersion } = binding.metadata ?? {};
	if (uid && uid !== metadata.uid) throw refuse(`Precondition failed: UID in precondition: ${uid}, UID in object meta: ${metadata.uid}`);
	if (resourceVersion && resourceVersion !== metadata.resourceVersion) {
		throw refuse(`Precondition failed: ResourceVersion in precondition: ${resourceVersion}, ResourceVersion in object meta: ${metadata.resourceVersion}`);
	}
	if (metadata.deletionTimestamp) throw refuse(`pod ${name} is being deleted, cannot be assigned to a host`);
	if (spec?.nodeName) throw refuse(`pod ${name} is already assigned to node ${JSON.stringify(spec.nodeName)}`);
	if (spec?.schedulingGates?.length) throw refuse(`pod ${name} has non-empty .spec.schedulingGates`);
}

function boundPod({ server }: VerbCall, pod: Pod, binding: Binding): Pod {
	const next = structuredClone(pod);
	next.spec = { ...(next.spec ?? { containers: [] }), nodeName: binding.target.name ?? "" };
	const { annotations, labels } = binding.metadata ?? {};
	if (annotations) next.metadata.annotations = { ...next.metadata.annotations, ...annotations };
	if (labels) next.metadata.labels = { ...next.metadata.labels, ...labels };
	const others = (next.status?.conditions ?? []).filter((condition) => condition.type !== "PodScheduled");
	next.status = { ...next.status, conditions: [...others, { type: "PodScheduled", status: "True", lastTransitionTime: server.nowIso() }] };
	return next;
}
