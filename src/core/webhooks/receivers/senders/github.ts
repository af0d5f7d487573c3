/** GitHub: X-Hub-Signature-256 is the HMAC of the body; images pushed to its container registry come as `package` events. */
import type { Json } from "../../../meta/object.ts";
import { hexToBytes } from "../encodings.ts";
import { at, isObject, isSigned, known, momentOf, type PullRequest, type PushedImage, type Sender, SenderRefused, textAt } from "../sender.ts";

const HEADER = "x-hub-signature-256";
const PREFIX = "sha256=";

const ACTIONS: Readonly<Record<string, PullRequest["action"]>> = {
	opened: "opened",
	reopened: "opened",
	ready_for_review: "updated",
	synchronize: "updated",
	edited: "updated",
	labeled: "updated",
	unlabeled: "updated",
	closed: "closed",
};

function pullRequestOf(payload: Json): PullRequest | undefined {
	const action = ACTIONS[textAt(payload, "action")];
	const number = at(payload, "pull_request", "number");
	if (action === undefined || typeof number !== "number") return undefined;
	return {
		number,
		action,
		repository: textAt(payload, "repository", "full_name"),
		branch: textAt(payload, "pull_request", "head", "ref"),
		commit: textAt(payload, "pull_request", "head", "sha"),
		title: textAt(payload, "pull_request", "title"),
	};
}

/** `package` and `registry_package` say the same in members of the same name as the event. */
function imageOf(payload: Json, type: string): PushedImage | undefined {
	const version = at(payload, type, "package_version");
	const action = textAt(payload, "action");
	if (textAt(payload, type, "package_type").toLowerCase() !== "container" || (action !== "published" && action !== "updated") || !isObject(version))
		return undefined;
	// "ghcr.io/octo/app:latest"; of what has no tag "ghcr.io/octo/app:" or the repository alone.
	const repository = textAt(version, "package_url")
		.replace(/^https:\/\//, "")
		.replace(/(:[^/]*)?$/, "");
	const digest = textAt(version, "container_metadata", "tag", "digest") || textAt(version, "version");
	return { repository, tag: textAt(version, "container_metadata", "tag", "name"), digest: digest.startsWith("sha256:") ? digest : "" };
}

const timeOf = (payload: Json, type: string): number | undefined =>
	momentOf(textAt(payload, "pull_request", "updated_at") || textAt(payload, type, "package_version", "updated_at") || textAt(payload, type, "updated_at"));

export const github: Sender = {
	async verify({ headers, body }, context) {
		const header = headers[HEADER];
		if (header === undefined) throw new SenderRefused("the request has no X-Hub-Signature-256 header");
		const signature = header.startsWith(PREFIX) ? hexToBytes(header.slice(PREFIX.length)) : undefined;
		if (signature === undefined || !(await isSigned("SHA-256", body, signature, context)))
			throw new SenderRefused("the signature in X-Hub-Signature-256 is not one of this body by the receiver's secret");
		return { id: headers["x-github-delivery"] ?? "" };
	},
	read(payload, headers, { id }) {
		const type = headers["x-github-event"] ?? "";
		if (type === "ping") return { events: [], ping: true };
		const pullRequest = type === "pull_request" ? pullRequestOf(payload) : undefined;
		const image = type === "package" || type === "registry_package" ? imageOf(payload, type) : undefined;
		return { events: [{ id, type, ...known("timeMs", timeOf(payload, type)), ...known("image", image), ...known("pullRequest", pullRequest) }] };
	},
};
