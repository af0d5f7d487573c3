/** Rolls a workload to the image that was pushed. */
import { metaTime } from "../../../controllers/meta-time.ts";
import type { Json, JsonObject } from "../../../meta/object.ts";
import type { WebhookSetImageAction } from "../../../schema/kubernetes.d.ts";
import {
	type ActionContext,
	type ActionResult,
	CONFLICT_TRIES,
	FIELD_MANAGER,
	failed,
	isOk,
	refusal,
	skipped,
	type Steps,
	succeeded,
	superseded,
} from "../action.ts";
import { isPattern, matchesPattern } from "../pattern.ts";
import { textAt } from "../sender.ts";
import { referenceOf } from "../templates.ts";
import { RESTARTED_AT } from "./restart.ts";
import { type FoundContainer, findContainer, inTemplate, templateOf, workloadPath, workloadText } from "./workload.ts";

/** On the workload: when the images that receivers have set were pushed, as JSON by container. What was pushed earlier and comes later is passed over. */
export const IMAGE_TIMES = "events.petrel.dev/image-times";

interface Wanted {
	image: string;
	/** A tag may have been pushed anew without changing its name: pods are to be made again. */
	isByTag: boolean;
}

/** The repository with its host, as the filter wants it: senders do not always know under which host nodes pull. */
function matchesRepository(pattern: string, repository: string): boolean {
	if (matchesPattern(pattern, repository)) return true;
	const slash = repository.indexOf("/");
	return slash > 0 && matchesPattern(pattern, repository.slice(slash + 1));
}

/** The image to be set, or why there is none in this event. */
function wantedImage({ repository, tag, image }: WebhookSetImageAction, { event, expressions }: ActionContext): Wanted | ActionResult {
	const pushed = event.image;
	if (pushed === undefined && (repository || tag || !image)) return skipped("the event is no push of an image");
	if (pushed !== undefined) {
		if (repository && !matchesRepository(repository, pushed.repository)) return skipped(`repository ${pushed.repository} is not ${repository}`);
		if (tag && !matchesPattern(tag, pushed.tag)) return skipped(`tag ${JSON.stringify(pushed.tag)} is not ${tag}`);
	}
	if (image) {
		const value = expressions.value(image);
		if (typeof value !== "string" || value === "") return failed(`image is ${JSON.stringify(value)}: it must be a text`);
		return { image: value, isByTag: false };
	}
	if (pushed === undefined) return skipped("the event is no push of an image");
	// A filter that names the registry's host says where nodes pull from.
	const named = repository && !isPattern(repository) && repository.endsWith(pushed.repository) ? repository : pushed.repository;
	return { image: referenceOf({ ...pushed, repository: named }), isByTag: pushed.digest === "" };
}

/** The times by container; what is no such JSON counts as none. */
function imageTimes(object: Json): JsonObject {
	try {
		const times = JSON.parse(textAt(object, "metadata", "annotations", IMAGE_TIMES)) as Json;
		return typeof times === "object" && times !== null && !Array.isArray(times) ? times : {};
	} catch {
		return {};
	}
}

function patchFor(
	{ workload }: WebhookSetImageAction,
	object: Json,
	container: FoundContainer,
	wanted: Wanted,
	{ event, receivedMs }: ActionContext,
): JsonObject {
	const metadata: JsonObject = { resourceVersion: textAt(object, "metadata", "resourceVersion") };
	if (event.timeMs !== undefined)
		metadata["annotations"] = { [IMAGE_TIMES]: JSON.stringify({ ...imageTimes(object), [container.name]: new Date(event.timeMs).toISOString() }) };
	const template: JsonObject = { spec: { [container.list]: [{ name: container.name, image: wanted.image }] } };
	if (wanted.isByTag && container.image === wanted.image) template["metadata"] = { annotations: { [RESTARTED_AT]: metaTime(event.timeMs ?? receivedMs) } };
	return { metadata, ...inTemplate(workload, template) };
}

export function* setImage(spec: WebhookSetImageAction, context: ActionContext): Steps {
	const wanted = wantedImage(spec, context);
	if ("outcome" in wanted) return wanted;
	const path = workloadPath(spec.workload, context.namespace);
	const what = workloadText(spec.workload);
	for (let tries = 1; ; tries++) {
		const found = yield { type: "request", method: "GET", path };
		if (!isOk(found)) return refusal(found);
		const container = findContainer(templateOf(spec.workload, found.body), spec.container);
		if (typeof container === "string") return failed(`${what}: ${container}`);
		const known = Date.parse(String(imageTimes(found.body)[container.name]));
		const { timeMs } = context.event;
		if (timeMs !== undefined && known > timeMs) return superseded(`${what} has an image that was pushed later`);
		const isKnown = timeMs === undefined ? !wanted.isByTag : known === timeMs;
		if (container.image === wanted.image && isKnown) return succeeded(`${what} has image ${wanted.image} already`);
		const body = patchFor(spec, found.body, container, wanted, context);
		const patched = yield {
			type: "request",
			method: "PATCH",
			path,
			query: { fieldManager: FIELD_MANAGER },
			contentType: "application/strategic-merge-patch+json",
			body,
		};
		if (isOk(patched)) return succeeded(`${what} image set to ${wanted.image}`);
		if (patched.code !== 409 || tries >= CONFLICT_TRIES) return refusal(patched);
	}
}
