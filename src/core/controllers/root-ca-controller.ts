/** Keeps the ConfigMap kube-root-ca.crt, by which pods verify the API server (root-ca-certificate-publisher). */
import type { ConfigMap } from "../schema/kubernetes.d.ts";
import { type Controller, NOTHING } from "./controller.ts";
import { draftOf } from "./identity.ts";
import { semanticEqual } from "../meta/equality.ts";

const CONFIG_MAPS = "configmaps";
const NAME = "kube-root-ca.crt";
const KEY = "namespace";
const DESCRIPTION =
	"Contains a CA bundle that can be used to verify the kube-apiserver when using internal endpoints such as the internal service IP or kubernetes.default.svc. " +
	"No other usage is guaranteed across distributions of Kubernetes clusters.";

export function rootCaController({ rootCa, namespaceActive }: { rootCa(): string; namespaceActive(): boolean }): Controller {
	return {
		name: "root-ca-certificate-publisher",
		watches: [
			{ resource: CONFIG_MAPS, keys: ({ old, object }) => (old !== undefined && old.metadata.name === NAME && !semanticEqual(object, old) ? [KEY] : []) },
		],
		standingKeys: [KEY],
		reconcile(_key, view, { namespace }) {
			if (!namespaceActive()) return NOTHING;
			const data = { "ca.crt": rootCa() };
			const current = view.get<ConfigMap>(CONFIG_MAPS, NAME);
			if (current === undefined) {
				const metadata = { name: NAME, namespace, annotations: { "kubernetes.io/description": DESCRIPTION } };
				return { actions: [{ type: "create", resource: CONFIG_MAPS, object: { apiVersion: "v1", kind: "ConfigMap", metadata, data } as ConfigMap }] };
			}
			if (semanticEqual(current.data, data)) return NOTHING;
			const draft = draftOf(current);
			draft.data = data;
			return { actions: [{ type: "update", resource: CONFIG_MAPS, object: draft }] };
		},
	};
}
