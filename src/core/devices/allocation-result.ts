/** What a claim's status says of the devices that were found for it. */
import { quantityText } from "../quantity/quantity.ts";
import type {
	AllocationResult,
	DeviceAllocationConfiguration,
	DeviceClass,
	DeviceRequestAllocationResult,
	NodeSelector,
	NodeSelectorRequirement,
	ResourceV1ResourceClaim as ResourceClaim,
} from "../schema/kubernetes.d.ts";
import { semanticEqual } from "../meta/equality.ts";
import { type Allocated, alternativesOf } from "./device-allocator.ts";

export interface ResultContext {
	node: string;
	/** RFC 3339. */
	time: string;
	/** For what is shared. */
	uuid(): string;
	deviceClass(name: string): DeviceClass | undefined;
}

const requestName = ({ request, alternative }: Allocated): string => (alternative === "" ? request : `${request}/${alternative}`);

function resultOf(allocated: Allocated, { uuid }: ResultContext): DeviceRequestAllocationResult {
	const { device, driver, pool } = allocated.device;
	const consumed = [...(allocated.consumed ?? [])].map(([name, nano]) => [
		name,
		quantityText({ nano, format: formatOf(device.capacity?.[name]?.value ?? "") }),
	]);
	return {
		request: requestName(allocated),
		driver,
		pool: pool.name,
		device: device.name,
		...(allocated.adminAccess ? { adminAccess: true } : {}),
		...(allocated.tolerations?.length ? { tolerations: [...allocated.tolerations] } : {}),
		...(device.bindingConditions ? { bindingConditions: device.bindingConditions } : {}),
		...(device.bindingFailureConditions ? { bindingFailureConditions: device.bindingFailureConditions } : {}),
		...(allocated.consumed ? { shareID: uuid(), consumedCapacity: Object.fromEntries(consumed) } : {}),
	};
}

const formatOf = (text: string): "BinarySI" | "DecimalSI" => (text.endsWith("i") ? "BinarySI" : "DecimalSI");

/** Where the claim can be used from now on; undefined for everywhere. */
function nodeSelectorOf(devices: readonly Allocated[], node: string): NodeSelector | undefined {
	const expressions: NodeSelectorRequirement[] = [];
	const fields: NodeSelectorRequirement[] = [];
	const add = (list: NodeSelectorRequirement[], wanted: readonly NodeSelectorRequirement[] | undefined): void => {
		for (const requirement of wanted ?? []) if (!list.some((one) => semanticEqual(one, requirement))) list.push(requirement);
	};
	for (const { device } of devices) {
		const { spec } = device.slice;
		const { nodeName, nodeSelector } = spec.perDeviceNodeSelection ? device.device : spec;
		if (nodeName || device.device.bindsToNode) add(fields, [{ key: "metadata.name", operator: "In", values: [nodeName ?? node] }]);
		// A pool's selector has one term (validation); of a device's the first that is there.
		const [term] = nodeSelector?.nodeSelectorTerms ?? [];
		add(expressions, term?.matchExpressions);
		add(fields, term?.matchFields);
	}
	if (expressions.length + fields.length === 0) return undefined;
	const term = { ...(expressions.length > 0 ? { matchExpressions: expressions } : {}), ...(fields.length > 0 ? { matchFields: fields } : {}) };
	return { nodeSelectorTerms: [term] };
}

/** Of the classes first, then of the claim, as far as they are about requests that got devices. */
function configOf({ spec }: ResourceClaim, devices: readonly Allocated[], { deviceClass }: ResultContext): DeviceAllocationConfiguration[] {
	const config: DeviceAllocationConfiguration[] = [];
	for (const request of spec.devices?.requests ?? []) {
		const used = devices.find((one) => one.request === request.name);
		const chosen = used && alternativesOf(request).find(({ name }) => name === used.alternative);
		for (const one of deviceClass(chosen?.deviceClassName ?? "")?.spec.config ?? [])
			config.push({ source: "FromClass", requests: [requestName(used as Allocated)], ...one });
	}
	for (const { requests = [], ...one } of spec.devices?.config ?? []) {
		const concerned = requests.length === 0 || devices.some((device) => requests.includes(device.request) || requests.includes(requestName(device)));
		if (concerned) config.push({ source: "FromClaim", ...(requests.length > 0 ? { requests } : {}), ...one });
	}
	return config;
}

export function allocationResult(claim: ResourceClaim, devices: readonly Allocated[], ctx: ResultContext): AllocationResult {
	const config = configOf(claim, devices, ctx);
	const nodeSelector = nodeSelectorOf(devices, ctx.node);
	return {
		devices: { results: devices.map((device) => resultOf(device, ctx)), ...(config.length > 0 ? { config } : {}) },
		...(nodeSelector ? { nodeSelector } : {}),
		allocationTimestamp: ctx.time,
	};
}
