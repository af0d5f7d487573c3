/**
 * Keeps the ConfigMap kube-system/extension-apiserver-authentication, by which extension API servers know whose requests they
 * may believe (k8s.io/kubernetes/pkg/controlplane/controller/clusterauthenticationtrust).
 */
import { semanticEqual } from "../meta/equality.ts";
import type { ConfigMap } from "../schema/kubernetes.d.ts";
import { type Controller, NOTHING } from "./controller.ts";
import { draftOf } from "./identity.ts";

const CONFIG_MAPS = "configmaps";
const NAMESPACE = "kube-system";
/** Of kube-system alone. */
export const AUTHENTICATION_TRUST = "extension-apiserver-authentication";
const KEY = "namespace";

export interface AuthenticationTrustDeps {
	/** Both PEM: "" where nothing signs clients' certificates, and what signs the front proxy's. Undefined until it is known. */
	trust(): { clientCa: string; requestHeaderCa: string } | undefined;
	namespaceActive(): boolean;
}

/** As kubeadm sets the flags of the same names. */
const headersOf = (ca: string): Record<string, string> => ({
	"requestheader-allowed-names": '["front-proxy-client"]',
	"requestheader-client-ca-file": ca,
	"requestheader-extra-headers-prefix": '["X-Remote-Extra-"]',
	"requestheader-group-headers": '["X-Remote-Group"]',
	"requestheader-uid-headers": '["X-Remote-Uid"]',
	"requestheader-username-headers": '["X-Remote-User"]',
});

export function clusterAuthenticationTrustController({ trust, namespaceActive }: AuthenticationTrustDeps): Controller {
	return {
		name: "cluster-authentication-trust",
		watches: [
			{
				resource: CONFIG_MAPS,
				keys: ({ old, object }) => (old !== undefined && old.metadata.name === AUTHENTICATION_TRUST && !semanticEqual(object, old) ? [KEY] : []),
			},
		],
		standingKeys: [KEY],
		reconcile(_key, view, { namespace }) {
			const { clientCa = "", requestHeaderCa = "" } = trust() ?? {};
			if (namespace !== NAMESPACE || !namespaceActive() || requestHeaderCa === "") return NOTHING;
			const ours = { ...(clientCa === "" ? {} : { "client-ca-file": clientCa }), ...headersOf(requestHeaderCa) };
			const current = view.get<ConfigMap>(CONFIG_MAPS, AUTHENTICATION_TRUST);
			if (current === undefined) {
				const object: ConfigMap = { apiVersion: "v1", kind: "ConfigMap", metadata: { name: AUTHENTICATION_TRUST, namespace }, data: ours };
				return { actions: [{ type: "create", resource: CONFIG_MAPS, object }] };
			}
			const data = { ...current.data, ...ours };
			if (semanticEqual(current.data, data)) return NOTHING;
			const draft = draftOf(current);
			draft.data = data;
			return { actions: [{ type: "update", resource: CONFIG_MAPS, object: draft }] };
		},
	};
}
