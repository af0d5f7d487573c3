/** Applies manifests, out of the payload or from a URL, server-side. */
import { parseYamlDocuments } from "../../../codec/yaml.ts";
import type { Json, JsonObject } from "../../../meta/object.ts";
import type { WebhookApplyAction } from "../../../schema/kubernetes.d.ts";
import {
	type ActionContext,
	type ActionResult,
	type Collection,
	FIELD_MANAGER,
	failed,
	isOk,
	isPathName,
	refusal,
	resourcePath,
	type Step,
	type StepAnswer,
	type Steps,
	succeeded,
} from "../action.ts";
import { isObject, textAt } from "../sender.ts";

/** Objects of one delivery. */
export const APPLY_OBJECTS_MAX = 100;
/** Failures that the message tells of by name. */
const TOLD_MAX = 3;

/** The objects of a text, an object, a list of objects or a List. Throws an Error that says what is wrong. */
export function manifestsOf(value: Json): JsonObject[] {
	if (typeof value === "string") return parseYamlDocuments(value).flatMap(manifestsOf);
	if (Array.isArray(value)) return value.flatMap(manifestsOf);
	if (!isObject(value)) throw new Error(`a manifest is ${JSON.stringify(value)}: it must be an object`);
	const items = value["items"];
	if (textAt(value, "kind").endsWith("List") && Array.isArray(items)) return items.flatMap(manifestsOf);
	return [value];
}

export function* applyObject(
	object: JsonObject,
	namespace: string,
	{ fieldManager, force }: { fieldManager: string; force: boolean },
): Generator<Step, ActionResult, StepAnswer> {
	const apiVersion = textAt(object, "apiVersion");
	const kind = textAt(object, "kind");
	const name = textAt(object, "metadata", "name");
	if (apiVersion === "" || kind === "") return failed("a manifest has no apiVersion or no kind");
	if (!isPathName(name)) return failed(`${kind}: metadata.name ${JSON.stringify(name)} is none`);
	const found = yield { type: "resolve", apiVersion, kind };
	if (!isOk(found)) return failed(`no matches for kind ${JSON.stringify(kind)} in version ${JSON.stringify(apiVersion)}`);
	const { plural, namespaced } = found.body as unknown as Collection;
	const where = namespaced ? textAt(object, "metadata", "namespace") || namespace : "";
	if (where !== "" && !isPathName(where)) return failed(`${kind} ${name}: metadata.namespace ${JSON.stringify(where)} is none`);
	const path = resourcePath(apiVersion, plural, where, name);
	const query = { fieldManager, ...(force ? { force: "true" } : {}) };
	const answer = yield { type: "request", method: "PATCH", path, query, contentType: "application/apply-patch+yaml", body: object };
	if (isOk(answer)) return succeeded(`${plural}/${name}`);
	const { message, retryable } = refusal(answer);
	return failed(`${plural}/${name}: ${message}`, retryable);
}

/** One result of many: what went well by its number, what did not by its name. */
export function summary(results: readonly ActionResult[], verb: string): ActionResult {
	const failures = results.filter(({ outcome }) => outcome === "Failed");
	const done = results.length - failures.length;
	if (failures.length === 0) return succeeded(results.length === 1 ? `${results[0]?.message} ${verb}` : `${done} objects ${verb}`);
	const told = failures.slice(0, TOLD_MAX).map(({ message }) => message);
	const more = failures.length > told.length ? `; and ${failures.length - told.length} more` : "";
	return failed(
		`${done} of ${results.length} objects ${verb}: ${told.join("; ")}${more}`,
		failures.every(({ retryable }) => retryable),
	);
}

function* sourceOf({ manifests, url }: WebhookApplyAction, { expressions }: ActionContext): Generator<Step, { value: Json } | ActionResult, StepAnswer> {
	if (!url) return { value: expressions.value(manifests ?? "") };
	const fetched = yield { type: "fetch", url: expressions.text(url) };
	return isOk(fetched) ? { value: fetched.body } : refusal(fetched);
}

export function* apply(spec: WebhookApplyAction, context: ActionContext): Steps {
	const source = yield* sourceOf(spec, context);
	if ("outcome" in source) return source;
	let objects: JsonObject[];
	try {
		objects = manifestsOf(source.value);
	} catch (error) {
		return failed((error as Error).message);
	}
	if (objects.length === 0) return failed("there are no manifests");
	if (objects.length > APPLY_OBJECTS_MAX) return failed(`there are ${objects.length} manifests, more than ${APPLY_OBJECTS_MAX}`);
	const results: ActionResult[] = [];
	const options = { fieldManager: spec.fieldManager || FIELD_MANAGER, force: spec.force === true };
	for (const object of objects) results.push(yield* applyObject(object, spec.namespace || context.namespace, options));
	return summary(results, "applied");
}
