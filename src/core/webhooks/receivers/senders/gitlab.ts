/**
 * GitLab: X-Gitlab-Token is the secret itself; a webhook that has a signing token signs as Standard Webhooks says, and then
 * the signature counts.
 */
import type { Json } from "../../../meta/object.ts";
import { at, isSecret, known, momentOf, type PullRequest, type Sender, SenderRefused, textAt } from "../sender.ts";
import { standardWebhooks } from "./standard-webhooks.ts";

const ACTIONS: Readonly<Record<string, PullRequest["action"]>> = {
	open: "opened",
	reopen: "opened",
	update: "updated",
	approved: "updated",
	unapproved: "updated",
	close: "closed",
	merge: "closed",
};

function pullRequestOf(payload: Json): PullRequest | undefined {
	const attributes = at(payload, "object_attributes");
	const action = ACTIONS[textAt(attributes, "action")];
	const number = at(attributes, "iid");
	if (action === undefined || typeof number !== "number") return undefined;
	return {
		number,
		action,
		repository: textAt(payload, "project", "path_with_namespace"),
		branch: textAt(attributes, "source_branch"),
		commit: textAt(attributes, "last_commit", "id"),
		title: textAt(attributes, "title"),
	};
}

export const gitlab: Sender = {
	async verify(incoming, context) {
		const { headers } = incoming;
		if (headers["webhook-signature"] !== undefined) return standardWebhooks.verify(incoming, context);
		const token = headers["x-gitlab-token"];
		if (token === undefined) throw new SenderRefused("the request has neither an X-Gitlab-Token nor a webhook-signature header");
		if (!(await isSecret(token, context))) throw new SenderRefused("X-Gitlab-Token is not the receiver's secret");
		const id = headers["idempotency-key"] || headers["x-gitlab-event-uuid"] || "";
		return { id, ...(id === "" ? {} : { replayKey: `id/${id}` }) };
	},
	read(payload, _headers, { id }) {
		const type = textAt(payload, "object_kind") || textAt(payload, "event_name");
		const pullRequest = type === "merge_request" ? pullRequestOf(payload) : undefined;
		const timeMs = momentOf(textAt(payload, "object_attributes", "updated_at"));
		return { events: [{ id, type, ...known("timeMs", timeMs), ...known("pullRequest", pullRequest) }] };
	},
};
