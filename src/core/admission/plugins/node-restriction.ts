/** NodeRestriction: what the node authorizer cannot see in a request's address: a node's agent writes its own objects only, and no labels that steer others' pods. */
import { nodeNameOf } from "../../authz/node-authorizer.ts";
import { notFound } from "../../errors/status-error.ts";
import { resourceOf } from "../../kinds/define-kind.ts";
import { jsonEqual } from "../../meta/equality.ts";
import { GROUP_NODES } from "../../protocol/tokens.ts";
import type { AuthenticationV1TokenRequest as TokenRequest, Node, Pod, PodSpec } from "../../schema/kubernetes.d.ts";
import { type AdmissionPlugin, type AdmissionRequest, type AdmissionView, refuse } from "../plugin.ts";

const MIRROR_ANNOTATION = "kubernetes.io/config.mirror";
const LEASES = "coordination.k8s.io/leases";
const NODE_LEASE_NAMESPACE = "kube-node-lease";
const CSI_NODES = "storage.k8s.io/csinodes";

/** The labels of Kubernetes' own domains that a kubelet may set on its node. */
const KUBELET_LABELS: ReadonlySet<string> = new Set([
	"kubernetes.io/hostname",
	"topology.kubernetes.io/zone",
	"topology.kubernetes.io/region",
	"failure-domain.beta.kubernetes.io/zone",
	"failure-domain.beta.kubernetes.io/region",
	"beta.kubernetes.io/instance-type",
	"node.kubernetes.io/instance-type",
	"kubernetes.io/os",
	"kubernetes.io/arch",
	"beta.kubernetes.io/os",
	"beta.kubernetes.io/arch",
]);
const KUBELET_LABEL_DOMAINS = ["kubelet.kubernetes.io", "node.kubernetes.io"];
const KUBERNETES_DOMAINS = ["kubernetes.io", "k8s.io"];

const isWithin = (namespace: string, domain: string): boolean => namespace === domain || namespace.endsWith(`.${domain}`);

/** Whether an agent may not set the label on its node. */
function isForbiddenLabel(key: string): boolean {
	const slash = key.indexOf("/");
	const namespace = slash < 0 ? "" : key.slice(0, slash);
	if (isWithin(namespace, "node-restriction.kubernetes.io")) return true;
	if (!KUBERNETES_DOMAINS.some((domain) => isWithin(namespace, domain))) return false;
	return !KUBELET_LABELS.has(key) && !KUBELET_LABEL_DOMAINS.some((domain) => isWithin(namespace, domain));
}

function changedLabels(node: Node, old: Node | undefined): string[] {
	const [labels, before] = [node.metadata.labels ?? {}, old?.metadata.labels ?? {}];
	const keys = new Set([...Object.keys(labels), ...Object.keys(before)]);
	return [...keys].filter((key) => labels[key] !== before[key]).sort();
}

function checkNode(request: AdmissionRequest, nodeName: string): void {
	const node = request.object as Node;
	const old = request.old as Node | undefined;
	const who = `node ${JSON.stringify(nodeName)}`;
	if (node.metadata.name !== nodeName) throw refuse(request, `${who} is not allowed to modify node ${JSON.stringify(node.metadata.name)}`);
	const labels = changedLabels(node, old).filter(isForbiddenLabel);
	if (old === undefined) {
		if (labels.length > 0) throw refuse(request, `is not allowed to set the following labels: ${labels.join(", ")}`);
		return;
	}
	if (!jsonEqual(node.spec?.taints ?? [], old.spec?.taints ?? [])) throw refuse(request, `${who} is not allowed to modify taints`);
	if (labels.length > 0) throw refuse(request, `is not allowed to modify labels: ${labels.join(", ")}`);
	if (!jsonEqual(node.metadata.ownerReferences ?? [], old.metadata.ownerReferences ?? [])) {
		throw refuse(request, `${who} is not allowed to modify ownerReferences`);
	}
}

/** Which kinds of objects a pod refers to, in upstream's order of asking. */
function referredKinds(spec: PodSpec): string[] {
	const volumes = spec.volumes ?? [];
	const sources = volumes.flatMap((volume) => volume.projected?.sources ?? []);
	const containers = [...spec.containers, ...(spec.initContainers ?? [])];
	const from = containers.flatMap((container) => container.envFrom ?? []);
	const values = containers.flatMap((container) => container.env ?? []).map((variable) => variable.valueFrom);
	const kinds: string[] = [];
	if (spec.serviceAccountName || sources.some((s) => s.serviceAccountToken)) kinds.push("a service account");
	const hasSecret = spec.imagePullSecrets?.length || volumes.some((v) => v.secret) || sources.some((s) => s.secret);
	if (hasSecret || from.some((f) => f.secretRef) || values.some((v) => v?.secretKeyRef)) kinds.push("secrets");
	const hasConfigMap = volumes.some((v) => v.configMap) || sources.some((s) => s.configMap);
	if (hasConfigMap || from.some((f) => f.configMapRef) || values.some((v) => v?.configMapKeyRef)) kinds.push("configmaps");
	if (volumes.some((v) => v.persistentVolumeClaim || v.ephemeral)) kinds.push("persistentvolumeclaims");
	return kinds;
}

function checkPodCreation(request: AdmissionRequest, nodeName: string): void {
	const pod = request.object as Pod;
	const who = `node ${JSON.stringify(nodeName)}`;
	if (pod.metadata.annotations?.[MIRROR_ANNOTATION] === undefined) {
		throw refuse(request, `pod does not have ${JSON.stringify(MIRROR_ANNOTATION)} annotation, ${who} can only create mirror pods`);
	}
	if (pod.spec?.nodeName !== nodeName) throw refuse(request, `${who} can only create pods with spec.nodeName set to itself`);
	const owners = pod.metadata.ownerReferences ?? [];
	if (owners.length > 1) throw refuse(request, `${who} can only create pods with a single owner reference set to itself`);
	const [owner] = owners;
	if (owner?.kind !== "Node" || owner.name !== nodeName) throw refuse(request, `${who} can only create pods with an owner reference set to itself`);
	if (!owner.controller) throw refuse(request, `${who} can only create pods with a controller owner reference set to itself`);
	if (owner.blockOwnerDeletion) throw refuse(request, `${who} must not set blockOwnerDeletion on an owner reference`);
	const [referred] = referredKinds(pod.spec);
	if (referred !== undefined) throw refuse(request, `${who} can not create pods that reference ${referred}`);
}

function checkPodChange(request: AdmissionRequest, nodeName: string): void {
	const old = request.old as Pod | undefined;
	const who = `node ${JSON.stringify(nodeName)}`;
	const isOwn = old?.spec?.nodeName === nodeName;
	if (request.operation === "DELETE") {
		if (!isOwn) throw refuse(request, `${who} can only delete pods with spec.nodeName set to itself`);
		return;
	}
	if (request.subresource !== "status") throw refuse(request, `unexpected operation ${request.operation}, ${who} can only create and delete mirror pods`);
	if (!isOwn) throw refuse(request, `${who} can only update pod status for pods with spec.nodeName set to itself`);
	if (!jsonEqual(request.object.metadata.labels ?? {}, old?.metadata.labels ?? {})) throw refuse(request, `${who} cannot update labels through pod status`);
}

function checkEviction(request: AdmissionRequest, view: AdmissionView, nodeName: string): void {
	const pod = view.get<Pod>("pods", request.name);
	if (pod === undefined) throw notFound({ group: "", resource: "pods" }, request.name);
	if (pod.spec?.nodeName !== nodeName) throw refuse(request, `node ${nodeName} can only evict pods with spec.nodeName set to itself`);
}

/** A token for a node is for a pod that runs there, and no longer. */
function checkToken(request: AdmissionRequest, view: AdmissionView, nodeName: string): void {
	const bound = (request.object as TokenRequest).spec?.boundObjectRef;
	if (bound?.apiVersion !== "v1" || bound.kind !== "Pod" || !bound.name) throw refuse(request, "node requested token not bound to a pod");
	if (!bound.uid) throw refuse(request, "node requested token with a pod binding without a uid");
	const pod = view.get<Pod>("pods", bound.name);
	if (pod === undefined) throw notFound({ group: "", resource: "pods" }, bound.name);
	if (pod.metadata.uid !== bound.uid)
		throw refuse(
			request,
			`the UID in the bound object reference (${bound.uid}) does not match the UID in record. The object might have been deleted and then recreated`,
		);
	if (pod.spec?.nodeName !== nodeName) throw refuse(request, "node requested token bound to a pod scheduled on a different node");
}

function checkPod(request: AdmissionRequest, view: AdmissionView, nodeName: string): void {
	const { subresource, operation } = request;
	if (subresource === "eviction") checkEviction(request, view, nodeName);
	else if (subresource !== "" && subresource !== "status")
		throw refuse(request, `unexpected pod subresource ${JSON.stringify(subresource)}, only 'status' and 'eviction' are allowed`);
	else if (operation === "CREATE") checkPodCreation(request, nodeName);
	else checkPodChange(request, nodeName);
}

function checkLease(request: AdmissionRequest, nodeName: string): void {
	if (request.namespace !== NODE_LEASE_NAMESPACE)
		throw refuse(request, `can only access leases in the ${JSON.stringify(NODE_LEASE_NAMESPACE)} system namespace`);
	if (request.object.metadata.name !== nodeName) throw refuse(request, "can only access node lease with the same name as the requesting node");
}

export const nodeRestriction: AdmissionPlugin = {
	name: "NodeRestriction",
	resources: ["nodes", "pods", "serviceaccounts", LEASES, CSI_NODES],
	operations: ["CREATE", "UPDATE", "DELETE"],
	subresources: "*",
	validate(request, view) {
		if (!request.user.groups.includes(GROUP_NODES)) return;
		const nodeName = nodeNameOf(request.user);
		if (nodeName === undefined) throw refuse(request, `could not determine node from user ${JSON.stringify(request.user.name)}`);
		const resource = resourceOf(request.kind);
		if (resource === "nodes") checkNode(request, nodeName);
		else if (resource === "pods") checkPod(request, view, nodeName);
		else if (resource === "serviceaccounts") {
			if (request.subresource === "token") checkToken(request, view, nodeName);
		} else if (resource === LEASES) checkLease(request, nodeName);
		else if (resource === CSI_NODES && request.object.metadata.name !== nodeName)
			throw refuse(request, "can only access CSINode with the same name as the requesting node");
	},
};
