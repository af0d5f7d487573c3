/** Who holds which devices: what claims say, and what the scheduler has decided that they do not say yet. */
import type { AllocationResult, DeviceClass, ResourceV1ResourceClaim as ResourceClaim } from "../schema/kubernetes.d.ts";
import type { DevicePool } from "./device-pools.ts";
import { EXTENDED_RESOURCE_CLAIM, extendedClaimKey, type ExtendedRequests } from "./extended-resources.ts";
import { DeviceUsage } from "./device-usage.ts";

/** What a claim of a pod is given with the pod's node. */
export interface ClaimAllocation {
	name: string;
	uid: string;
	allocation: AllocationResult;
	/** Of the claim for the pod's extended resources, which is made with the pod's binding. */
	extended?: ExtendedRequests;
}

/** The cluster's objects that devices depend on, as of now. */
export interface DeviceObjects {
	claim(namespace: string, name: string): ResourceClaim | undefined;
	claims(): readonly ResourceClaim[];
	deviceClass(name: string): DeviceClass | undefined;
	/** The class that stands for an extended resource. */
	classOf(resource: string): string | undefined;
	pools(): readonly DevicePool[];
}

export const NO_DEVICE_OBJECTS: DeviceObjects = {
	claim: () => undefined,
	claims: () => [],
	deviceClass: () => undefined,
	classOf: () => undefined,
	pools: () => [],
};

export class DeviceLedger {
	readonly objects: DeviceObjects;
	/** By the claim's uid, then by the pod's: one claim may be several pods'. */
	readonly #decided = new Map<string, Map<string, AllocationResult>>();

	constructor(objects: DeviceObjects) {
		this.objects = objects;
	}

	add(podUid: string, claims: readonly ClaimAllocation[]): void {
		for (const { uid, allocation } of claims) {
			const pods = this.#decided.get(uid) ?? new Map<string, AllocationResult>();
			this.#decided.set(uid, pods.set(podUid, allocation));
		}
	}

	remove(podUid: string, claims: readonly ClaimAllocation[]): void {
		for (const { uid } of claims) {
			const pods = this.#decided.get(uid);
			pods?.delete(podUid);
			if (pods?.size === 0) this.#decided.delete(uid);
		}
	}

	allocationOf({ metadata, status }: ResourceClaim): AllocationResult | undefined {
		return (
			status?.allocation ??
			this.#decided
				.get(metadata.uid ?? "")
				?.values()
				.next().value
		);
	}

	/** Of devices by all claims; each claim counts once. */
	usage(): DeviceUsage {
		const usage = new DeviceUsage();
		const said = new Set<string>();
		for (const { metadata, status } of this.objects.claims()) {
			if (!status?.allocation) continue;
			said.add(metadata.uid ?? "");
			if (metadata.annotations?.[EXTENDED_RESOURCE_CLAIM]) for (const { uid } of metadata.ownerReferences ?? []) said.add(extendedClaimKey(uid));
			usage.add(status.allocation);
		}
		for (const [uid, pods] of this.#decided) {
			const [first] = pods.values();
			if (first !== undefined && !said.has(uid)) usage.add(first);
		}
		return usage;
	}
}
