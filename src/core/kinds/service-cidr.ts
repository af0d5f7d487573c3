/** ServiceCIDR: pkg/registry/networking/servicecidr, pkg/apis/networking/validation. */
import { type FieldError, invalid, required } from "../errors/field-error.ts";
import { canonicalCidr, cidr, ipFamily } from "../meta/address.ts";
import { FIELD_IMMUTABLE } from "../meta/name-rules.ts";
import type { ServiceCIDR } from "../schema/kubernetes.d.ts";
import { ageColumn, fieldColumn } from "./columns.ts";
import { defineKind } from "./define-kind.ts";
import { prepareSpecUpdate, statusSubresource } from "./strategy.ts";

const PATH = "spec.cidrs";
const CIDRS_MAX = 2;

function strictCidr(text: string): string[] {
	const problems = cidr(text);
	if (problems.length > 0) return problems;
	const canonical = canonicalCidr(text);
	return canonical === text ? [] : [`must be in canonical form (${JSON.stringify(canonical)})`];
}

const familyOf = (network: string) => ipFamily(network.slice(0, network.indexOf("/")));

function validate({ spec = {} }: ServiceCIDR): FieldError[] {
	const cidrs = spec.cidrs ?? [];
	if (cidrs.length === 0) return [required(PATH, "at least one CIDR required")];
	if (cidrs.length > CIDRS_MAX) return [invalid(PATH, spec, "may only hold up to 2 values")];
	const errors = cidrs.flatMap((network, index) => strictCidr(network).map((problem) => invalid(`${PATH}[${index}]`, network, problem)));
	const [first = "", second] = cidrs;
	if (second !== undefined && familyOf(first) !== undefined && familyOf(first) === familyOf(second)) {
		errors.push(invalid(PATH, cidrs, "may specify no more than one IP for each IP family, i.e 192.168.0.0/24 and 2001:db8::/64"));
	}
	return errors;
}

/** A network stays; a second one may join the first. */
function validateUpdate(next: ServiceCIDR, old: ServiceCIDR): FieldError[] {
	const cidrs = next.spec?.cidrs ?? [];
	const before = old.spec?.cidrs ?? [];
	if (cidrs.length !== before.length && !(before.length === 1 && cidrs.length === CIDRS_MAX)) return [invalid(PATH, cidrs, FIELD_IMMUTABLE)];
	return before.flatMap((network, index) => (network === cidrs[index] ? [] : [invalid(`${PATH}[${index}]`, cidrs[index], FIELD_IMMUTABLE)]));
}

export const serviceCidrKind = defineKind<ServiceCIDR>({
	group: "networking.k8s.io",
	version: "v1",
	kind: "ServiceCIDR",
	plural: "servicecidrs",
	singular: "servicecidr",
	scope: "Cluster",
	schema: "networking/v1.ServiceCIDR",
	subresources: { status: statusSubresource },
	prepareCreate(network) {
		network.metadata.generation = 1;
		network.status = {};
	},
	prepareUpdate: prepareSpecUpdate,
	validate,
	validateUpdate,
	columns: [
		fieldColumn("networking/v1.ServiceCIDRSpec", "cidrs", { name: "CIDRs", type: "string", cell: ({ spec }) => (spec?.cidrs ?? []).join(",") }),
		ageColumn,
	],
});
