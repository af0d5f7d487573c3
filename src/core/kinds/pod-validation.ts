/** Rules of a whole pod: ValidatePodCreate and what holds at each update. */
import { type FieldError, forbidden, required } from "../errors/field-error.ts";
import type { Pod } from "../schema/kubernetes.d.ts";
import { validatePodSpec } from "./pod-spec-validation.ts";

/** A pod without a resourceVersion is about to be created: ephemeral containers come later, through their subresource. */
export function validatePod(pod: Pod): FieldError[] {
	if (!pod.spec) return [required("spec.containers")];
	const errors = validatePodSpec(pod.spec, "spec");
	if (!pod.metadata.resourceVersion && pod.spec.ephemeralContainers?.length) errors.push(forbidden("spec.ephemeralContainers", "cannot be set on create"));
	return errors;
}
