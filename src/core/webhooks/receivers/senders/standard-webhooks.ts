/** Standard Webhooks (standardwebhooks.com): id, timestamp and body signed together, by HMAC (v1) or Ed25519 (v1a). */
import { ID_HEADER, messageProblem, parseWebhookKey, type WebhookKey } from "../../standard-webhooks.ts";
import { known, momentOf, type Sender, SenderRefused, textAt } from "../sender.ts";

const decoder = new TextDecoder();

/** A secret without a prefix is the base64 that is otherwise behind "whsec_". What is no key signs nothing. */
function keysOf(secrets: readonly Uint8Array[]): WebhookKey[] {
	return secrets.flatMap((secret) => {
		const text = decoder.decode(secret).trim();
		try {
			return [parseWebhookKey(/^wh[a-z]+_/.test(text) ? text : `whsec_${text}`)];
		} catch {
			return [];
		}
	});
}

export const standardWebhooks: Sender = {
	async verify({ headers, body }, { secrets, nowMs }) {
		const keys = keysOf(secrets);
		if (keys.length === 0) throw new SenderRefused("the receiver's secret is no key of Standard Webhooks");
		const problem = await messageProblem(keys, { get: (name) => headers[name] ?? null }, body, nowMs);
		if (problem !== undefined) throw new SenderRefused(problem);
		const id = headers[ID_HEADER] ?? "";
		return { id, replayKey: `id/${id}` };
	},
	read(payload, _headers, { id }) {
		return { events: [{ id, type: textAt(payload, "type"), ...known("timeMs", momentOf(textAt(payload, "timestamp"))) }] };
	},
};
