/** The policies of one sort with their bindings, compiled when they are first needed: most writes concern none. */
import type { KubeObject } from "../../meta/object.ts";
import type { MatchResources, ParamKind, ParamRef } from "../../schema/kubernetes.d.ts";
import type { AdmissionRequest, AdmissionView } from "../plugin.ts";
import { attributesOf, isExempt, versionsOf } from "../webhooks/webhook-matching.ts";
import type { KindDefinition } from "../../kinds/define-kind.ts";
import { ResourceMatcher } from "./policy-matching.ts";

/** What the policies of both sorts have. */
export interface AnyPolicy extends KubeObject {
	spec?: { paramKind?: ParamKind; matchConstraints?: MatchResources; failurePolicy?: string };
}

export interface AnyBinding extends KubeObject {
	spec?: { policyName?: string; paramRef?: ParamRef; matchResources?: MatchResources };
}

export interface BoundPolicy<P extends AnyPolicy, B extends AnyBinding, C> {
	policy: P;
	name: string;
	matcher: ResourceMatcher;
	bindings: readonly { binding: B; name: string; matcher: ResourceMatcher | undefined }[];
	/** Compiles the policy once. */
	compiled(): C;
}

/** Whoever judged these could lock everybody out (pkg/kubeapiserver/admission/exclusion). */
const UNHEARD: Readonly<Record<string, readonly string[]>> = {
	"authentication.k8s.io": ["selfsubjectreviews", "tokenreviews"],
	"authorization.k8s.io": ["localsubjectaccessreviews", "selfsubjectaccessreviews", "selfsubjectrulesreviews", "subjectaccessreviews"],
};
const isUnheard = ({ kind }: AdmissionRequest): boolean => UNHEARD[kind.group]?.includes(kind.plural) ?? false;

const byName = (a: KubeObject, b: KubeObject): number => ((a.metadata.name ?? "") < (b.metadata.name ?? "") ? -1 : 1);

export class PolicySet<P extends AnyPolicy, B extends AnyBinding, C> {
	readonly #policies: readonly BoundPolicy<P, B, C>[];
	readonly #candidates = new Map<string, readonly BoundPolicy<P, B, C>[]>();

	constructor(policies: readonly P[], bindings: readonly B[], compile: (policy: P) => C) {
		const sorted = bindings.toSorted(byName);
		this.#policies = policies.toSorted(byName).map((policy) => bound(policy, sorted, compile));
	}

	/** Those with a binding and a rule for what the write is, and the versions of its resource, its own first. */
	candidates(request: AdmissionRequest, view: AdmissionView): { versions: KindDefinition[]; policies: readonly BoundPolicy<P, B, C>[] } {
		if (this.#policies.length === 0 || isExempt(request) || isUnheard(request)) return { versions: [], policies: [] };
		const versions = versionsOf(request, view);
		const attributes = versions.map((kind) => attributesOf(request, kind));
		const key = `${request.operation} ${request.subresource} ${request.namespace !== ""} ${versions.map(({ group, version, plural }) => `${group}/${version}/${plural}`).join(" ")}`;
		let policies = this.#candidates.get(key);
		if (policies === undefined) {
			policies = this.#policies.filter(({ bindings, matcher }) => bindings.length > 0 && matcher.mayMatch(attributes));
			this.#candidates.set(key, policies);
		}
		return { versions, policies };
	}
}

function bound<P extends AnyPolicy, B extends AnyBinding, C>(policy: P, bindings: readonly B[], compile: (policy: P) => C): BoundPolicy<P, B, C> {
	const name = policy.metadata.name ?? "";
	let compiled: { value: C } | undefined;
	return {
		policy,
		name,
		matcher: new ResourceMatcher(policy.spec?.matchConstraints ?? {}),
		bindings: bindings
			.filter(({ spec }) => spec?.policyName === name)
			.map((binding) => ({
				binding,
				name: binding.metadata.name ?? "",
				matcher: binding.spec?.matchResources && new ResourceMatcher(binding.spec.matchResources),
			})),
		compiled() {
			compiled ??= { value: compile(policy) };
			return compiled.value;
		},
	};
}
