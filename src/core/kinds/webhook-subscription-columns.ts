/** The columns of webhook subscriptions. */
import type { WebhookSubscription, WebhookTarget } from "../schema/kubernetes.d.ts";
import { ageSince } from "../table/human-duration.ts";
import { ageColumn, fieldColumn, orNone } from "./columns.ts";
import type { TableColumn } from "./define-kind.ts";

function targetText({ url, service }: WebhookTarget): string {
	if (!service) return orNone(url);
	return `${service.scheme === "HTTPS" ? "https" : "http"}://${service.name}${service.namespace ? `.${service.namespace}` : ""}.svc:${service.port}${service.path ?? ""}`;
}

const STATUS = "webhooks/v1.WebhookSubscriptionStatus";
const ready = ({ status }: WebhookSubscription) => status?.conditions?.find(({ type }) => type === "Ready");

export const subscriptionColumns: readonly TableColumn<WebhookSubscription>[] = [
	{ name: "Target", type: "string", description: "Where changes are delivered.", cell: ({ spec }) => targetText(spec?.target ?? {}) },
	{ name: "Ready", type: "string", description: "Whether deliveries get through.", cell: (object) => ready(object)?.status ?? "Unknown" },
	fieldColumn(STATUS, "delivered", { name: "Delivered", type: "integer", cell: ({ status }) => status?.delivered ?? 0 }),
	fieldColumn(STATUS, "pending", { name: "Pending", type: "integer", cell: ({ status }) => status?.pending ?? 0 }),
	fieldColumn(STATUS, "deadLetters", { name: "Dead", type: "integer", cell: ({ status }) => status?.deadLetters ?? 0 }),
	ageColumn,
	{ name: "Reason", type: "string", priority: 1, description: "Why deliveries get through, or not.", cell: (object) => orNone(ready(object)?.reason) },
	fieldColumn(STATUS, "oldestPendingTime", {
		name: "Lag",
		type: "string",
		priority: 1,
		cell: ({ status }, { nowMs }) => (status?.oldestPendingTime ? ageSince(status.oldestPendingTime, nowMs) : "0s"),
	}),
	fieldColumn(STATUS, "failures", { name: "Failures", type: "integer", priority: 1, cell: ({ status }) => status?.failures ?? 0 }),
	fieldColumn(STATUS, "lost", { name: "Lost", type: "integer", priority: 1, cell: ({ status }) => status?.lost ?? 0 }),
	fieldColumn(STATUS, "lastFailure", { name: "Last Failure", type: "string", priority: 1, cell: ({ status }) => orNone(status?.lastFailure) }),
];
