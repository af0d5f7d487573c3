/** Questions about identity, answered when they are created and never stored: the reviews of authentication.k8s.io. */
import { required } from "../errors/field-error.ts";
import type { SelfSubjectReview, TokenReview } from "../schema/kubernetes.d.ts";
import { createdAtColumn } from "./columns.ts";
import { defineKind } from "./define-kind.ts";

const group = "authentication.k8s.io";
const version = "v1";

export const selfSubjectReviewKind = defineKind<SelfSubjectReview>({
	group,
	version,
	kind: "SelfSubjectReview",
	plural: "selfsubjectreviews",
	singular: "selfsubjectreview",
	scope: "Cluster",
	verbs: ["create"],
	schema: "authentication/v1.SelfSubjectReview",
	validate: () => [],
	columns: [createdAtColumn],
});

export const tokenReviewKind = defineKind<TokenReview>({
	group,
	version,
	kind: "TokenReview",
	plural: "tokenreviews",
	singular: "tokenreview",
	scope: "Cluster",
	verbs: ["create"],
	schema: "authentication/v1.TokenReview",
	validate: (review) => (review.spec?.token ? [] : [required("spec.token", "token is required for TokenReview in authentication")]),
	columns: [createdAtColumn],
});
