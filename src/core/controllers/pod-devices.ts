/** Gives a pod's claims their devices in the transaction that gives the pod its node (DynamicResources' PreBind). */
import type { ClaimAllocation } from "../devices/device-ledger.ts";
import { DELETE_PROTECTION, hasFreeReservation, isReservedFor, RESOURCE_CLAIMS, reservationOf } from "../devices/pod-claims.ts";
import { EXTENDED_RESOURCE_CLAIM, extendedClaimStem } from "../devices/extended-resources.ts";
import { DEVICE_GROUP } from "../kinds/device-rules.ts";
import { semanticEqual } from "../meta/equality.ts";
import type { Pod, ResourceV1ResourceClaim as ResourceClaim } from "../schema/kubernetes.d.ts";
import type { DevicePreparation, DeviceRelease } from "../scheduler/scheduler.ts";
import { withoutProtection } from "./resource-claim-controller.ts";
import type { Action, View } from "./controller.ts";
import { draftOf, isBeingDeleted, nameOf, namespaceOf, uidOf } from "./identity.ts";

/** Undefined when a claim is not (any more) what the scheduler knew: then the pod must not be bound. */
export function allocateClaims(view: View, pod: Pod, claims: readonly ClaimAllocation[]): Action[] | undefined {
	const actions = claims.map((decided) => allocateClaim(view, pod, decided));
	return actions.includes(undefined) ? undefined : (actions as Action[][]).flat();
}

/** The claim for the pod's extended resources is made now, with its devices. */
function createExtended(pod: Pod, { name, allocation, extended }: ClaimAllocation): Action[] {
	const claim: ResourceClaim = {
		apiVersion: `${DEVICE_GROUP}/v1`,
		kind: "ResourceClaim",
		metadata: {
			name,
			generateName: extendedClaimStem(nameOf(pod)),
			namespace: namespaceOf(pod),
			ownerReferences: [{ apiVersion: "v1", kind: "Pod", name: nameOf(pod), uid: uidOf(pod), controller: true }],
			annotations: { [EXTENDED_RESOURCE_CLAIM]: "true" },
			finalizers: [DELETE_PROTECTION],
		},
		spec: { devices: { requests: extended?.requests ?? [] } },
	};
	return [
		{ type: "create", resource: RESOURCE_CLAIMS, object: claim },
		{ type: "updateStatus", resource: RESOURCE_CLAIMS, object: { ...claim, status: { allocation, reservedFor: [reservationOf(pod)] } } as ResourceClaim },
	];
}

/** What the pod says of that claim. */
export function extendedStatus(claims: readonly ClaimAllocation[]): Pick<NonNullable<Pod["status"]>, "extendedResourceClaimStatus"> {
	const [made] = claims.filter(({ extended }) => extended !== undefined);
	return made === undefined ? {} : { extendedResourceClaimStatus: { requestMappings: made.extended?.mappings ?? [], resourceClaimName: made.name } };
}

function allocateClaim(view: View, pod: Pod, decided: ClaimAllocation): Action[] | undefined {
	if (decided.extended !== undefined) {
		// The scheduler has not heard yet of the claim that was made for the pod: it has to decide by that.
		const made = pod.status?.extendedResourceClaimStatus?.resourceClaimName;
		return made !== undefined && view.get(RESOURCE_CLAIMS, made) !== undefined ? undefined : createExtended(pod, decided);
	}
	const { name, uid, allocation } = decided;
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

/** The devices are the pod's; it is bound when they are ready on its node (DynamicResources' PreBind waits). */
export function applyDevicePreparation(view: View, { pod: ref, node, claims }: DevicePreparation): Action[] {
	const pod = view.get<Pod>("pods", ref.name);
	if (pod === undefined || uidOf(pod) !== ref.uid || isBeingDeleted(pod) || pod.spec?.nodeName) return [];
	const actions = allocateClaims(view, pod, claims) ?? [];
	if (actions.length === 0) return [];
	const draft = draftOf(pod);
	draft.status = { ...draft.status, ...extendedStatus(claims), nominatedNodeName: node };
	const message = `waiting for binding conditions for device on node ${node}`;
	return [
		...actions,
		{ type: "updateStatus", resource: "pods", object: draft },
		{ type: "event", about: pod, eventType: "Normal", reason: "BindingConditionsPending", message },
	];
}

/** The pod does not use these (any more): who has no other users is free. */
export function applyDeviceRelease(view: View, { pod: ref, claims }: DeviceRelease): Action[] {
	const pod = view.get<Pod>("pods", ref.name);
	if (pod !== undefined && uidOf(pod) === ref.uid && pod.spec?.nodeName) return [];
	const released = claims.flatMap((name) => {
		const claim = view.get<ResourceClaim>(RESOURCE_CLAIMS, name);
		return claim?.status?.allocation ? releaseClaim(claim, ref.uid) : [];
	});
	if (!pod?.status?.extendedResourceClaimStatus || !claims.includes(pod.status.extendedResourceClaimStatus.resourceClaimName)) return released;
	const draft = draftOf(pod);
	delete draft.status?.extendedResourceClaimStatus;
	return [...released, { type: "updateStatus", resource: "pods", object: draft }];
}

function releaseClaim(claim: ResourceClaim, podUid: string): Action[] {
	const others = (claim.status?.reservedFor ?? []).filter(({ uid }) => uid !== podUid);
	const draft = draftOf(claim);
	const { allocation: _allocation, devices: _devices, reservedFor: _users, ...rest } = draft.status ?? {};
	if (others.length > 0) {
		draft.status = { ...draft.status, reservedFor: others };
		return [{ type: "updateStatus", resource: RESOURCE_CLAIMS, object: draft }];
	}
	draft.status = rest;
	const actions: Action[] = [
		{ type: "updateStatus", resource: RESOURCE_CLAIMS, object: draft },
		{ type: "update", resource: RESOURCE_CLAIMS, object: withoutProtection(draft) },
	];
	// The scheduler's own claim is made anew for the next node.
	return claim.metadata.annotations?.[EXTENDED_RESOURCE_CLAIM]
		? [...actions, { type: "delete", resource: RESOURCE_CLAIMS, name: nameOf(claim), uid: uidOf(claim) }]
		: actions;
}
