/**
 * Fills Secrets of type kubernetes.io/service-account-token, and deletes those whose account is gone
 * (k8s.io/kubernetes/pkg/controller/serviceaccount/tokens_controller.go).
 */
import type { Secret, ServiceAccount } from "../schema/kubernetes.d.ts";
import { type Action, type Controller, NOTHING, type ObjectChange, type ReconcileResult, type View } from "./controller.ts";
import { draftOf, nameOf, uidOf } from "./identity.ts";

const SECRETS = "secrets";
const ACCOUNTS = "serviceaccounts";
export const ACCOUNT_TOKEN_TYPE = "kubernetes.io/service-account-token";
const ACCOUNT_NAME = "kubernetes.io/service-account.name";
const ACCOUNT_UID = "kubernetes.io/service-account.uid";

export interface AccountTokenDeps {
	/** PEM of the cluster's CA. */
	rootCa(): string;
	/** A token that holds as long as its Secret does. */
	signAccountToken(secret: string, account: { name: string; uid: string }): string;
}

export function serviceAccountTokenController(deps: AccountTokenDeps): Controller {
	return {
		name: "serviceaccount-token",
		watches: [
			{ resource: SECRETS, keys: ({ object }) => (isAccountToken(object as Secret | undefined) ? [nameOf(object as Secret)] : []) },
			{ resource: ACCOUNTS, keys: tokensOf },
		],
		reconcile: (key, view) => reconcile(key, view, deps),
	};
}

const isAccountToken = (secret: Secret | undefined): boolean => secret?.type === ACCOUNT_TOKEN_TYPE;

/** An account that comes or goes concerns the Secrets that name it. */
function tokensOf({ old, object }: ObjectChange, view: View): string[] {
	if (old !== undefined && object !== undefined) return [];
	const account = nameOf((object ?? old) as ServiceAccount);
	return view
		.list<Secret>(SECRETS)
		.filter((secret) => isAccountToken(secret) && secret.metadata.annotations?.[ACCOUNT_NAME] === account)
		.map(nameOf);
}

function reconcile(key: string, view: View, deps: AccountTokenDeps): ReconcileResult {
	const secret = view.get<Secret>(SECRETS, key);
	if (secret === undefined || !isAccountToken(secret) || secret.metadata.deletionTimestamp) return NOTHING;
	const account = view.get<ServiceAccount>(ACCOUNTS, secret.metadata.annotations?.[ACCOUNT_NAME] ?? "");
	const wantedUid = secret.metadata.annotations?.[ACCOUNT_UID];
	if (account === undefined || (wantedUid && wantedUid !== uidOf(account)))
		return { actions: [{ type: "delete", resource: SECRETS, name: key, uid: uidOf(secret) }] };
	const filled = fill(secret, account, deps);
	return filled === undefined ? NOTHING : { actions: [filled] };
}

function fill(secret: Secret, account: ServiceAccount, { rootCa, signAccountToken }: AccountTokenDeps): Action | undefined {
	const data = secret.data ?? {};
	const [ca, namespace] = [btoa(rootCa()), btoa(secret.metadata.namespace ?? "")];
	const isWhole = data["token"] && data["ca.crt"] === ca && data["namespace"] === namespace;
	if (isWhole && secret.metadata.annotations?.[ACCOUNT_UID] === uidOf(account)) return undefined;
	const draft = draftOf(secret);
	const token = data["token"] || btoa(signAccountToken(nameOf(secret), { name: nameOf(account), uid: uidOf(account) }));
	draft.data = { ...data, "ca.crt": ca, namespace, token };
	draft.metadata.annotations = { ...draft.metadata.annotations, [ACCOUNT_UID]: uidOf(account) };
	return { type: "update", resource: SECRETS, object: draft };
}
