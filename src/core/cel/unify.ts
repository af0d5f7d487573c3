/** Which types may stand for which, and what type parameters come to stand for (cel-go checker/types.go). */
import { type CelType, DYN } from "./types.ts";

type Bindings = ReadonlyMap<string, CelType>;

const NULLABLE: ReadonlySet<CelType["kind"]> = new Set(["object", "opaque", "duration", "timestamp", "null", "optional"]);

/** What the type's parameters stand for, all the way down; those that stand for nothing are dyn where `free` is so. */
export function substitute(type: CelType, bindings: Bindings, free: "dyn" | "kept"): CelType {
	switch (type.kind) {
		case "parameter": {
			const bound = bindings.get(type.name);
			return bound === undefined ? (free === "dyn" ? DYN : type) : substitute(bound, bindings, free);
		}
		case "list":
			return { ...type, element: substitute(type.element, bindings, free) };
		case "map":
			return { ...type, key: substitute(type.key, bindings, free), value: substitute(type.value, bindings, free) };
		case "optional":
			return { ...type, value: substitute(type.value, bindings, free) };
		case "type":
			return { ...type, of: substitute(type.of, bindings, free) };
		default:
			return type;
	}
}

function occursIn(name: string, type: CelType): boolean {
	switch (type.kind) {
		case "parameter":
			return type.name === name;
		case "list":
			return occursIn(name, type.element);
		case "map":
			return occursIn(name, type.key) || occursIn(name, type.value);
		case "optional":
			return occursIn(name, type.value);
		case "type":
			return occursIn(name, type.of);
		default:
			return false;
	}
}

const isLoose = (type: CelType): boolean => type.kind === "dyn" || type.kind === "error";

class Unifier {
	readonly bindings: Map<string, CelType>;

	constructor(bindings: Bindings) {
		this.bindings = new Map(bindings);
	}

	/** Whether a value of `given` may be where `wanted` is. */
	assign(wanted: CelType, given: CelType): boolean {
		const [to, from] = [this.#resolved(wanted), this.#resolved(given)];
		if (to.kind === "parameter") return this.#bind(to.name, from);
		if (from.kind === "parameter") return this.#bind(from.name, to);
		if (isLoose(to) || isLoose(from)) return true;
		if (from.kind === "null") return NULLABLE.has(to.kind);
		if (to.kind === "null") return NULLABLE.has(from.kind);
		return this.#same(to, from);
	}

	#resolved(type: CelType): CelType {
		let result = type;
		for (let bound: CelType | undefined = type; bound?.kind === "parameter"; ) {
			bound = this.bindings.get(bound.name);
			if (bound !== undefined) result = bound;
		}
		return result;
	}

	#bind(name: string, type: CelType): boolean {
		if (type.kind === "parameter" && type.name === name) return true;
		const whole = substitute(type, this.bindings, "kept");
		if (occursIn(name, whole)) return false;
		this.bindings.set(name, whole);
		return true;
	}

	#same(to: CelType, from: CelType): boolean {
		if (to.kind === "list" && from.kind === "list") return this.assign(to.element, from.element);
		if (to.kind === "map" && from.kind === "map") return this.assign(to.key, from.key) && this.assign(to.value, from.value);
		if (to.kind === "optional" && from.kind === "optional") return this.assign(to.value, from.value);
		if ((to.kind === "opaque" && from.kind === "opaque") || (to.kind === "object" && from.kind === "object")) return to.name === from.name;
		return to.kind === from.kind;
	}
}

/** The parameters' types with which each given type may stand where the wanted one does; undefined where none do. */
export function assignable(wanted: readonly CelType[], given: readonly CelType[], bindings: Bindings): Bindings | undefined {
	const unifier = new Unifier(bindings);
	return wanted.every((type, index) => unifier.assign(type, given[index] as CelType)) ? unifier.bindings : undefined;
}

/** Of two types that stand for each other, the one that says less. */
export function mostGeneral(a: CelType, b: CelType): CelType {
	return isLoose(b) || (a.kind === "null" && b.kind !== "null") ? b : a;
}
