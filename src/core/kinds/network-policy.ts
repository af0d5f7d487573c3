/** NetworkPolicy: pkg/registry/networking/networkpolicy, pkg/apis/networking/validation. */
import { type FieldError, forbidden, invalid, notSupported, required } from "../errors/field-error.ts";
import { cidr, isStrictSubnet } from "../meta/address.ts";
import { portName, portNumber } from "../meta/name-rules.ts";
import type { IPBlock, NetworkPolicy, NetworkPolicyPeer, NetworkPolicyPort } from "../schema/kubernetes.d.ts";
import { ageColumn, formatLabelSelector } from "./columns.ts";
import { defineKind } from "./define-kind.ts";
import { validateLabelSelector } from "./label-selector-validation.ts";
import { prepareSpecUpdate } from "./strategy.ts";

const PROTOCOLS = ["TCP", "UDP", "SCTP"];
const POLICY_TYPES = ["Ingress", "Egress"];

function validatePort({ protocol, port, endPort }: NetworkPolicyPort, path: string): FieldError[] {
	const errors: FieldError[] = [];
	if (protocol !== undefined && !PROTOCOLS.includes(protocol)) errors.push(notSupported(`${path}.protocol`, protocol, PROTOCOLS));
	const at = `${path}.endPort`;
	if (typeof port === "number") {
		for (const problem of portNumber(port)) errors.push(invalid(`${path}.port`, port, problem));
		if (endPort === undefined) return errors;
		if (endPort < port) errors.push(invalid(at, endPort, "must be greater than or equal to `port`"));
		for (const problem of portNumber(endPort)) errors.push(invalid(at, endPort, problem));
		return errors;
	}
	if (endPort !== undefined) errors.push(invalid(at, endPort, `may not be specified when \`port\` is ${port === undefined ? "not specified" : "non-numeric"}`));
	if (port !== undefined) for (const problem of portName(port)) errors.push(invalid(`${path}.port`, port, problem));
	return errors;
}

function validateBlock(block: IPBlock, path: string): FieldError[] {
	if (!block.cidr) return [required(`${path}.cidr`)];
	const problems = cidr(block.cidr);
	if (problems.length > 0) return problems.map((problem) => invalid(`${path}.cidr`, block.cidr, problem));
	return (block.except ?? []).flatMap((except, index) => {
		const at = `${path}.except[${index}]`;
		const wrong = cidr(except);
		if (wrong.length > 0) return wrong.map((problem) => invalid(at, except, problem));
		return isStrictSubnet(except, block.cidr) ? [] : [invalid(at, except, "must be a strict subset of `cidr`")];
	});
}

function validatePeer(peer: NetworkPolicyPeer, path: string): FieldError[] {
	const errors = [
		...validateLabelSelector(peer.podSelector, `${path}.podSelector`),
		...validateLabelSelector(peer.namespaceSelector, `${path}.namespaceSelector`),
		...(peer.ipBlock ? validateBlock(peer.ipBlock, `${path}.ipBlock`) : []),
	];
	const selects = peer.podSelector !== undefined || peer.namespaceSelector !== undefined;
	if (!selects && !peer.ipBlock) errors.push(required(path, "must specify a peer"));
	else if (selects && peer.ipBlock) errors.push(forbidden(path, "may not specify both ipBlock and another peer"));
	return errors;
}

function validateRule(
	ports: readonly NetworkPolicyPort[] | undefined,
	peers: readonly NetworkPolicyPeer[] | undefined,
	side: string,
	path: string,
): FieldError[] {
	return [
		...(ports ?? []).flatMap((port, index) => validatePort(port, `${path}.ports[${index}]`)),
		...(peers ?? []).flatMap((peer, index) => validatePeer(peer, `${path}.${side}[${index}]`)),
	];
}

function validate({ spec = {} }: NetworkPolicy): FieldError[] {
	const types = spec.policyTypes ?? [];
	const errors = [
		...validateLabelSelector(spec.podSelector, "spec.podSelector"),
		...(spec.ingress ?? []).flatMap((rule, index) => validateRule(rule.ports, rule.from, "from", `spec.ingress[${index}]`)),
		...(spec.egress ?? []).flatMap((rule, index) => validateRule(rule.ports, rule.to, "to", `spec.egress[${index}]`)),
	];
	if (types.length > POLICY_TYPES.length) return [...errors, invalid("spec.policyTypes", types, "may not specify more than two policyTypes")];
	for (const [index, type] of types.entries()) {
		if (!POLICY_TYPES.includes(type)) errors.push(notSupported(`spec.policyTypes[${index}]`, type, POLICY_TYPES));
	}
	return errors;
}

/** SetDefaults_NetworkPolicy and SetDefaults_NetworkPolicyPort. */
function defaults({ spec }: NetworkPolicy): void {
	if (!spec) return;
	if (!spec.policyTypes?.length) spec.policyTypes = spec.egress?.length ? ["Ingress", "Egress"] : ["Ingress"];
	for (const rule of [...(spec.ingress ?? []), ...(spec.egress ?? [])]) for (const port of rule.ports ?? []) port.protocol ??= "TCP";
}

export const networkPolicyKind = defineKind<NetworkPolicy>({
	group: "networking.k8s.io",
	version: "v1",
	kind: "NetworkPolicy",
	plural: "networkpolicies",
	singular: "networkpolicy",
	shortNames: ["netpol"],
	scope: "Namespaced",
	schema: "networking/v1.NetworkPolicy",
	defaults,
	prepareCreate(policy) {
		policy.metadata.generation = 1;
	},
	prepareUpdate: prepareSpecUpdate,
	validate,
	columns: [
		{
			name: "Pod-Selector",
			type: "string",
			description:
				"Selects the pods to which this NetworkPolicy object applies.  The array of ingress rules is applied to any pods selected by this field. Multiple network policies can select the same set of pods.  In this case, the ingress rules for each are combined additively. This field is NOT optional and follows standard label selector semantics. An empty podSelector matches all pods in this namespace.",
			cell: ({ spec }) => formatLabelSelector(spec?.podSelector ?? {}),
		},
		ageColumn,
	],
});
