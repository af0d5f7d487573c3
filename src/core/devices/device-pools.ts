/** The devices that drivers publish: a pool's slices of its newest generation, as far as they are all there (structured.GatherPools). */
import type { CounterSet, Device, ResourceSlice } from "../schema/kubernetes.d.ts";
import { type SelectableNode, termMatches } from "../scheduler/node-selection.ts";

export interface PooledDevice {
	/** driver/pool/device: the same for as long as the device is the same. */
	id: string;
	driver: string;
	pool: DevicePool;
	device: Device;
	slice: ResourceSlice;
}

export interface DevicePool {
	driver: string;
	name: string;
	/** Some of its slices have not been published: nothing new is taken from it. */
	incomplete: boolean;
	/** A device is there twice. */
	invalid: boolean;
	devices: PooledDevice[];
	counterSets: CounterSet[];
}

export const deviceId = (driver: string, pool: string, device: string): string => `${driver}/${pool}/${device}`;

export function poolsOf(slices: readonly ResourceSlice[]): DevicePool[] {
	const byPool = Map.groupBy(slices, ({ spec }) => `${spec.driver}/${spec.pool.name}`);
	return [...byPool.values()].map((all) => {
		const generation = all.reduce((newest, { spec }) => Math.max(newest, spec.pool.generation), 0);
		return poolOf(all.filter(({ spec }) => spec.pool.generation === generation));
	});
}

function poolOf(slices: readonly ResourceSlice[]): DevicePool {
	const { driver, pool } = (slices[0] as ResourceSlice).spec;
	const made: DevicePool = { driver, name: pool.name, incomplete: slices.length < pool.resourceSliceCount, invalid: false, devices: [], counterSets: [] };
	const seen = new Set<string>();
	for (const slice of slices) {
		made.counterSets.push(...(slice.spec.sharedCounters ?? []));
		for (const device of slice.spec.devices ?? []) {
			made.invalid ||= seen.has(device.name);
			seen.add(device.name);
			made.devices.push({ id: deviceId(driver, pool.name, device.name), driver, pool: made, device, slice });
		}
	}
	return made;
}

/** Whether the device can be used from the node. */
export function reachesNode({ device, slice: { spec } }: PooledDevice, node: SelectableNode): boolean {
	const where = spec.perDeviceNodeSelection ? device : spec;
	if (where.nodeName) return where.nodeName === node.name;
	if (where.nodeSelector) return where.nodeSelector.nodeSelectorTerms.some((term) => termMatches(term, node));
	return where.allNodes ?? false;
}
