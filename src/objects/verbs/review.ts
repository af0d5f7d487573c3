/** POST of a review: questions about access and identity, answered and never stored. */
import type { UserInfo } from "../../core/api/request.ts";
import { badRequest, invalidObject } from "../../core/errors/status-error.ts";
import type { Attributes } from "../../core/authz/attributes.ts";
import { nodeNameOf } from "../../core/authz/node-authorizer.ts";
import { reviewAttributes } from "../../core/authz/request-attributes.ts";
import { rulesFor } from "../../core/authz/rbac.ts";
import type {
	LocalSubjectAccessReview,
	SelfSubjectAccessReview,
	SelfSubjectReview,
	SelfSubjectRulesReview,
	SubjectAccessReview,
} from "../../core/schema/kubernetes.d.ts";
import type { Authorizer } from "../authorizer.ts";
import type { KubeObject } from "../../core/meta/object.ts";
import { admitPosted } from "../write.ts";
import { decodeBody, parseJson } from "./body.ts";
import { type VerbCall, type VerbResult, writeOptions } from "./verb.ts";

type AccessReview = SelfSubjectAccessReview | SubjectAccessReview | LocalSubjectAccessReview;

export const isReview = (resource: string): boolean => resource.endsWith("reviews");

function access(authorizer: Authorizer, review: AccessReview, asker: UserInfo): unknown {
	const { resourceAttributes, nonResourceAttributes } = review.spec ?? {};
	const subject = review.spec as SubjectAccessReview["spec"] | undefined;
	const user: UserInfo = review.kind === "SelfSubjectAccessReview" ? asker : { name: subject?.user ?? "", groups: subject?.groups ?? [] };
	const asked: Attributes = resourceAttributes
		? reviewAttributes(resourceAttributes)
		: { verb: nonResourceAttributes?.verb ?? "", path: nonResourceAttributes?.path ?? "" };
	const { allowed, reason } = authorizer.decide(user, asked);
	return { ...review, status: { allowed, ...(reason ? { reason } : {}) } };
}

function rules(authorizer: Authorizer, review: SelfSubjectRulesReview, asker: UserInfo): unknown {
	const namespace = review.spec?.namespace ?? "";
	if (namespace === "") throw badRequest("no namespace on request");
	const found = rulesFor(asker, namespace, authorizer.policy());
	const resourceRules = found
		.filter((rule) => rule.resources?.length)
		.map(({ verbs, apiGroups, resources, resourceNames }) => ({ verbs, apiGroups, resources, ...(resourceNames?.length ? { resourceNames } : {}) }));
	const nonResourceRules = found.filter((rule) => rule.nonResourceURLs?.length).map(({ verbs, nonResourceURLs }) => ({ verbs, nonResourceURLs }));
	// What a node may do follows from its pods, and no rules say it.
	const isNode = nodeNameOf(asker) !== undefined;
	const limits = isNode ? { incomplete: true, evaluationError: "node authorizer does not support user rule resolution" } : { incomplete: false };
	return { ...review, status: { resourceRules, nonResourceRules, ...limits } };
}

function self(review: SelfSubjectReview, asker: UserInfo): unknown {
	const { name, uid, groups, extra } = asker;
	return { ...review, status: { userInfo: { username: name, ...(uid ? { uid } : {}), groups, ...(extra ? { extra } : {}) } } };
}

/** Everybody may ask about himself; SubjectAccessReviews are authorised like any other create. */
export function review(call: VerbCall, authorizer: Authorizer): VerbResult {
	const { server, kind, request } = call;
	const options = writeOptions(call);
	const given = decodeBody(server.schema, kind, parseJson(request.body, `${kind.version}.${kind.kind}`), request.body, request, options.addWarning);
	given.metadata ??= {};
	const check = (given: KubeObject): void => {
		const errors = kind.validate(given);
		if (errors.length > 0) throw invalidObject(kind.group, kind.kind, "", errors);
	};
	const posted = { object: given, name: given.metadata.name ?? "", namespace: request.namespace, check };
	const object = admitPosted(server, kind, posted, options);
	// Who a token is for the front door finds out.
	if (kind.kind === "TokenReview") return { code: 201, object };
	if (kind.kind === "SelfSubjectReview") return { code: 201, object: self(object as SelfSubjectReview, request.user) };
	if (kind.kind === "SelfSubjectRulesReview") return { code: 201, object: rules(authorizer, object as SelfSubjectRulesReview, request.user) };
	return { code: 201, object: access(authorizer, object as AccessReview, request.user) };
}
