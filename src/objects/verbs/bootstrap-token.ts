/** Bootstrap tokens: Secrets of kube-system by which machines join (plugin/pkg/auth/authenticator/token/bootstrap, cluster-bootstrap/token/util). */
import type { UserInfo } from "../../core/api/request.ts";
import { isExpired, textOf, TOKEN_TYPE } from "../../core/authn/bootstrap-token-secret.ts";
import { GROUP_AUTHENTICATED, GROUP_JOINING } from "../../core/protocol/tokens.ts";
import type { Secret } from "../../core/schema/kubernetes.d.ts";
import type { Store } from "../../store/store.ts";

const NAME_PREFIX = "bootstrap-token-";
const USER_PREFIX = "system:bootstrap:";
const GROUP_PATTERN = /^system:bootstrappers:[a-z0-9:-]{0,255}[a-z0-9]$/;

/** Takes as long whatever differs. */
function sameText(one: string, other: string): boolean {
	let difference = one.length ^ other.length;
	for (let i = 0; i < one.length; i++) difference |= one.charCodeAt(i) ^ other.charCodeAt(i % Math.max(other.length, 1));
	return difference === 0;
}

/** The user of the token `id.secret`; null when it is none, or no longer. */
export function bootstrapUser(store: Store, id: string, secret: string, nowMs: number): UserInfo | null {
	const found = store.get<Secret>("secrets", NAME_PREFIX + id);
	if (found === undefined || found.type !== TOKEN_TYPE || found.metadata.deletionTimestamp) return null;
	if (textOf(found, "token-id") !== id || !sameText(secret, textOf(found, "token-secret"))) return null;
	if (isExpired(found, nowMs) || textOf(found, "usage-bootstrap-authentication") !== "true") return null;
	const groups = textOf(found, "auth-extra-groups")
		.split(",")
		.filter((group) => group !== "");
	if (!groups.every((group) => GROUP_PATTERN.test(group))) return null;
	return { name: USER_PREFIX + id, groups: [...new Set([GROUP_JOINING, ...groups, GROUP_AUTHENTICATED])] };
}
