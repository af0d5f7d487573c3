/** How much of a device's capacities a request comes to (KEP-5075, consumable capacity). */
import { parseQuantity } from "../quantity/quantity.ts";
import type { CapacityRequestPolicy, CapacityRequirements, Device, DeviceCapacity } from "../schema/kubernetes.d.ts";

export const nanoOf = (text: string): bigint => parseQuantity(text).nano;

function byPolicy(asked: bigint, policy: CapacityRequestPolicy): bigint | undefined {
	if (policy.validValues?.length) {
		const fits = policy.validValues.map(nanoOf).filter((value) => value >= asked);
		return fits.length === 0 ? undefined : fits.reduce((least, value) => (value < least ? value : least));
	}
	const { min, max, step } = policy.validRange ?? {};
	const least = min === undefined ? 0n : nanoOf(min);
	let amount = asked < least ? least : asked;
	const unit = step === undefined ? 0n : nanoOf(step);
	const beyond = unit > 0n ? (amount - least) % unit : 0n;
	if (beyond > 0n) amount += unit - beyond;
	return max !== undefined && amount > nanoOf(max) ? undefined : amount;
}

function consumedOf({ value, requestPolicy: policy }: DeviceCapacity, request: string | undefined): bigint | undefined {
	const whole = nanoOf(value);
	const asked = request === undefined ? undefined : nanoOf(request);
	if (asked !== undefined && asked > whole) return undefined;
	// Without a policy any part can be asked for, and who asks for none takes the whole.
	if (policy === undefined) return asked ?? whole;
	const wanted = asked ?? (policy.default === undefined ? whole : nanoOf(policy.default));
	return byPolicy(wanted, policy);
}

/** In nano units by capacity, undefined when the device has not what is asked for. */
export function consumedCapacity({ capacity = {} }: Device, { requests = {} }: CapacityRequirements = {}): Map<string, bigint> | undefined {
	if (Object.keys(requests).some((name) => !Object.hasOwn(capacity, name))) return undefined;
	const consumed = new Map<string, bigint>();
	for (const [name, has] of Object.entries(capacity)) {
		const amount = consumedOf(has, requests[name]);
		if (amount === undefined) return undefined;
		consumed.set(name, amount);
	}
	return consumed;
}
