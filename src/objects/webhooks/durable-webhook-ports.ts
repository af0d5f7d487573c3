/** The ports of webhook deliveries over Durable Objects and the platform's network. */
import type { WorkerEnv } from "../../core/protocol/tokens.ts";
import { namespaceObject } from "../addresses.ts";
import type { NamespaceInside } from "../outside/channel.ts";
import { sendWebhook } from "../outside/send-webhook.ts";
import type { ClusterWebhookPorts } from "./cluster-subscriptions.ts";

export function durableWebhookPorts(ctx: DurableObjectState, env: WorkerEnv, cluster: string): ClusterWebhookPorts {
	const inside = (namespace: string): NamespaceInside => namespaceObject(env, cluster, namespace) as unknown as NamespaceInside;
	return {
		cluster,
		sendWebhook: (call) => sendWebhook(env, cluster, call),
		durable: () => ctx.storage.sync(),
		secretOf: async (namespace, name) => (await inside(namespace).secret(name)) ?? undefined,
		deadLettersOf: (namespace, uid) => inside(namespace).deadLetters(uid),
	};
}
