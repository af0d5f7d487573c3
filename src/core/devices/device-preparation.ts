/** Devices that their drivers must make ready on the chosen node before the pod is bound to it (KEP-5007, bindingConditions). */
import { timeMs } from "../controllers/meta-time.ts";
import type {
	AllocatedDeviceStatus,
	AllocationResult,
	DeviceRequestAllocationResult,
	ResourceV1ResourceClaim as ResourceClaim,
} from "../schema/kubernetes.d.ts";
import type { ClaimAllocation, DeviceObjects } from "./device-ledger.ts";
import { isReservedFor } from "./pod-claims.ts";
import type { PodRef } from "../protocol/messages.ts";

/** A driver is given this long (DynamicResourcesArgs.bindingTimeout), in milliseconds. */
const BINDING_TIMEOUT_MS = 600_000;

const conditionsFor = ({ bindingConditions = [] }: DeviceRequestAllocationResult): string[] => bindingConditions;

export const needsPreparation = (allocation: AllocationResult | undefined): boolean =>
	(allocation?.devices?.results ?? []).some((result) => conditionsFor(result).length > 0);

/** "waiting", "ready", or why it will not be. */
export type Preparation = "ready" | "waiting" | { failed: string };

function statusOf({ status }: ResourceClaim, { driver, pool, device, shareID }: DeviceRequestAllocationResult): AllocatedDeviceStatus | undefined {
	return status?.devices?.find((one) => one.driver === driver && one.pool === pool && one.device === device && one.shareID === shareID);
}

function claimPreparation(claim: ResourceClaim, nowMs: number): Preparation {
	const allocation = claim.status?.allocation;
	if (!needsPreparation(allocation)) return "ready";
	let waits = false;
	for (const result of allocation?.devices?.results ?? []) {
		const conditions = statusOf(claim, result)?.conditions ?? [];
		const failure = conditions.find(({ type, status }) => status === "True" && result.bindingFailureConditions?.includes(type));
		if (failure) return { failed: `claim ${claim.metadata.name} binding failed: reason=${failure.reason}, message=${JSON.stringify(failure.message)}` };
		waits ||= !conditionsFor(result).every((wanted) => conditions.some(({ type, status }) => type === wanted && status === "True"));
	}
	if (!waits) return "ready";
	return (timeMs(allocation?.allocationTimestamp) ?? nowMs) + BINDING_TIMEOUT_MS < nowMs ? { failed: "device binding timeout" } : "waiting";
}

/** How far the devices of a pod's claims are. What is not written down yet cannot have been begun. */
export function preparationOf(pod: PodRef, decided: readonly ClaimAllocation[], objects: DeviceObjects, nowMs: number): Preparation {
	if (!decided.some(({ allocation }) => needsPreparation(allocation))) return "ready";
	const claims = decided.map(({ name }) => objects.claim(pod.namespace, name));
	const states = claims.map((claim) => (claim && isReservedFor(claim, pod.uid) ? claimPreparation(claim, nowMs) : "waiting"));
	return states.find((state) => typeof state === "object") ?? (states.includes("waiting") ? "waiting" : "ready");
}
