/** Deletes bootstrap tokens whose time is over (k8s.io/kubernetes/pkg/controller/bootstrap/tokencleaner.go). */
import { expiresAtMs, TOKEN_TYPE } from "../authn/bootstrap-token-secret.ts";
import type { Secret } from "../schema/kubernetes.d.ts";
import { type Controller, NOTHING, type ReconcileContext, type ReconcileResult, type View } from "./controller.ts";
import { nameOf, uidOf } from "./identity.ts";

const SECRETS = "secrets";

export const tokenCleanerController: Controller = {
	name: "token-cleaner",
	watches: [{ resource: SECRETS, keys: ({ object }) => ((object as Secret | undefined)?.type === TOKEN_TYPE ? [nameOf(object as Secret)] : []) }],
	reconcile,
};

function reconcile(key: string, view: View, { namespace, nowMs }: ReconcileContext): ReconcileResult {
	const secret = view.get<Secret>(SECRETS, key);
	if (namespace !== "kube-system" || secret === undefined || secret.type !== TOKEN_TYPE) return NOTHING;
	const endMs = expiresAtMs(secret);
	if (endMs === undefined) return NOTHING;
	if (endMs > nowMs) return { actions: [], requeueAfterMs: endMs - nowMs };
	return { actions: [{ type: "delete", resource: SECRETS, name: key, uid: uidOf(secret) }] };
}
