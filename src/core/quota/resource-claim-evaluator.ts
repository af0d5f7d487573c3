/** What ResourceClaims use: devices of each class at most (pkg/quota/v1/evaluator/core/resource_claims.go). */
import { quantityOf } from "../quantity/quantity.ts";
import type { DeviceRequest, DeviceSubRequest, ExactDeviceRequest, ResourceV1ResourceClaim } from "../schema/kubernetes.d.ts";
import { countName, type QuotaEvaluator } from "./evaluator.ts";
import type { Quantities } from "../admission/pod-resources.ts";

const RESOURCE = "resource.k8s.io/resourceclaims";
const COUNT = countName(RESOURCE);
const DEVICES_SUFFIX = ".deviceclass.resource.k8s.io/devices";
/** resourceapi.AllocationResultsMaxSize: what "all devices" may come to. */
const ALL_DEVICES_MAX = 32;

const devicesOf = ({ allocationMode, count }: ExactDeviceRequest | DeviceSubRequest): number => (allocationMode === "All" ? ALL_DEVICES_MAX : (count ?? 1));

/** Of alternatives the most that any of a class takes. */
function requestDevices({ exactly, firstAvailable }: DeviceRequest): Map<string, number> {
	const most = new Map<string, number>();
	for (const request of exactly ? [exactly] : (firstAvailable ?? [])) {
		most.set(request.deviceClassName, Math.max(most.get(request.deviceClassName) ?? 0, devicesOf(request)));
	}
	return most;
}

export const resourceClaimEvaluator: QuotaEvaluator<ResourceV1ResourceClaim> = {
	resource: RESOURCE,
	handles: (operation, subresource) => subresource === "" && (operation === "CREATE" || operation === "UPDATE"),
	matching: (names) => names.filter((name) => name === COUNT || name.endsWith(DEVICES_SUFFIX)),
	usage({ spec }) {
		const devices = new Map<string, number>();
		for (const request of spec?.devices?.requests ?? []) {
			for (const [name, count] of requestDevices(request)) devices.set(name, (devices.get(name) ?? 0) + count);
		}
		const used: Quantities = new Map([[COUNT, quantityOf(1)]]);
		for (const [name, count] of devices) used.set(name + DEVICES_SUFFIX, quantityOf(count));
		return used;
	},
	matchesScope: () => false,
};
