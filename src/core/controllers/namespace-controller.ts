/** The Cluster object's part in the life of a namespace: tells its Namespace object of its beginning and its end. */
import type { MessageBody } from "../protocol/messages.ts";
import type { Namespace } from "../schema/kubernetes.d.ts";
import { type Action, type Controller, NOTHING, type ObjectChange, type ReconcileContext, type ReconcileResult, type View } from "./controller.ts";
import { draftOf, isBeingDeleted, nameOf, uidOf } from "./identity.ts";
import { semanticEqual } from "../meta/equality.ts";
import { namespaceConditions } from "./namespace-conditions.ts";

const NAMESPACES = "namespaces";
/** The finalizer that stands for a namespace's content. */
const FINALIZER = "kubernetes";

export const namespaceController: Controller = {
	name: "namespace",
	watches: [{ resource: NAMESPACES, keys: beginningOrEnd }],
	reconcile,
};

function beginningOrEnd({ old, object }: ObjectChange): string[] {
	if (object === undefined) return [];
	const turned = old === undefined || isBeingDeleted(old) !== isBeingDeleted(object);
	return turned ? [nameOf(object)] : [];
}

function reconcile(key: string, view: View, _ctx: ReconcileContext): ReconcileResult {
	const namespace = view.get<Namespace>(NAMESPACES, key);
	if (namespace === undefined) return NOTHING;
	const to = { object: "namespace", name: key } as const;
	const uid = uidOf(namespace);
	if (!isBeingDeleted(namespace)) return { actions: [{ type: "send", message: { to, body: { type: "namespaceActive", namespace: key, uid } } }] };
	const actions: Action[] = [{ type: "send", message: { to, body: { type: "namespaceTerminating", namespace: key, uid } } }];
	if (namespace.status?.phase !== "Terminating") {
		const draft = draftOf(namespace);
		draft.status = { ...draft.status, phase: "Terminating" };
		actions.push({ type: "updateStatus", resource: NAMESPACES, object: draft });
	}
	return { actions };
}

/** Its Namespace object reports what is left: nothing, and the namespace may go; else its conditions say what. */
export function applyNamespaceEmptied(namespace: Namespace, message: Extract<MessageBody, { type: "namespaceEmptied" }>, nowMs: number): Action[] {
	if (uidOf(namespace) !== message.uid || !isBeingDeleted(namespace)) return [];
	const draft = draftOf(namespace);
	if (message.remaining.length === 0 && !message.undiscovered?.length && !message.failures?.length) {
		const finalizers = (namespace.spec?.finalizers ?? []).filter((name) => name !== FINALIZER);
		draft.spec = { ...draft.spec, finalizers };
		return [{ type: "update", resource: NAMESPACES, object: draft, subresource: "finalize" }];
	}
	const conditions = namespaceConditions(namespace.status?.conditions ?? [], message, nowMs);
	if (semanticEqual(conditions, namespace.status?.conditions)) return [];
	draft.status = { ...draft.status, phase: "Terminating", conditions };
	return [{ type: "updateStatus", resource: NAMESPACES, object: draft }];
}
