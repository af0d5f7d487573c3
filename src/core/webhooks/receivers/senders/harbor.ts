/** Harbor: an Authorization header; payloads in its own format or as structured CloudEvents. */
import type { Json } from "../../../meta/object.ts";
import { at, EVENTS_MAX, known, momentOf, type PushedImage, secondsOf, type Sender, SenderRefused, textAt, verifyAuthorization } from "../sender.ts";

const PUSHES: ReadonlySet<string> = new Set(["PUSH_ARTIFACT", "harbor.artifact.pushed"]);

/** resource_url is "harbor.example.com/library/debian:latest", or ends with the digest where there is no tag. */
function imageOf(resource: Json): PushedImage {
	const repository = textAt(resource, "resource_url")
		.replace(/@sha256:[0-9a-f]*$/, "")
		.replace(/:[^/]*$/, "");
	const tag = textAt(resource, "tag");
	return { repository, tag: tag.startsWith("sha256:") ? "" : tag, digest: textAt(resource, "digest") };
}

export const harbor: Sender = {
	async verify(incoming, context) {
		await verifyAuthorization(incoming, context);
		return { id: "" };
	},
	read(payload) {
		const isCloudEvent = textAt(payload, "specversion") !== "";
		const type = textAt(payload, "type");
		if (type === "") throw new SenderRefused("the payload is not one of Harbor's: type is missing");
		const resources = isCloudEvent ? at(payload, "data", "resources") : at(payload, "event_data", "resources");
		const timeMs = isCloudEvent ? momentOf(textAt(payload, "time")) : secondsOf(at(payload, "occur_at"));
		const id = textAt(payload, "id");
		const all = Array.isArray(resources) ? resources : [];
		if (all.length > EVENTS_MAX) throw new SenderRefused(`the payload has more than ${EVENTS_MAX} resources`);
		const head = { type, ...known("timeMs", timeMs) };
		if (!PUSHES.has(type) || all.length === 0) return { events: [{ id, ...head }] };
		return { events: all.map((resource, index) => ({ id: all.length === 1 || id === "" ? id : `${id}/${index}`, ...head, image: imageOf(resource) })) };
	},
};
