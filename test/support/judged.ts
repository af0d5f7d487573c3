/** Takes bodies through a kind's hooks as the server does, and says in upstream's words what is wrong with them. */
import { fieldErrorText } from "../../src/core/errors/field-error.ts";
import { apiVersionOf, type HookContext, type KindDefinition } from "../../src/core/kinds/define-kind.ts";
import { builtinKinds } from "../../src/core/kinds/registry.ts";
import type { JsonObject, KubeObject } from "../../src/core/meta/object.ts";
import { builtinSchema } from "../../src/core/schema/builtin-schema.ts";
import { decodeObject } from "../../src/core/schema/decode.ts";

export const CONTEXT: HookContext = { nowMs: Date.UTC(2026, 0, 1), suffix: (length) => "x".repeat(length), user: { name: "jane", groups: ["devs"] } };

export function kindNamed(name: string): KindDefinition {
	const kind = builtinKinds.all().find((one) => one.kind === name);
	if (!kind) throw new Error(`no kind ${name}`);
	return kind;
}

function decoded(kind: KindDefinition, body: object): KubeObject {
	const whole = { apiVersion: apiVersionOf(kind), kind: kind.kind, metadata: { name: "a" }, ...body } as JsonObject;
	const object = decodeObject(builtinSchema, kind.schema, structuredClone(whole)).object as unknown as KubeObject;
	kind.defaults?.(object);
	return object;
}

/** The object as it is stored when `body` is created. */
export function created<T = KubeObject>(name: string, body: object): T {
	const kind = kindNamed(name);
	const object = decoded(kind, body);
	kind.prepareCreate?.(object, CONTEXT);
	kind.defaults?.(object);
	return object as T;
}

export const refusals = (name: string, body: object): string[] => kindNamed(name).validate(created(name, body)).map(fieldErrorText);

/** What is wrong with replacing what `old` made by `body`, beyond what is wrong with `body` itself. */
export function updateRefusals(name: string, old: object, body: object, subresource?: string): string[] {
	const kind = kindNamed(name);
	const before = created(name, old);
	const next = decoded(kind, body);
	const view = subresource === "status" ? kind.subresources?.status : kind.subresources?.object?.[subresource ?? ""];
	if (subresource === undefined) kind.prepareUpdate?.(next, before, CONTEXT);
	else view?.prepareUpdate(next, before, CONTEXT);
	const errors = subresource === undefined ? kind.validateUpdate?.(next, before) : view?.validateUpdate?.(next, before);
	return (errors ?? []).map(fieldErrorText);
}

/** The cells of the object's row, ages left out. */
export const cells = (name: string, object: KubeObject): Record<string, unknown> =>
	Object.fromEntries(
		kindNamed(name)
			.columns.filter((column) => column.name !== "Age")
			.map((column) => [column.name, column.cell(object, { nowMs: CONTEXT.nowMs })]),
	);
