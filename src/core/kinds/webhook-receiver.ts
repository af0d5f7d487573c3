/** WebhookReceiver: a URL for other systems' webhooks, and what is done about them. */
import type { WebhookReceiver } from "../schema/kubernetes.d.ts";
import { ageSince } from "../table/human-duration.ts";
import { receiverPath } from "../webhooks/receivers/receiver-url.ts";
import { DEFAULT_REQUESTS_PER_MINUTE, DEFAULT_SECRET_KEY } from "../webhooks/receivers/receiver.ts";
import { ageColumn, fieldColumn, orNone } from "./columns.ts";
import { defineKind } from "./define-kind.ts";
import { prepareSpecUpdate, startGeneration, statusSubresource } from "./strategy.ts";
import { receiverWarnings, validateReceiver } from "./webhook-receiver-validation.ts";
import { EVENTS_GROUP } from "./webhook-subscription-validation.ts";

const ready = ({ status }: WebhookReceiver) => status?.conditions?.find(({ type }) => type === "Ready");

export const webhookReceiverKind = defineKind<WebhookReceiver>({
	group: EVENTS_GROUP,
	version: "v1",
	kind: "WebhookReceiver",
	plural: "webhookreceivers",
	singular: "webhookreceiver",
	shortNames: ["whrec"],
	scope: "Namespaced",
	schema: "webhooks/v1.WebhookReceiver",
	subresources: { status: statusSubresource },
	needsBase: true,
	defaults({ spec }) {
		if (spec === undefined) return;
		spec.requestsPerMinute ??= DEFAULT_REQUESTS_PER_MINUTE;
		if (spec.secretRef !== undefined) spec.secretRef.key ||= DEFAULT_SECRET_KEY;
		if (spec.hmac !== undefined) {
			spec.hmac.algorithm ||= "SHA256";
			spec.hmac.encoding ||= "Hex";
			spec.hmac.content ||= "{body}";
		}
	},
	prepareCreate(receiver, { base }) {
		startGeneration(receiver);
		// Where the cluster is reached is known by the requests that come there. The token comes from the controller.
		if (base !== undefined) receiver.status = { url: base + receiverPath(receiver.metadata.namespace ?? "", receiver.metadata.name ?? "", "") };
	},
	prepareUpdate: prepareSpecUpdate,
	validate: ({ spec }) => validateReceiver(spec),
	warnings: ({ spec }) => receiverWarnings(spec),
	columns: [
		fieldColumn("webhooks/v1.WebhookReceiverSpec", "type", { name: "Type", type: "string", cell: ({ spec }) => spec?.type ?? "" }),
		{ name: "Ready", type: "string", description: "Whether deliveries can be taken.", cell: (receiver) => ready(receiver)?.status ?? "Unknown" },
		{
			name: "Last Delivery",
			type: "string",
			description: "How long ago the last delivery came.",
			cell: ({ status }, { nowMs }) => (status?.deliveries?.[0] ? ageSince(status.deliveries[0].time, nowMs) : "<none>"),
		},
		{ name: "Outcome", type: "string", description: "What came of it.", cell: ({ status }) => orNone(status?.deliveries?.[0]?.outcome) },
		ageColumn,
		fieldColumn("webhooks/v1.WebhookReceiverStatus", "url", { name: "URL", type: "string", priority: 1, cell: ({ status }) => orNone(status?.url) }),
		{ name: "Reason", type: "string", priority: 1, description: "Why deliveries can be taken, or not.", cell: (receiver) => orNone(ready(receiver)?.reason) },
	],
});
