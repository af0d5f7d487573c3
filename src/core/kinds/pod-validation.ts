/** Rules of a pod: ValidatePodCreate and what holds at each update. */
import { type FieldError, required } from "../errors/field-error.ts";
import type { Pod } from "../schema/kubernetes.d.ts";
import { validatePodSpec } from "./pod-spec-validation.ts";

export function validatePod(pod: Pod): FieldError[] {
	return pod.spec ? validatePodSpec(pod.spec, "spec") : [required("spec.containers")];
}
