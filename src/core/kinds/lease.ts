/** Lease: pkg/registry/coordination/lease, ValidateLease. */
import { type FieldError, invalid, required } from "../errors/field-error.ts";
import { NON_NEGATIVE_ERROR } from "../meta/name-rules.ts";
import type { Lease } from "../schema/kubernetes.d.ts";
import { ageColumn } from "./columns.ts";
import { defineKind } from "./define-kind.ts";

function validate({ spec = {} }: Lease): FieldError[] {
	const errors: FieldError[] = [];
	if (spec.leaseDurationSeconds !== undefined && spec.leaseDurationSeconds <= 0) {
		errors.push(invalid("spec.leaseDurationSeconds", spec.leaseDurationSeconds, "must be greater than 0"));
	}
	if (spec.leaseTransitions !== undefined && spec.leaseTransitions < 0)
		errors.push(invalid("spec.leaseTransitions", spec.leaseTransitions, NON_NEGATIVE_ERROR));
	if (spec.preferredHolder && !spec.strategy) errors.push(required("spec.strategy", "strategy must be specified when preferredHolder is set"));
	return errors;
}

export const leaseKind = defineKind<Lease>({
	group: "coordination.k8s.io",
	version: "v1",
	kind: "Lease",
	plural: "leases",
	singular: "lease",
	scope: "Namespaced",
	schema: "coordination/v1.Lease",
	allowCreateOnUpdate: true,
	allowUnconditionalUpdate: false,
	validate,
	columns: [
		{
			name: "Holder",
			type: "string",
			description:
				"holderIdentity contains the identity of the holder of a current lease. If Coordinated Leader Election is used, the holder identity must be equal to the elected LeaseCandidate.metadata.name field.",
			cell: (lease) => lease.spec?.holderIdentity ?? "",
		},
		ageColumn,
	],
});
