/** Device selectors: CEL over `device` (k8s.io/dynamic-resource-allocation/cel). */
import { Environment, type Program } from "../cel/environment.ts";
import { QuantityValue } from "../cel/library/quantities.ts";
import { parseSemver } from "../cel/library/semver.ts";
import { untypedValue } from "../cel/json-value.ts";
import { BOOL, DYN, mapOf, objectType, opaque, STRING } from "../cel/types.ts";
import { CelError, CelMap, type CelValue, LiteralMap } from "../cel/values.ts";
import { parseQuantity } from "../quantity/quantity.ts";
import type { DeviceAttribute, DeviceSelector } from "../schema/kubernetes.d.ts";
import type { PooledDevice } from "./device-pools.ts";

/** Expressions kept compiled; the one not used for longest makes room. */
const PROGRAMS_MAX = 64;

const DEVICE = objectType("kubernetes.DRADevice", {
	driver: STRING,
	attributes: mapOf(STRING, mapOf(STRING, DYN)),
	capacity: mapOf(STRING, mapOf(STRING, opaque("kubernetes.Quantity"))),
	allowMultipleAllocations: BOOL,
});
const ENVIRONMENT = new Environment({ variables: { device: DEVICE } });
const NOTHING = new LiteralMap([]);

/** By domain: one that a device says nothing of is empty, so that `in` and has() can ask of it. */
class ByDomain extends CelMap {
	readonly #domains: ReadonlyMap<string, CelMap>;

	constructor(driver: string, entries: readonly (readonly [string, CelValue])[]) {
		super();
		const parts = entries.map(([key, value]) => [...(key.includes("/") ? key.split("/") : [driver, key]), value] as [string, string, CelValue]);
		const grouped = Map.groupBy(parts, ([domain]) => domain);
		this.#domains = new Map([...grouped].map(([domain, named]) => [domain, new LiteralMap(named.map(([, name, value]) => [name, value]))]));
	}

	get size(): number {
		return this.#domains.size;
	}

	keys(): Iterable<CelValue> {
		return this.#domains.keys();
	}

	get(key: CelValue): CelValue {
		return (typeof key === "string" ? this.#domains.get(key) : undefined) ?? NOTHING;
	}
}

function attributeValue({ version, ...other }: DeviceAttribute): CelValue {
	if (version !== undefined) return parseSemver(version);
	return untypedValue((Object.values(other).find((value) => value !== undefined) ?? null) as never);
}

function deviceValue({ driver, device }: PooledDevice): CelValue {
	const attributes = Object.entries(device.attributes ?? {}).map(([name, attribute]) => [name, attributeValue(attribute)] as const);
	const capacity = Object.entries(device.capacity ?? {}).map(([name, { value }]) => [name, new QuantityValue(parseQuantity(value))] as const);
	return new LiteralMap([
		["driver", driver],
		["attributes", new ByDomain(driver, attributes)],
		["capacity", new ByDomain(driver, capacity)],
		["allowMultipleAllocations", device.allowMultipleAllocations ?? false],
	]);
}

/** Of a selector that does not compile, or has no answer for a device: nothing can be allocated by it. */
export class SelectorFailure extends Error {}

interface Compiled {
	program: Program;
	/** What it has said of devices. */
	answers: WeakMap<PooledDevice, boolean>;
}

const programs = new Map<string, Compiled>();
const values = new WeakMap<PooledDevice, CelValue>();

function compiled(expression: string): Compiled {
	const known = programs.get(expression) ?? { program: ENVIRONMENT.compile(expression), answers: new WeakMap() };
	programs.delete(expression);
	programs.set(expression, known);
	const oldest = programs.size > PROGRAMS_MAX ? programs.keys().next().value : undefined;
	if (oldest !== undefined) programs.delete(oldest);
	return known;
}

function answer(expression: string, device: PooledDevice): boolean {
	const { program, answers } = compiled(expression);
	const known = answers.get(device);
	if (known !== undefined) return known;
	const value = values.get(device) ?? deviceValue(device);
	values.set(device, value);
	const result = program.evaluate((name) => (name === "device" ? value : undefined)).value;
	if (result instanceof CelError) throw new Error(`CEL runtime error: ${result.message}`);
	answers.set(device, result === true);
	return result === true;
}

/** @throws SelectorFailure; `owner` says whose the selectors are */
export function selects(selectors: readonly DeviceSelector[] | undefined, device: PooledDevice, owner: string): boolean {
	return (selectors ?? []).every(({ cel }, index) => {
		try {
			return answer(cel?.expression ?? "", device);
		} catch (error) {
			throw new SelectorFailure(`${owner}: selector #${index}: ${(error as Error).message}`);
		}
	});
}
