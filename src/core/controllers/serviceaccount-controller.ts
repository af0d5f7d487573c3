/** Keeps a ServiceAccount "default" in the namespace as long as it is active. */
import type { ServiceAccount } from "../schema/kubernetes.d.ts";
import { type Controller, NOTHING } from "./controller.ts";

const SERVICE_ACCOUNTS = "serviceaccounts";
const DEFAULT = "default";
const KEY = "namespace";

export function serviceAccountController({ namespaceActive }: { namespaceActive(): boolean }): Controller {
	return {
		name: "serviceaccount",
		watches: [{ resource: SERVICE_ACCOUNTS, keys: ({ old, object }) => (object === undefined && old?.metadata.name === DEFAULT ? [KEY] : []) }],
		standingKeys: [KEY],
		reconcile(_key, view, { namespace }) {
			if (!namespaceActive() || view.get(SERVICE_ACCOUNTS, DEFAULT) !== undefined) return NOTHING;
			const object: ServiceAccount = { apiVersion: "v1", kind: "ServiceAccount", metadata: { name: DEFAULT, namespace } };
			return { actions: [{ type: "create", resource: SERVICE_ACCOUNTS, object }] };
		},
	};
}
