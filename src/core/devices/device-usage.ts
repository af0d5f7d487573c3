/** What of the devices is taken by claims that have their allocations. */
import { parseQuantity } from "../quantity/quantity.ts";
import type { AllocationResult } from "../schema/kubernetes.d.ts";
import type { DevicePool, PooledDevice } from "./device-pools.ts";
import { deviceId } from "./device-pools.ts";

export class DeviceUsage {
	/** Ids of devices that are in use, shared ones among them. */
	readonly taken = new Set<string>();
	/** Of shared devices: nano units of each capacity, under id#capacity. */
	readonly #consumed = new Map<string, bigint>();
	/** Nano units of each counter, under driver/pool#set#counter; worked out when it is first asked. */
	readonly #counted = new Map<DevicePool, Map<string, bigint>>();

	add({ devices }: AllocationResult): void {
		for (const { driver, pool, device, adminAccess, consumedCapacity } of devices?.results ?? []) {
			if (adminAccess) continue;
			const id = deviceId(driver, pool, device);
			this.taken.add(id);
			for (const [name, amount] of Object.entries(consumedCapacity ?? {})) this.consume(id, name, parseQuantity(amount).nano);
		}
	}

	consumed(id: string, capacity: string): bigint {
		return this.#consumed.get(`${id}#${capacity}`) ?? 0n;
	}

	consume(id: string, capacity: string, nano: bigint): void {
		this.#consumed.set(`${id}#${capacity}`, this.consumed(id, capacity) + nano);
	}

	/** Counts a device's counters, or takes them back. A shared device counts once. */
	count({ device, pool }: PooledDevice, sign: 1n | -1n): void {
		const counted = this.counters(pool);
		for (const { counterSet, counters } of device.consumesCounters ?? [])
			for (const [name, { value }] of Object.entries(counters ?? {})) {
				const key = `${counterSet}#${name}`;
				counted.set(key, (counted.get(key) ?? 0n) + sign * parseQuantity(value).nano);
			}
	}

	counters(pool: DevicePool): Map<string, bigint> {
		const known = this.#counted.get(pool);
		if (known !== undefined) return known;
		const counted = new Map<string, bigint>();
		this.#counted.set(pool, counted);
		for (const one of pool.devices) if (this.taken.has(one.id)) this.count(one, 1n);
		return counted;
	}

	/** Whether the pool's counters allow the device as well. */
	hasCounters({ device, pool }: PooledDevice): boolean {
		if (!device.consumesCounters?.length) return true;
		const counted = this.counters(pool);
		return device.consumesCounters.every(({ counterSet, counters }) => {
			const available = pool.counterSets.find(({ name }) => name === counterSet)?.counters;
			return Object.entries(counters ?? {}).every(([name, { value }]) => {
				const has = available?.[name];
				return has !== undefined && (counted.get(`${counterSet}#${name}`) ?? 0n) + parseQuantity(value).nano <= parseQuantity(has.value).nano;
			});
		});
	}
}
