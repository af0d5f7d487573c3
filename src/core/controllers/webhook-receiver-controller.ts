/** Gives each WebhookReceiver its URL and, where it asks for one, its Secret; and says whether it can take deliveries. */
import type { Condition, Secret, ServiceAccount, WebhookReceiver } from "../schema/kubernetes.d.ts";
import { semanticEqual } from "../meta/equality.ts";
import { RECEIVERS, secretKeyOf } from "../webhooks/receivers/receiver.ts";
import { completeUrl, receiverPath } from "../webhooks/receivers/receiver-url.ts";
import { type Action, type Controller, NOTHING, type ObjectChange, type ReconcileContext, type ReconcileResult, type View } from "./controller.ts";
import { controllerReference, draftOf, isBeingDeleted, nameOf, namespaceOf, uidOf } from "./identity.ts";
import { metaTime } from "./meta-time.ts";

const SECRETS = "secrets";
const ACCOUNTS = "serviceaccounts";
export const WEBHOOK_RECEIVER = "webhook-receiver";
/** Bytes of a secret that is drawn: as many as its HMAC has. */
const SECRET_BYTES = 32;

export interface WebhookReceiverDeps {
	/** What stands at the end of a receiver's URL. */
	receiverToken(name: string, uid: string): string;
	/** Where the front door is reached, as the deployment's owner says; undefined where he says nothing. */
	publicUrl: string | undefined;
}

export function webhookReceiverController(deps: WebhookReceiverDeps): Controller {
	return {
		name: WEBHOOK_RECEIVER,
		watches: [
			{
				resource: RECEIVERS,
				keys: ({ object }) => (object === undefined ? [] : [nameOf(object)]),
			},
			{ resource: SECRETS, keys: (change, view) => receiversOf(change, view, ({ spec }) => spec.secretRef.name) },
			{ resource: ACCOUNTS, keys: (change, view) => receiversOf(change, view, ({ spec }) => spec.serviceAccountName) },
		],
		reconcile: (key, view, ctx) => reconcile(key, view, ctx, deps),
	};
}

/** What comes or goes concerns the receivers that name it. */
function receiversOf({ old, object }: ObjectChange, view: View, named: (receiver: WebhookReceiver) => string): string[] {
	const name = (object ?? old)?.metadata.name;
	return view
		.list<WebhookReceiver>(RECEIVERS)
		.filter((receiver) => named(receiver) === name)
		.map(nameOf);
}

function reconcile(key: string, view: View, ctx: ReconcileContext, deps: WebhookReceiverDeps): ReconcileResult {
	const receiver = view.get<WebhookReceiver>(RECEIVERS, key);
	if (receiver === undefined || isBeingDeleted(receiver)) return NOTHING;
	const secret = view.get<Secret>(SECRETS, receiver.spec.secretRef.name);
	const actions: Action[] = [];
	if (secret === undefined && receiver.spec.secretRef.create) actions.push({ type: "create", resource: SECRETS, object: newSecret(receiver, ctx) });
	const draft = draftOf(receiver);
	const token = deps.receiverToken(key, uidOf(receiver));
	const url = completeUrl(receiver.status?.url ?? receiverPath(namespaceOf(receiver), key, ""), token, deps.publicUrl);
	const conditions = [readiness(receiver, view, secret !== undefined || actions.length > 0, ctx)];
	draft.status = { ...receiver.status, observedGeneration: receiver.metadata.generation ?? 0, url, conditions };
	if (!semanticEqual(draft.status, receiver.status)) actions.push({ type: "updateStatus", resource: RECEIVERS, object: draft });
	return { actions };
}

/** Of a type that Standard Webhooks' libraries read too. */
function newSecret(receiver: WebhookReceiver, { random }: ReconcileContext): Secret {
	const bytes = String.fromCharCode(...Array.from({ length: SECRET_BYTES }, () => Math.floor(random() * 256)));
	const value = receiver.spec.type === "StandardWebhooks" ? `whsec_${btoa(bytes)}` : btoa(bytes).replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");
	const metadata = { name: receiver.spec.secretRef.name, namespace: namespaceOf(receiver), ownerReferences: [controllerReference(receiver)] };
	return { apiVersion: "v1", kind: "Secret", metadata, type: "Opaque", data: { [secretKeyOf(receiver)]: btoa(value) } };
}

function readiness(receiver: WebhookReceiver, view: View, hasSecret: boolean, { nowMs }: ReconcileContext): Condition {
	const { spec, metadata, status } = receiver;
	const [state, reason, message] = ((): [string, string, string] => {
		if (spec.suspend) return ["False", "Suspended", "deliveries are refused while spec.suspend is true"];
		const data = view.get<Secret>(SECRETS, spec.secretRef.name)?.data ?? {};
		if (!hasSecret) return ["False", "SecretNotFound", `secret ${JSON.stringify(spec.secretRef.name)} not found`];
		if (view.get(SECRETS, spec.secretRef.name) !== undefined && !data[secretKeyOf(receiver)])
			return ["False", "SecretNotFound", `secret ${JSON.stringify(spec.secretRef.name)} has no key ${JSON.stringify(secretKeyOf(receiver))}`];
		if (view.get<ServiceAccount>(ACCOUNTS, spec.serviceAccountName) === undefined)
			return ["False", "ServiceAccountNotFound", `serviceaccount ${JSON.stringify(spec.serviceAccountName)} not found`];
		return ["True", "Listening", "deliveries are taken"];
	})();
	const before = status?.conditions?.find(({ type }) => type === "Ready");
	const lastTransitionTime = before?.status === state ? before.lastTransitionTime : metaTime(nowMs);
	return { type: "Ready", status: state, reason, message, observedGeneration: metadata.generation ?? 0, lastTransitionTime };
}
