/** ValidatingWebhookConfiguration: pkg/registry/admissionregistration/validatingwebhookconfiguration. */
import { semanticEqual } from "../meta/equality.ts";
import type { ValidatingWebhookConfiguration } from "../schema/kubernetes.d.ts";
import { ADMISSION_GROUP } from "./admission-rules.ts";
import { ageColumn } from "./columns.ts";
import { defineKind } from "./define-kind.ts";
import { bumpGeneration } from "./strategy.ts";
import { defaultWebhook, validateWebhooks } from "./webhook-validation.ts";

export const validatingWebhookConfigurationKind = defineKind<ValidatingWebhookConfiguration>({
	group: ADMISSION_GROUP,
	version: "v1",
	kind: "ValidatingWebhookConfiguration",
	plural: "validatingwebhookconfigurations",
	singular: "validatingwebhookconfiguration",
	categories: ["api-extensions"],
	scope: "Cluster",
	schema: "admissionregistration/v1.ValidatingWebhookConfiguration",
	allowUnconditionalUpdate: false,
	defaults: ({ webhooks }) => webhooks?.forEach(defaultWebhook),
	prepareCreate(configuration) {
		configuration.metadata.generation = 1;
	},
	prepareUpdate(next, old) {
		bumpGeneration(next, old, !semanticEqual(next.webhooks, old.webhooks));
	},
	validate: ({ webhooks }) => validateWebhooks(webhooks),
	columns: [
		{
			name: "Webhooks",
			type: "integer",
			description: "Webhooks indicates the number of webhooks registered in this configuration",
			cell: ({ webhooks }) => (webhooks ?? []).length,
		},
		ageColumn,
	],
});
