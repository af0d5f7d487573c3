/** Writes what deliveries tell into a subscription's status. */
import { cloneJson } from "../../core/meta/clone.ts";
import type { ResourceName } from "../../core/meta/object.ts";
import type { WebhookSubscription } from "../../core/schema/kubernetes.d.ts";
import { type DeliveryCounts, statusOf } from "../../core/webhooks/subscription-status.ts";
import type { ResourceServer } from "../resource-server.ts";
import { updateObject, type WriteOptions } from "../write.ts";

const OPTIONS: WriteOptions = {
	user: { name: "system:serviceaccount:kube-system:webhook-delivery-controller", groups: ["system:masters", "system:authenticated"] },
	manager: "webhook-delivery",
	subresource: "status",
	dryRun: false,
	addWarning: () => {},
	webhooksAsked: true,
};

/** Call inside a transaction. A status that is the same already is not written. */
export function writeStatus(server: ResourceServer, resource: ResourceName, name: string, counts: DeliveryCounts): void {
	const kind = server.kinds.byStoreName(resource);
	const old = server.store.get<WebhookSubscription>(resource, name);
	if (kind === undefined || old === undefined) return;
	updateObject(server, kind, { ...cloneJson(old), status: statusOf(old, counts, server.ports.nowMs()) } as WebhookSubscription, old, OPTIONS);
}
