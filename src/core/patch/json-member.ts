import type { Json, JsonObject } from "../meta/object.ts";

/** Sets a member of an object, also one called `__proto__`, which an assignment would not make a member. */
export function setMember(object: JsonObject, name: string, value: Json): void {
	if (name !== "__proto__") object[name] = value;
	else Object.defineProperty(object, name, { value, writable: true, enumerable: true, configurable: true });
}
