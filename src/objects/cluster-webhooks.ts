/** The cluster's admission webhooks as its own object knows them: from its store, made ready again when a configuration has changed. */
import { MUTATING_CONFIGURATIONS, VALIDATING_CONFIGURATIONS, type WebhookSets, webhookSource } from "../core/admission/webhooks/webhook-set.ts";
import type { MutatingWebhookConfiguration, ValidatingWebhookConfiguration } from "../core/schema/kubernetes.d.ts";
import type { Store } from "../store/store.ts";
import type { CommittedChange } from "./resource-server.ts";

export const WEBHOOK_CONFIGURATIONS: readonly string[] = [MUTATING_CONFIGURATIONS, VALIDATING_CONFIGURATIONS];

export class ClusterWebhooks {
	readonly sets: () => WebhookSets;
	/** Grows with each change of a configuration. */
	#version = 0;

	constructor(store: () => Store) {
		this.sets = webhookSource(
			() => this.#version,
			() => store().list<MutatingWebhookConfiguration>(MUTATING_CONFIGURATIONS),
			() => store().list<ValidatingWebhookConfiguration>(VALIDATING_CONFIGURATIONS),
		);
	}

	observe(changes: readonly CommittedChange[]): void {
		if (changes.some(({ resource }) => WEBHOOK_CONFIGURATIONS.includes(resource))) this.#version++;
	}
}
