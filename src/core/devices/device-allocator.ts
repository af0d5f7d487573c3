/** Finds devices on a node for all claims of a pod at once, by trying in order and going back (dynamic-resource-allocation/structured). */
import type {
	CapacityRequirements,
	DeviceClass,
	DeviceRequest,
	DeviceSelector,
	DeviceTaint,
	DeviceToleration,
	ResourceV1ResourceClaim as ResourceClaim,
} from "../schema/kubernetes.d.ts";
import type { SelectableNode } from "../scheduler/node-selection.ts";
import { consumedCapacity, nanoOf } from "./device-capacity.ts";
import { type Chosen, isAllowed } from "./device-constraints.ts";
import { type DevicePool, type PooledDevice, reachesNode } from "./device-pools.ts";
import { SelectorFailure, selects } from "./device-selectors.ts";
import type { DeviceUsage } from "./device-usage.ts";

/** Devices of one claim (resourceapi.AllocationResultsMaxSize). */
export const RESULTS_MAX = 32;
/** Tries on one node before it is given up. */
const TRIES_MAX = 50_000;
export const CANNOT = "cannot allocate all claims";

/** A device for a request, and what of it. */
export interface Allocated extends Chosen {
	adminAccess: boolean;
	tolerations: readonly DeviceToleration[] | undefined;
	/** Of a shared device: nano units by capacity. */
	consumed: ReadonlyMap<string, bigint> | undefined;
}

interface Alternative {
	name: string;
	deviceClassName: string;
	selectors?: DeviceSelector[];
	allocationMode?: string;
	count?: number;
	adminAccess?: boolean;
	tolerations?: DeviceToleration[];
	capacity?: CapacityRequirements;
}

export interface AllocatorQuestion {
	claims: readonly ResourceClaim[];
	pools: readonly DevicePool[];
	usage: DeviceUsage;
	deviceClass(name: string): DeviceClass | undefined;
}

export const alternativesOf = ({ exactly, firstAvailable = [] }: DeviceRequest): Alternative[] => (exactly ? [{ name: "", ...exactly }] : firstAvailable);

export function tolerates({ key, operator = "Equal", value = "", effect }: DeviceToleration, taint: DeviceTaint): boolean {
	if (effect && effect !== taint.effect) return false;
	if (key && key !== taint.key) return false;
	return operator === "Exists" || (key !== undefined && value === (taint.value ?? ""));
}

export const isTolerated = (taint: DeviceTaint, tolerations: readonly DeviceToleration[] | undefined): boolean =>
	(tolerations ?? []).some((toleration) => tolerates(toleration, taint));

const isUsable = ({ device }: PooledDevice, { tolerations }: Alternative): boolean =>
	(device.taints ?? []).every((taint) => (taint.effect !== "NoSchedule" && taint.effect !== "NoExecute") || isTolerated(taint, tolerations));

/** The devices for each claim; or, in kube-scheduler's words, why there are none. */
export function allocate(question: AllocatorQuestion, node: SelectableNode): Allocated[] | string {
	const search = new Search(question, node);
	try {
		return search.from(0, 0) ? search.chosen : (search.problem ?? CANNOT);
	} catch (error) {
		if (error instanceof SelectorFailure) return error.message;
		throw error;
	} finally {
		search.undoAll();
	}
}

class Search {
	readonly chosen: Allocated[] = [];
	/** What an administrator or driver must mend. */
	problem: string | undefined;
	readonly #question: AllocatorQuestion;
	readonly #devices: readonly PooledDevice[];
	readonly #candidates = new Map<Alternative, PooledDevice[]>();
	#tries = 0;

	constructor(question: AllocatorQuestion, node: SelectableNode) {
		this.#question = question;
		this.#devices = question.pools.flatMap(({ devices }) => devices.filter((device) => reachesNode(device, node)));
	}

	from(claim: number, request: number): boolean {
		const wanted = this.#question.claims[claim];
		if (wanted === undefined) return true;
		const next = wanted.spec.devices?.requests?.[request];
		if (next === undefined) return this.from(claim + 1, 0);
		return alternativesOf(next).some((alternative) => {
			const candidates = this.#matching(wanted, next, alternative);
			if (alternative.allocationMode !== "All") return this.#pick(claim, request, alternative, candidates, alternative.count ?? 1, 0);
			if (!this.#canTakeAll(wanted, next, candidates)) return false;
			return this.#pickAll(claim, request, alternative, candidates);
		});
	}

	/** Of the node's devices those that class and request select. */
	#matching({ metadata, spec: _ }: ResourceClaim, { name }: DeviceRequest, alternative: Alternative): PooledDevice[] {
		const known = this.#candidates.get(alternative);
		if (known !== undefined) return known;
		const { deviceClassName } = alternative;
		const selectors = this.#question.deviceClass(deviceClassName)?.spec.selectors;
		const owner = `claim ${metadata.namespace}/${metadata.name}, request ${alternative.name === "" ? name : `${name}/${alternative.name}`}`;
		const found = this.#devices.filter((device) => selects(selectors, device, `class ${deviceClassName}`) && selects(alternative.selectors, device, owner));
		this.#candidates.set(alternative, found);
		return found;
	}

	/** "All" must know them all. */
	#canTakeAll({ metadata }: ResourceClaim, { name }: DeviceRequest, candidates: readonly PooledDevice[]): boolean {
		const bad = candidates.find(({ pool }) => pool.incomplete || pool.invalid)?.pool;
		if (bad !== undefined) {
			const state = bad.invalid ? "currently invalid" : "currently being updated";
			this.problem ??= `claim ${metadata.namespace}/${metadata.name}, request ${name}: asks for all devices, but resource pool ${bad.driver}/${bad.name} is ${state}`;
		}
		return bad === undefined && candidates.length > 0;
	}

	#pickAll(claim: number, request: number, alternative: Alternative, candidates: readonly PooledDevice[]): boolean {
		const before = this.chosen.length;
		const took = candidates.every((device) => this.#take(claim, request, alternative, device));
		if (took && this.from(claim, request + 1)) return true;
		while (this.chosen.length > before) this.#undo();
		return false;
	}

	#pick(claim: number, request: number, alternative: Alternative, candidates: readonly PooledDevice[], left: number, start: number): boolean {
		if (left === 0) return this.from(claim, request + 1);
		for (let index = start; index < candidates.length; index++) {
			const device = candidates[index] as PooledDevice;
			if (device.pool.incomplete || device.pool.invalid) continue;
			if (++this.#tries > TRIES_MAX) return false;
			if (!this.#take(claim, request, alternative, device)) continue;
			if (this.#pick(claim, request, alternative, candidates, left - 1, device.device.allowMultipleAllocations ? index : index + 1)) return true;
			this.#undo();
		}
		return false;
	}

	#take(claim: number, request: number, alternative: Alternative, device: PooledDevice): boolean {
		const { usage, claims } = this.#question;
		const wanted = claims[claim] as ResourceClaim;
		const { adminAccess = false, tolerations } = alternative;
		const next: Chosen = { claim, request: wanted.spec.devices?.requests?.[request]?.name ?? "", alternative: alternative.name, device };
		if (!isUsable(device, alternative) || !isAllowed(wanted.spec.devices?.constraints, this.chosen, next)) return false;
		if (this.#countOf(claim) >= RESULTS_MAX) {
			this.problem ??= `claim ${wanted.metadata.namespace}/${wanted.metadata.name}: number of requested devices exceeds the claim limit of ${RESULTS_MAX}`;
			return false;
		}
		const amounts = consumedCapacity(device.device, alternative.capacity);
		if (amounts === undefined) return false;
		const shared = device.device.allowMultipleAllocations === true && !adminAccess;
		if (!adminAccess && !(shared ? this.#hasRoom(device, amounts) : !usage.taken.has(device.id) && usage.hasCounters(device))) return false;
		this.chosen.push({ ...next, adminAccess, tolerations, consumed: shared ? amounts : undefined });
		if (!adminAccess) this.#use(device, shared ? amounts : undefined);
		return true;
	}

	#hasRoom(device: PooledDevice, amounts: ReadonlyMap<string, bigint>): boolean {
		const { usage } = this.#question;
		if (!usage.taken.has(device.id) && !usage.hasCounters(device)) return false;
		return [...amounts].every(([name, amount]) => usage.consumed(device.id, name) + amount <= nanoOf(device.device.capacity?.[name]?.value ?? "0"));
	}

	#countOf(claim: number): number {
		return this.chosen.filter((one) => one.claim === claim).length;
	}

	#use(device: PooledDevice, amounts: ReadonlyMap<string, bigint> | undefined): void {
		const { usage } = this.#question;
		if (!usage.taken.has(device.id)) {
			usage.count(device, 1n);
			usage.taken.add(device.id);
			this.#own.add(device.id);
		}
		for (const [name, amount] of amounts ?? []) usage.consume(device.id, name, amount);
	}

	/** Devices that nobody had before this search. */
	readonly #own = new Set<string>();

	#undo(): void {
		const last = this.chosen.pop();
		if (last === undefined || last.adminAccess) return;
		const { usage } = this.#question;
		const { device, consumed } = last;
		for (const [name, amount] of consumed ?? []) usage.consume(device.id, name, -amount);
		if (!this.#own.has(device.id) || this.chosen.some((one) => !one.adminAccess && one.device.id === device.id)) return;
		usage.taken.delete(device.id);
		usage.count(device, -1n);
		this.#own.delete(device.id);
	}

	/** The usage as it was: it is asked about for other nodes too. */
	undoAll(): void {
		const found = [...this.chosen];
		while (this.chosen.length > 0) this.#undo();
		this.chosen.push(...found);
	}
}
