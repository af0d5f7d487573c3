/** Writes what type checks find in a ValidatingAdmissionPolicy into its status (pkg/controller/validatingadmissionpolicystatus). */
import { expressionWarnings, type KnownTypes } from "../admission/policies/type-checking.ts";
import { VALIDATING_POLICIES } from "../admission/policies/policy-sets.ts";
import type { ValidatingAdmissionPolicy } from "../schema/kubernetes.d.ts";
import { type Controller, NOTHING, type ReconcileResult } from "./controller.ts";
import { draftOf, nameOf } from "./identity.ts";

export function validatingAdmissionPolicyStatusController(types: KnownTypes): Controller {
	return {
		name: "validatingadmissionpolicy-status",
		watches: [{ resource: VALIDATING_POLICIES, keys: ({ object }) => (object ? [nameOf(object)] : []) }],
		reconcile(key, view): ReconcileResult {
			const policy = view.get<ValidatingAdmissionPolicy>(VALIDATING_POLICIES, key);
			if (policy === undefined || policy.status?.observedGeneration === policy.metadata.generation) return NOTHING;
			const next = draftOf(policy);
			const warnings = expressionWarnings(policy, types);
			next.status = {
				...next.status,
				observedGeneration: policy.metadata.generation ?? 0,
				typeChecking: warnings.length === 0 ? {} : { expressionWarnings: warnings },
			};
			return { actions: [{ type: "updateStatus", resource: VALIDATING_POLICIES, object: next }] };
		},
	};
}
