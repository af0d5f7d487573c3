/** Taints and what tolerates them (k8s.io/component-helpers/scheduling/corev1). */
import type { Taint, Toleration } from "../schema/kubernetes.d.ts";

export function tolerates(toleration: Toleration, taint: Taint): boolean {
	if (toleration.effect && toleration.effect !== taint.effect) return false;
	if (toleration.key && toleration.key !== taint.key) return false;
	const operator = toleration.operator || "Equal";
	if (operator === "Exists") return true;
	if (operator === "Lt") return comparesTo(toleration, taint, (actual, wanted) => actual < wanted);
	if (operator === "Gt") return comparesTo(toleration, taint, (actual, wanted) => actual > wanted);
	return operator === "Equal" && (toleration.value ?? "") === (taint.value ?? "");
}

/** Numeric comparison of the taint's value against the toleration's (KEP-5471). */
function comparesTo(toleration: Toleration, taint: Taint, holds: (actual: bigint, wanted: bigint) => boolean): boolean {
	const [wanted, actual] = [toleration.value ?? "", taint.value ?? ""];
	return [wanted, actual].every((text) => /^-?(0|[1-9][0-9]*)$/.test(text)) && holds(BigInt(actual), BigInt(wanted));
}

export const isTolerated = (taint: Taint, tolerations: readonly Toleration[]): boolean => tolerations.some((toleration) => tolerates(toleration, taint));
