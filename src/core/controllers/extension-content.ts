/** What other servers keep in a namespace that is going away: found, deleted and counted outside of any turn. */
import { resourcesIn } from "../discovery/extensions.ts";
import type { UserInfo } from "../api/request.ts";
import type { MessageBody } from "../protocol/messages.ts";
import type { APIResource, APIService } from "../schema/kubernetes.d.ts";

export type Remaining = Extract<MessageBody, { type: "namespaceEmptied" }>["remaining"];

/** What came of a sweep over the extension API servers. */
export interface ExtensionContent {
	/** Group versions whose resources nobody could tell. */
	undiscovered: { groupVersion: string; why: string }[];
	/** Why something could not be deleted, or counted. */
	failures: string[];
	remaining: Remaining;
}

/** Who deletes: upstream's controller. */
export const NAMESPACE_CONTROLLER_USER: UserInfo = {
	name: "system:serviceaccount:kube-system:namespace-controller",
	groups: ["system:serviceaccounts", "system:serviceaccounts:kube-system", "system:authenticated"],
};

export const groupVersionOf = ({ spec }: APIService): string => `${spec?.group}/${spec?.version}`;

/** Why a group version is not asked for at all (StaleGroupVersionError). */
export const staleDiscovery = (groupVersion: string): string => `stale GroupVersion discovery: ${groupVersion}`;

/** The namespaced collections of a discovery document whose objects can be deleted. */
export const deletableIn = (document: unknown): APIResource[] =>
	(resourcesIn(document) ?? []).filter(({ name, namespaced, verbs }) => namespaced && !name.includes("/") && verbs.includes("delete"));
