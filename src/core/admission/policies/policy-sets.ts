/** The policies of both sorts that a cluster has. */
import type { KubeObject, ResourceName } from "../../meta/object.ts";
import type {
	MutatingAdmissionPolicy,
	MutatingAdmissionPolicyBinding,
	ValidatingAdmissionPolicy,
	ValidatingAdmissionPolicyBinding,
} from "../../schema/kubernetes.d.ts";
import { type CompiledMutatingPolicy, compileMutatingPolicy } from "./mutating-policy.ts";
import { PolicySet } from "./policy-set.ts";
import { type CompiledValidatingPolicy, compileValidatingPolicy } from "./validating-policy.ts";

const GROUP = "admissionregistration.k8s.io";
export const VALIDATING_POLICIES = `${GROUP}/validatingadmissionpolicies`;
export const VALIDATING_BINDINGS = `${GROUP}/validatingadmissionpolicybindings`;
export const MUTATING_POLICIES = `${GROUP}/mutatingadmissionpolicies`;
export const MUTATING_BINDINGS = `${GROUP}/mutatingadmissionpolicybindings`;
/** What Namespace objects hold a replica of. */
export const POLICY_COLLECTIONS: readonly ResourceName[] = [VALIDATING_POLICIES, VALIDATING_BINDINGS, MUTATING_POLICIES, MUTATING_BINDINGS];

export interface PolicySets {
	validating: PolicySet<ValidatingAdmissionPolicy, ValidatingAdmissionPolicyBinding, CompiledValidatingPolicy>;
	mutating: PolicySet<MutatingAdmissionPolicy, MutatingAdmissionPolicyBinding, CompiledMutatingPolicy>;
}

/** Builds the sets again only when the policies' version is another. */
export function policySource(version: () => unknown, list: <T extends KubeObject>(resource: ResourceName) => readonly T[]): () => PolicySets {
	let known: { version: unknown; sets: PolicySets } | undefined;
	return () => {
		const present = version();
		if (known === undefined || known.version !== present) {
			const validating = new PolicySet(
				list<ValidatingAdmissionPolicy>(VALIDATING_POLICIES),
				list<ValidatingAdmissionPolicyBinding>(VALIDATING_BINDINGS),
				compileValidatingPolicy,
			);
			const mutating = new PolicySet(
				list<MutatingAdmissionPolicy>(MUTATING_POLICIES),
				list<MutatingAdmissionPolicyBinding>(MUTATING_BINDINGS),
				compileMutatingPolicy,
			);
			known = { version: present, sets: { validating, mutating } };
		}
		return known.sets;
	};
}
