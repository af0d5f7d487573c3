/** Notes when subscriptions change in what deliveries go by: their own status, which changes all the time, is nothing of it. */
import type { WebhookSubscription } from "../../core/schema/kubernetes.d.ts";

const goneOf = ({ status }: WebhookSubscription): number | undefined => {
	const ready = status?.conditions?.find(({ type }) => type === "Ready");
	return ready?.reason === "Gone" ? ready.observedGeneration : undefined;
};

/** What deliveries go by. */
const essence = (subscription: WebhookSubscription | undefined) =>
	subscription && [subscription.metadata.uid, subscription.metadata.generation, goneOf(subscription)];

/** Whether one differs from another in what deliveries go by. */
export const concernsDelivery = (next: WebhookSubscription | undefined, old: WebhookSubscription | undefined): boolean =>
	JSON.stringify(essence(next)) !== JSON.stringify(essence(old));

/** The same text for subscriptions that deliveries go by in the same way. */
export const essenceOf = (subscriptions: readonly WebhookSubscription[]): string => JSON.stringify(subscriptions.map(essence));
