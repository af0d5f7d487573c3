/** Rules of a DaemonSet: ValidateDaemonSet of pkg/apis/apps/validation. */
import { type FieldError, invalid, notSupported, required } from "../errors/field-error.ts";
import { semanticEqual } from "../meta/equality.ts";
import { FIELD_IMMUTABLE } from "../meta/name-rules.ts";
import type { DaemonSet, DaemonSetUpdateStrategy } from "../schema/kubernetes.d.ts";
import { isZero, validateAtMostAll, validateIntOrPercent } from "./deployment-validation.ts";
import { validateNonNegative, validateServingTemplate } from "./pod-template-validation.ts";

function validateUpdateStrategy(strategy: DaemonSetUpdateStrategy | undefined): FieldError[] {
	const path = "spec.updateStrategy";
	if (strategy?.type === "OnDelete") return [];
	if (strategy?.type !== "RollingUpdate") return [notSupported(`${path}.type`, strategy?.type ?? "", ["OnDelete", "RollingUpdate"])];
	if (!strategy.rollingUpdate) return [required(`${path}.rollingUpdate`)];
	return validateRollingUpdate(strategy.rollingUpdate, `${path}.rollingUpdate`);
}

function validateRollingUpdate({ maxUnavailable, maxSurge }: NonNullable<DaemonSetUpdateStrategy["rollingUpdate"]>, path: string): FieldError[] {
	const errors = [...validateIntOrPercent(maxUnavailable, `${path}.maxUnavailable`), ...validateIntOrPercent(maxSurge, `${path}.maxSurge`)];
	if (!isZero(maxUnavailable) && !isZero(maxSurge)) errors.push(invalid(`${path}.maxSurge`, maxSurge, "may not be set when maxUnavailable is non-zero"));
	if (isZero(maxUnavailable) && isZero(maxSurge)) errors.push(required(`${path}.maxUnavailable`, "cannot be 0 when maxSurge is 0"));
	return [...errors, ...validateAtMostAll(maxUnavailable, `${path}.maxUnavailable`), ...validateAtMostAll(maxSurge, `${path}.maxSurge`)];
}

export function validateDaemonSet({ spec }: DaemonSet): FieldError[] {
	return [
		...validateServingTemplate(spec, "daemonset"),
		...validateNonNegative({ "spec.minReadySeconds": spec?.minReadySeconds }),
		...validateUpdateStrategy(spec?.updateStrategy),
		...validateNonNegative({ "spec.revisionHistoryLimit": spec?.revisionHistoryLimit }),
	];
}

export const validateDaemonSetUpdate = (next: DaemonSet, old: DaemonSet): FieldError[] =>
	semanticEqual(next.spec?.selector, old.spec?.selector) ? [] : [invalid("spec.selector", next.spec?.selector, FIELD_IMMUTABLE)];
