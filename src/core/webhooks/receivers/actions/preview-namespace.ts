/** Keeps a namespace for each open pull request: copies of a template namespace's objects, gone when the request is closed. */
import { metaTime } from "../../../controllers/meta-time.ts";
import { dns1123Label } from "../../../meta/name-rules.ts";
import type { Json, JsonObject } from "../../../meta/object.ts";
import type { WebhookPreviewImage, WebhookPreviewNamespaceAction } from "../../../schema/kubernetes.d.ts";
import {
	type ActionContext,
	type ActionResult,
	type Collection,
	FIELD_MANAGER,
	failed,
	isOk,
	refusal,
	resourcePath,
	skipped,
	type Step,
	type StepAnswer,
	type Steps,
	succeeded,
	superseded,
} from "../action.ts";
import { at, isObject, type PullRequest, textAt } from "../sender.ts";
import { applyObject, summary } from "./apply.ts";
import { copyOf, isCopied } from "./preview-copy.ts";
import { WORKLOADS } from "./workload.ts";

/** On a preview: which receiver made it. It deletes no other. */
export const PREVIEW_OF = "events.petrel.dev/preview-of";
export const PULL_REQUEST = "events.petrel.dev/pull-request";
export const COMMIT = "events.petrel.dev/commit";
/** When a namespace is to be deleted, as RFC 3339. */
export const EXPIRES_AT = "events.petrel.dev/expires-at";

/** Objects of one preview. */
export const PREVIEW_OBJECTS_MAX = 200;
const MS_PER_SECOND = 1_000;

/** What others need comes first. */
export const DEFAULT_PREVIEW_RESOURCES = [
	"configmaps",
	"serviceaccounts",
	"roles.rbac.authorization.k8s.io",
	"rolebindings.rbac.authorization.k8s.io",
	"limitranges",
	"resourcequotas",
	"networkpolicies.networking.k8s.io",
	"persistentvolumeclaims",
	"services",
	"deployments.apps",
	"statefulsets.apps",
	"daemonsets.apps",
	"cronjobs.batch",
	"ingresses.networking.k8s.io",
	"horizontalpodautoscalers.autoscaling",
	"poddisruptionbudgets.policy",
] as const;

const NAMESPACES = "/api/v1/namespaces";
const namespacePath = (name: string): string => `${NAMESPACES}/${name}`;
type Part<T> = Generator<Step, T, StepAnswer>;

const ownerText = ({ namespace, receiver }: ActionContext): string => `${namespace}/${receiver}`;
const isResult = <T extends object>(value: T | ActionResult): value is ActionResult => "outcome" in value;

function namespaceObject(spec: WebhookPreviewNamespaceAction, name: string, pullRequest: PullRequest, context: ActionContext): JsonObject {
	const labels = Object.fromEntries(Object.entries(spec.labels ?? {}).map(([key, value]) => [key, context.expressions.text(value)]));
	const annotations: JsonObject = {
		[PREVIEW_OF]: ownerText(context),
		[PULL_REQUEST]: `${pullRequest.repository}#${pullRequest.number}`,
		[COMMIT]: pullRequest.commit,
	};
	if (spec.ttlSeconds !== undefined) annotations[EXPIRES_AT] = metaTime(context.receivedMs + spec.ttlSeconds * MS_PER_SECOND);
	return { apiVersion: "v1", kind: "Namespace", metadata: { name, labels, annotations } };
}

/** Makes the namespace, or writes the new event on it. */
function* keepNamespace(wanted: JsonObject, name: string, context: ActionContext): Part<"created" | "updated" | ActionResult> {
	const found = yield { type: "request", method: "GET", path: namespacePath(name) };
	if (found.code === 404) {
		const created = yield { type: "request", method: "POST", path: NAMESPACES, query: { fieldManager: FIELD_MANAGER }, body: wanted };
		return isOk(created) ? "created" : refusal(created);
	}
	if (!isOk(found)) return refusal(found);
	const problem = foreign(found.body, name, context);
	if (problem !== undefined) return problem;
	if (at(found.body, "metadata", "deletionTimestamp") !== undefined) return failed(`namespace ${name} is still being deleted`, true);
	const body = { metadata: { ...(wanted["metadata"] as JsonObject), resourceVersion: textAt(found.body, "metadata", "resourceVersion") } };
	const path = namespacePath(name);
	const patched = yield {
		type: "request",
		method: "PATCH",
		path,
		query: { fieldManager: FIELD_MANAGER },
		contentType: "application/strategic-merge-patch+json",
		body,
	};
	return isOk(patched) ? "updated" : refusal(patched);
}

function foreign(namespace: Json, name: string, context: ActionContext): ActionResult | undefined {
	const owner = textAt(namespace, "metadata", "annotations", PREVIEW_OF);
	return owner === ownerText(context) ? undefined : failed(`namespace ${name} was not made by this receiver`);
}

/** The template's objects of one collection, with their apiVersion and kind. */
function* originalsOf(resource: string, template: string, names: readonly string[] | undefined): Part<{ objects: JsonObject[] } | ActionResult> {
	const found = yield { type: "resolveResource", resource };
	if (!isOk(found)) return failed(`the server doesn't have a resource type ${JSON.stringify(resource)}`);
	const { apiVersion, kind, plural, namespaced } = found.body as unknown as Collection;
	if (!namespaced) return failed(`${resource} are in no namespace`);
	if (names !== undefined) return yield* namedOf({ apiVersion, kind, plural, namespaced }, template, names);
	const query = { limit: String(PREVIEW_OBJECTS_MAX + 1) };
	const listed = yield { type: "request", method: "GET", path: resourcePath(apiVersion, plural, template), query };
	if (!isOk(listed)) return refusal(listed);
	const items = at(listed.body, "items");
	return { objects: (Array.isArray(items) ? items : []).filter(isObject).map((item) => ({ ...item, apiVersion, kind })) };
}

function* namedOf({ apiVersion, kind, plural }: Collection, template: string, names: readonly string[]): Part<{ objects: JsonObject[] } | ActionResult> {
	const objects: JsonObject[] = [];
	for (const name of names) {
		const found = yield { type: "request", method: "GET", path: resourcePath(apiVersion, plural, template, name) };
		if (!isOk(found)) return refusal(found);
		if (isObject(found.body)) objects.push({ ...found.body, apiVersion, kind });
	}
	return { objects };
}

/** The images that the action sets in a copy. */
function setImages(copy: JsonObject, images: readonly { workload?: string | undefined; container: string; image: string }[]): void {
	const workload = WORKLOADS[textAt(copy, "kind")];
	if (workload === undefined) return;
	const name = textAt(copy, "metadata", "name");
	for (const list of ["containers", "initContainers"]) {
		const containers = at(copy, ...workload.template, "spec", list);
		for (const container of Array.isArray(containers) ? containers.filter(isObject) : []) {
			const set = images.find((one) => one.container === container["name"] && (!one.workload || one.workload === name));
			if (set !== undefined) container["image"] = set.image;
		}
	}
}

function* copyTemplate(spec: WebhookPreviewNamespaceAction, name: string, context: ActionContext): Steps {
	const images = (spec.images ?? []).map((one: WebhookPreviewImage) => ({ ...one, image: context.expressions.text(one.image) }));
	const wanted: { resource: string; names?: readonly string[] }[] = [
		...(spec.secrets?.length ? [{ resource: "secrets", names: spec.secrets }] : []),
		...(spec.resources?.length ? spec.resources : DEFAULT_PREVIEW_RESOURCES).map((resource) => ({ resource })),
	];
	const copies: JsonObject[] = [];
	for (const { resource, names } of wanted) {
		const found = yield* originalsOf(resource, spec.template, names);
		if (isResult(found)) return found;
		copies.push(...found.objects.filter(isCopied).map((object) => copyOf(object, spec.template, name)));
		if (copies.length > PREVIEW_OBJECTS_MAX) return failed(`the template has more than ${PREVIEW_OBJECTS_MAX} objects`);
	}
	const results: ActionResult[] = [];
	for (const copy of copies) {
		setImages(copy, images);
		results.push(yield* applyObject(copy, name, { fieldManager: FIELD_MANAGER, force: true }));
	}
	return results.length === 0 ? failed(`the template namespace ${spec.template} has no objects`) : summary(results, "copied");
}

function* removeNamespace(name: string, context: ActionContext): Steps {
	const found = yield { type: "request", method: "GET", path: namespacePath(name) };
	if (found.code === 404) return succeeded(`namespace ${name} is gone already`);
	if (!isOk(found)) return refusal(found);
	const problem = foreign(found.body, name, context);
	if (problem !== undefined) return problem;
	if (at(found.body, "metadata", "deletionTimestamp") !== undefined) return succeeded(`namespace ${name} is being deleted already`);
	const body = { apiVersion: "v1", kind: "DeleteOptions", preconditions: { uid: textAt(found.body, "metadata", "uid") } };
	const deleted = yield { type: "request", method: "DELETE", path: namespacePath(name), body };
	return isOk(deleted) || deleted.code === 404 ? succeeded(`namespace ${name} deleted`) : refusal(deleted);
}

export function* previewNamespace(spec: WebhookPreviewNamespaceAction, context: ActionContext): Steps {
	const { pullRequest, timeMs } = context.event;
	if (pullRequest === undefined) return skipped("the event is none of a pull request that a preview follows");
	const name = context.expressions.text(spec.name);
	const [problem] = dns1123Label(name);
	if (problem !== undefined) return failed(`the preview's name ${JSON.stringify(name)} is none: ${problem}`);
	if (name === spec.template) return failed("the preview has its template's name");
	if (timeMs !== undefined) {
		// A late event would bring back what a later one has deleted.
		const order = yield { type: "order", subject: `preview/${name}`, timeMs };
		if (!isOk(order)) return superseded(`namespace ${name} follows a later event of the pull request`);
	}
	if (pullRequest.action === "closed") return yield* removeNamespace(name, context);
	const kept = yield* keepNamespace(namespaceObject(spec, name, pullRequest, context), name, context);
	if (typeof kept !== "string") return kept;
	const copied = yield* copyTemplate(spec, name, context);
	return { ...copied, message: `namespace ${name} ${kept}: ${copied.message}` };
}
