/** `npm run bench:webhooks`: starts a control plane alone in plain workerd, and measures how fast webhooks come to what they are for. */
import { startControlPlane } from "./bench/control-plane.ts";
import { benchReceivers } from "./bench/webhook-receivers.ts";
import { benchSubscriptions } from "./bench/webhook-subscriptions.ts";

const plane = await startControlPlane({ allowsPrivateWebhookTargets: true });
try {
	await benchSubscriptions(plane.target);
	await benchReceivers(plane.target);
} finally {
	await plane.stop();
}
