/** Notifications of OCI registries (CNCF Distribution and what follows it): an envelope of events, with an Authorization header. */
import type { Json } from "../../../meta/object.ts";
import { at, EVENTS_MAX, known, momentOf, type PushedImage, type Sender, type SenderEvent, SenderRefused, textAt, verifyAuthorization } from "../sender.ts";

const MANIFEST = /^application\/vnd\.(docker\.distribution\.manifest|oci\.image\.(manifest|index))\./;

/** Layers are pushed too: they are no images. */
function imageOf(event: Json): PushedImage | undefined {
	const target = at(event, "target");
	const digest = textAt(target, "digest");
	const name = textAt(target, "repository");
	if (textAt(event, "action") !== "push" || name === "" || !MANIFEST.test(textAt(target, "mediaType"))) return undefined;
	const host = textAt(event, "request", "host");
	return { repository: host === "" ? name : `${host}/${name}`, tag: textAt(target, "tag"), digest };
}

const readEvent = (event: Json): SenderEvent => ({
	id: textAt(event, "id"),
	type: textAt(event, "action"),
	...known("timeMs", momentOf(textAt(event, "timestamp"))),
	...known("image", imageOf(event)),
});

export const registry: Sender = {
	async verify(incoming, context) {
		await verifyAuthorization(incoming, context);
		return { id: "" };
	},
	read(payload) {
		const events = at(payload, "events");
		if (!Array.isArray(events)) throw new SenderRefused("the payload is no envelope of a registry: events is missing");
		if (events.length > EVENTS_MAX) throw new SenderRefused(`the envelope has more than ${EVENTS_MAX} events`);
		return { events: events.map(readEvent) };
	},
};
