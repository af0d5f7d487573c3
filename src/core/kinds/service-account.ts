/** ServiceAccount: pkg/registry/core/serviceaccount. */
import type { ServiceAccount } from "../schema/kubernetes.d.ts";
import { ageColumn } from "./columns.ts";
import { defineKind } from "./define-kind.ts";

export const serviceAccountKind = defineKind<ServiceAccount>({
	group: "",
	version: "v1",
	kind: "ServiceAccount",
	plural: "serviceaccounts",
	singular: "serviceaccount",
	shortNames: ["sa"],
	scope: "Namespaced",
	schema: "core/v1.ServiceAccount",
	subresources: { connect: { token: { verbs: ["create"], kind: { group: "authentication.k8s.io", version: "v1", kind: "TokenRequest" } } } },
	prepareCreate(account) {
		for (const reference of account.secrets ?? []) cleanReference(reference);
	},
	prepareUpdate(next) {
		for (const reference of next.secrets ?? []) cleanReference(reference);
	},
	validate: () => [],
	columns: [
		{
			name: "Secrets",
			type: "string",
			description:
				'Secrets is a list of the secrets in the same namespace that pods running using this ServiceAccount are allowed to use. Pods are only limited to this list if this service account has a "kubernetes.io/enforce-mountable-secrets" annotation set to "true". The "kubernetes.io/enforce-mountable-secrets" annotation is deprecated since v1.32. Prefer separate namespaces to isolate access to mounted secrets. This field should not be used to find auto-generated service account token secrets for use outside of pods. Instead, tokens can be requested directly using the TokenRequest API, or service account token secrets can be manually created. More info: https://kubernetes.io/docs/concepts/configuration/secret',
			cell: (account) => account.secrets?.length ?? 0,
		},
		ageColumn,
	],
});

/** Only the name of a referenced secret is kept. */
function cleanReference(reference: {
	name?: string;
	namespace?: string;
	uid?: string;
	kind?: string;
	apiVersion?: string;
	resourceVersion?: string;
	fieldPath?: string;
}): void {
	for (const key of ["namespace", "uid", "kind", "apiVersion", "resourceVersion", "fieldPath"] as const) delete reference[key];
}
