/** kubernetes.Quantity (k8s.io/apiserver/pkg/cel/library/quantity.go). */
import { traversal } from "../call-cost.ts";
import { fn, method, type Overload } from "../functions.ts";
import { addQuantities, compareQuantities, isQuantity, parseQuantity, type Quantity, quantityOf, subtractQuantities } from "../../quantity/quantity.ts";
import { CelFailure, INT_MAX, INT_MIN, Opaque } from "../values.ts";

const NANO = 10n ** 9n;

export class QuantityValue extends Opaque {
	readonly typeName = "kubernetes.Quantity";
	readonly quantity: Quantity;

	constructor(quantity: Quantity) {
		super();
		this.quantity = quantity;
	}

	equals(other: Opaque): boolean {
		return other instanceof QuantityValue && compareQuantities(this.quantity, other.quantity) === 0;
	}
}

function parsed(text: string): QuantityValue {
	try {
		return new QuantityValue(parseQuantity(text));
	} catch (error) {
		throw new CelFailure((error as Error).message);
	}
}

const isInteger = ({ nano }: Quantity): boolean => nano % NANO === 0n && nano / NANO <= INT_MAX && nano / NANO >= INT_MIN;

function asInteger({ quantity }: QuantityValue): bigint {
	if (!isInteger(quantity)) throw new CelFailure("cannot convert value to integer");
	return quantity.nano / NANO;
}

const order = (a: QuantityValue, b: QuantityValue): number => compareQuantities(a.quantity, b.quantity);
const sum = (a: QuantityValue, b: Quantity): QuantityValue => new QuantityValue(addQuantities(a.quantity, b));
const difference = (a: QuantityValue, b: Quantity): QuantityValue => new QuantityValue(subtractQuantities(a.quantity, b));

const Q = "kubernetes.Quantity";

export const QUANTITIES: readonly Overload[] = [
	fn(`quantity(string) -> ${Q}`, parsed, traversal),
	fn("isQuantity(string) -> bool", isQuantity, traversal),
	method(`${Q}.sign() -> int`, ({ quantity: { nano } }: QuantityValue) => (nano > 0n ? 1n : nano < 0n ? -1n : 0n)),
	method(`${Q}.isInteger() -> bool`, ({ quantity }: QuantityValue) => isInteger(quantity)),
	method(`${Q}.asInteger() -> int`, asInteger),
	method(`${Q}.asApproximateFloat() -> double`, ({ quantity: { nano } }: QuantityValue) => Number(nano) / 1e9),
	method(`${Q}.isGreaterThan(${Q}) -> bool`, (a: QuantityValue, b: QuantityValue) => order(a, b) > 0),
	method(`${Q}.isLessThan(${Q}) -> bool`, (a: QuantityValue, b: QuantityValue) => order(a, b) < 0),
	method(`${Q}.compareTo(${Q}) -> int`, (a: QuantityValue, b: QuantityValue) => BigInt(order(a, b))),
	method(`${Q}.add(${Q}) -> ${Q}`, (a: QuantityValue, b: QuantityValue) => sum(a, b.quantity)),
	method(`${Q}.add(int) -> ${Q}`, (a: QuantityValue, b: bigint) => sum(a, quantityOf(b))),
	method(`${Q}.sub(${Q}) -> ${Q}`, (a: QuantityValue, b: QuantityValue) => difference(a, b.quantity)),
	method(`${Q}.sub(int) -> ${Q}`, (a: QuantityValue, b: bigint) => difference(a, quantityOf(b))),
];
