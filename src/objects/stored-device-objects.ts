/** What the scheduler asks of classes, claims and published devices, out of what the Cluster object has. */
import type { DeviceObjects } from "../core/devices/device-ledger.ts";
import { needsPreparation } from "../core/devices/device-preparation.ts";
import { type DevicePool, poolsOf } from "../core/devices/device-pools.ts";
import { classesByResource } from "../core/devices/extended-resources.ts";
import { DEVICE_CLASSES, RESOURCE_SLICES } from "../core/scheduler/filters/dynamic-resources.ts";
import type { ResourceV1ResourceClaim as ResourceClaim } from "../core/schema/kubernetes.d.ts";
import type { Replica } from "./resource-server.ts";
import type { Store } from "../store/store.ts";

/** What decisions about devices depend on beside claims. */
export const DEVICES: readonly string[] = [DEVICE_CLASSES, RESOURCE_SLICES];

/** Of a claim: whether pods that wait may be helped. One that has its devices helps nobody else; its own pod may wait for them to be ready. */
export function freesDevices({ object }: { object?: unknown }): boolean {
	const allocation = (object as ResourceClaim | undefined)?.status?.allocation;
	return allocation === undefined || needsPreparation(allocation);
}

export class StoredDeviceObjects implements DeviceObjects {
	readonly #store: () => Store;
	readonly #claims: Replica | undefined;
	/** Put together again when a slice has changed. */
	#pools: DevicePool[] | undefined;
	/** Likewise, of classes. */
	#classes: Map<string, string> | undefined;

	constructor(store: () => Store, claims: Replica | undefined) {
		this.#store = store;
		this.#claims = claims;
	}

	changed(resource: string): void {
		if (resource === RESOURCE_SLICES) this.#pools = undefined;
		if (resource === DEVICE_CLASSES) this.#classes = undefined;
	}

	claim(namespace: string, name: string): ResourceClaim | undefined {
		return this.#claims?.get(`${namespace}/${name}`) as ResourceClaim | undefined;
	}

	claims(): readonly ResourceClaim[] {
		return (this.#claims?.list() ?? []) as ResourceClaim[];
	}

	deviceClass(name: string) {
		return this.#store().get(DEVICE_CLASSES, name) as ReturnType<DeviceObjects["deviceClass"]>;
	}

	classOf(resource: string): string | undefined {
		this.#classes ??= classesByResource(this.#store().list(DEVICE_CLASSES));
		return this.#classes.get(resource);
	}

	pools(): readonly DevicePool[] {
		this.#pools ??= poolsOf(this.#store().list(RESOURCE_SLICES));
		return this.#pools;
	}
}
