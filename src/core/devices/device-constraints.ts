/** What the devices of a claim must have in common, or must not (matchAttribute, distinctAttribute). */
import { canonicalJson } from "../controllers/canonical-json.ts";
import type { DeviceConstraint } from "../schema/kubernetes.d.ts";
import type { PooledDevice } from "./device-pools.ts";

/** A device that is chosen for a request, or one of its alternatives. */
export interface Chosen {
	claim: number;
	request: string;
	alternative: string;
	device: PooledDevice;
}

/** Undefined where the device has no such attribute. */
function attributeOf({ driver, device }: PooledDevice, name: string): string | undefined {
	const [domain, local = ""] = name.split("/");
	const value = device.attributes?.[name] ?? (domain === driver ? device.attributes?.[local] : undefined);
	return value && canonicalJson(value);
}

const concerns = ({ requests = [] }: DeviceConstraint, { request, alternative }: Chosen): boolean =>
	requests.length === 0 || requests.includes(request) || requests.includes(`${request}/${alternative}`);

/** Whether the device can join those that the claim has been given. */
export function isAllowed(constraints: readonly DeviceConstraint[] | undefined, chosen: readonly Chosen[], next: Chosen): boolean {
	return (constraints ?? []).every((constraint) => {
		if (!concerns(constraint, next)) return true;
		const { matchAttribute, distinctAttribute } = constraint;
		const name = matchAttribute ?? distinctAttribute ?? "";
		const value = attributeOf(next.device, name);
		if (value === undefined) return false;
		const others = chosen.filter((one) => one.claim === next.claim && concerns(constraint, one)).map(({ device }) => attributeOf(device, name));
		return matchAttribute === undefined ? !others.includes(value) : others.every((other) => other === value);
	});
}
