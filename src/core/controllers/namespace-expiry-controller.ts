/** Deletes a namespace whose time is over: previews of pull requests that nobody has closed. Who may set the time may delete the namespace, as NamespaceExpiry sees to. */
import type { Namespace } from "../schema/kubernetes.d.ts";
import { EXPIRES_AT } from "../webhooks/receivers/actions/preview-namespace.ts";
import { type Controller, NOTHING } from "./controller.ts";
import { isBeingDeleted, nameOf, uidOf } from "./identity.ts";
import { timeMs } from "./meta-time.ts";

const NAMESPACES = "namespaces";

export const namespaceExpiryController: Controller = {
	name: "namespace-expiry",
	watches: [
		{
			resource: NAMESPACES,
			keys: ({ old, object }) => (object !== undefined && (expiry(object) ?? (old && expiry(old))) !== undefined ? [nameOf(object)] : []),
		},
	],
	reconcile(key, view, { nowMs }) {
		const namespace = view.get<Namespace>(NAMESPACES, key);
		const atMs = timeMs(namespace && expiry(namespace));
		if (namespace === undefined || atMs === undefined || Number.isNaN(atMs) || isBeingDeleted(namespace)) return NOTHING;
		if (atMs > nowMs) return { actions: [], requeueAfterMs: atMs - nowMs };
		return { actions: [{ type: "delete", resource: NAMESPACES, name: key, uid: uidOf(namespace) }] };
	},
};

const expiry = ({ metadata }: Pick<Namespace, "metadata">): string | undefined => metadata.annotations?.[EXPIRES_AT];
