/** ResourceClaim: pkg/registry/resource/resourceclaim. */
import type { ResourceV1ResourceClaim } from "../schema/kubernetes.d.ts";
import { ageColumn } from "./columns.ts";
import { defineKind } from "./define-kind.ts";
import { defaultClaimSpec, validateClaimSpec } from "./device-claim-validation.ts";
import { DEVICE_GROUP } from "./device-rules.ts";
import { validateImmutable } from "./immutable-field.ts";
import { validateResourceClaimStatus } from "./resource-claim-status.ts";
import { keepSpec, keepStatus } from "./strategy.ts";

/** "allocated,reserved", "pending", "deleted,allocated": every word that holds. */
function shownState({ metadata, status }: ResourceV1ResourceClaim): string {
	const deleted = metadata.deletionTimestamp !== undefined;
	const states = deleted ? ["deleted"] : [];
	if (status?.allocation) states.push("allocated", ...(status.reservedFor?.length ? ["reserved"] : []));
	else if (!deleted) states.push("pending");
	return states.join(",");
}

export const resourceClaimKind = defineKind<ResourceV1ResourceClaim>({
	group: DEVICE_GROUP,
	version: "v1",
	kind: "ResourceClaim",
	plural: "resourceclaims",
	singular: "resourceclaim",
	scope: "Namespaced",
	schema: "resource/v1.ResourceClaim",
	subresources: { status: { prepareUpdate: keepSpec, validateUpdate: validateResourceClaimStatus } },
	defaults: ({ spec }) => defaultClaimSpec(spec),
	prepareCreate(claim) {
		claim.status = {};
	},
	prepareUpdate: keepStatus,
	validate: ({ spec }) => validateClaimSpec(spec, "spec"),
	validateUpdate: (next, old) => validateImmutable(next.spec, old.spec, "spec"),
	columns: [
		{ name: "State", type: "string", description: "A summary of the current state (allocated, pending, reserved, etc.).", cell: shownState },
		ageColumn,
	],
});
