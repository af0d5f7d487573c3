/** Gives a pod's claims their devices in the transaction that gives the pod its node (DynamicResources' PreBind). */
import type { ClaimAllocation } from "../devices/device-ledger.ts";
import { DELETE_PROTECTION, hasFreeReservation, isReservedFor, RESOURCE_CLAIMS, reservationOf } from "../devices/pod-claims.ts";
import { semanticEqual } from "../meta/equality.ts";
import type { Pod, ResourceV1ResourceClaim as ResourceClaim } from "../schema/kubernetes.d.ts";
import type { Action, View } from "./controller.ts";
import { draftOf, isBeingDeleted, uidOf } from "./identity.ts";

/** Undefined when a claim is not (any more) what the scheduler knew: then the pod must not be bound. */
export function allocateClaims(view: View, pod: Pod, claims: readonly ClaimAllocation[]): Action[] | undefined {
	const actions = claims.map((decided) => allocateClaim(view, pod, decided));
	return actions.includes(undefined) ? undefined : (actions as Action[][]).flat();
}

function allocateClaim(view: View, pod: Pod, { name, uid, allocation }: ClaimAllocation): Action[] | undefined {
	const claim = view.get<ResourceClaim>(RESOURCE_CLAIMS, name);
	if (claim === undefined || uidOf(claim) !== uid || isBeingDeleted(claim)) return undefined;
	const current = claim.status?.allocation;
	if (current && !semanticEqual(current, allocation)) return undefined;
	if (isReservedFor(claim, uidOf(pod))) return [];
	if (!hasFreeReservation(claim)) return undefined;
	const draft = draftOf(claim);
	draft.status = { ...draft.status, allocation, reservedFor: [...(claim.status?.reservedFor ?? []), reservationOf(pod)] };
	const written: Action = { type: "updateStatus", resource: RESOURCE_CLAIMS, object: draft };
	if (claim.metadata.finalizers?.includes(DELETE_PROTECTION)) return [written];
	const guarded = draftOf(claim);
	guarded.metadata.finalizers = [...(claim.metadata.finalizers ?? []), DELETE_PROTECTION];
	// Written second in the same transaction, so on whatever version the first made.
	delete draft.metadata.resourceVersion;
	draft.metadata.finalizers = guarded.metadata.finalizers;
	return [{ type: "update", resource: RESOURCE_CLAIMS, object: guarded }, written];
}
