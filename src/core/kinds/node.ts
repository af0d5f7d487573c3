/** Node: pkg/registry/core/node, ValidateNode. */
import { type FieldError, forbidden, invalid } from "../errors/field-error.ts";
import { cidr } from "../meta/address.ts";
import { semanticEqual } from "../meta/equality.ts";
import type { Node } from "../schema/kubernetes.d.ts";
import { ageColumn } from "./columns.ts";
import { defineKind, type TableColumn, PROXY_VERBS } from "./define-kind.ts";
import { bumpGeneration, keepStatus, statusSubresource } from "./strategy.ts";
import { validateTaints } from "./taint-validation.ts";

const ROLE_PREFIX = "node-role.kubernetes.io/";
const ROLE_LABEL = "kubernetes.io/role";
const ADDRESSES_DESCRIPTION =
	"List of addresses reachable to the node. Queried from cloud provider, if available. More info: https://kubernetes.io/docs/reference/node/node-status/#addresses Note: This field is declared as mergeable, but the merge key is not sufficiently unique, which can cause data corruption when it is merged. Callers should instead use a full-replacement patch. See https://pr.k8s.io/79391 for an example. Consumers should assume that addresses can change during the lifetime of a Node. However, there are some exceptions where this may not be possible, such as Pods that inherit a Node's address in its own status or consumers of the downward API (status.hostIP).";

function status(node: Node): string {
	const ready = node.status?.conditions?.find((c) => c.type === "Ready");
	const parts = [ready ? (ready.status === "True" ? "Ready" : "NotReady") : "Unknown"];
	if (node.spec?.unschedulable) parts.push("SchedulingDisabled");
	return parts.join(",");
}

function roles(node: Node): string {
	const found = new Set<string>();
	for (const [key, value] of Object.entries(node.metadata.labels ?? {})) {
		if (key.startsWith(ROLE_PREFIX) && key.length > ROLE_PREFIX.length) found.add(key.slice(ROLE_PREFIX.length));
		if (key === ROLE_LABEL && value !== "") found.add(value);
	}
	return [...found].sort().join(",") || "<none>";
}

const address = (node: Node, type: string): string => node.status?.addresses?.find((a) => a.type === type)?.address ?? "<none>";

const columns: TableColumn<Node>[] = [
	{ name: "Status", type: "string", description: "The status of the node", cell: status },
	{ name: "Roles", type: "string", description: "The roles of the node", cell: roles },
	ageColumn,
	{ name: "Version", type: "string", description: "Kubelet Version reported by the node.", cell: (node) => node.status?.nodeInfo?.kubeletVersion ?? "" },
	{ name: "Internal-IP", type: "string", priority: 1, description: ADDRESSES_DESCRIPTION, cell: (node) => address(node, "InternalIP") },
	{ name: "External-IP", type: "string", priority: 1, description: ADDRESSES_DESCRIPTION, cell: (node) => address(node, "ExternalIP") },
	{
		name: "OS-Image",
		type: "string",
		priority: 1,
		description: "OS Image reported by the node from /etc/os-release (e.g. Debian GNU/Linux 7 (wheezy)).",
		cell: (node) => node.status?.nodeInfo?.osImage || "<unknown>",
	},
	{
		name: "Kernel-Version",
		type: "string",
		priority: 1,
		description: "Kernel Version reported by the node from 'uname -r' (e.g. 3.16.0-0.bpo.4-amd64).",
		cell: (node) => node.status?.nodeInfo?.kernelVersion || "<unknown>",
	},
	{
		name: "Container-Runtime",
		type: "string",
		priority: 1,
		description: "ContainerRuntime Version reported by the node through runtime remote API (e.g. containerd://1.4.2).",
		cell: (node) => node.status?.nodeInfo?.containerRuntimeVersion || "<unknown>",
	},
];

function validate({ spec = {} }: Node): FieldError[] {
	const errors = validateTaints(spec.taints ?? [], "spec.taints");
	for (const [index, value] of (spec.podCIDRs ?? []).entries()) {
		for (const problem of cidr(value)) errors.push(invalid(`spec.podCIDRs[${index}]`, value, problem));
	}
	if ((spec.podCIDRs?.length ?? 0) > 2) errors.push(invalid("spec.podCIDRs", spec.podCIDRs, "may specify no more than one CIDR for each IP family"));
	return errors;
}

function validateUpdate(next: Node, old: Node): FieldError[] {
	const errors: FieldError[] = [];
	if (old.spec?.podCIDRs?.length && !semanticEqual(next.spec?.podCIDRs, old.spec.podCIDRs)) {
		errors.push(forbidden("spec.podCIDRs", 'node updates may not change podCIDR except from "" to valid'));
	}
	if (old.spec?.providerID && next.spec?.providerID !== old.spec.providerID) {
		errors.push(forbidden("spec.providerID", 'node updates may not change providerID except from "" to valid'));
	}
	return errors;
}

export const nodeKind = defineKind<Node>({
	group: "",
	version: "v1",
	kind: "Node",
	plural: "nodes",
	singular: "node",
	shortNames: ["no"],
	scope: "Cluster",
	schema: "core/v1.Node",
	subresources: {
		status: statusSubresource,
		connect: { proxy: { verbs: PROXY_VERBS, kind: { group: "", version: "v1", kind: "NodeProxyOptions" } } },
	},
	defaults(node) {
		node.spec ??= {};
		if (node.spec.podCIDR && !node.spec.podCIDRs?.length) node.spec.podCIDRs = [node.spec.podCIDR];
		if (node.spec.podCIDRs?.[0]) node.spec.podCIDR = node.spec.podCIDRs[0];
		if (node.status?.capacity) node.status.allocatable ??= structuredClone(node.status.capacity);
	},
	prepareUpdate(next, old) {
		keepStatus(next, old);
		bumpGeneration(next, old, false);
	},
	validate,
	validateUpdate,
	columns,
	selectableFields: { "spec.unschedulable": (node) => String(node.spec?.unschedulable ?? false) },
});
