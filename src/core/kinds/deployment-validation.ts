/** Rules of a Deployment: ValidateDeploymentSpec of pkg/apis/apps/validation. */
import { type FieldError, forbidden, invalid, notSupported, required } from "../errors/field-error.ts";
import { semanticEqual } from "../meta/equality.ts";
import { FIELD_IMMUTABLE, NON_NEGATIVE_ERROR, percent } from "../meta/name-rules.ts";
import type { Deployment, DeploymentStrategy, RollingUpdateDeployment } from "../schema/kubernetes.d.ts";
import { validateNonNegative, validateServingTemplate } from "./pod-template-validation.ts";

const PERCENT_MAX = 100;

/** ValidatePositiveIntOrPercent. */
export function validateIntOrPercent(value: number | string | undefined, path: string): FieldError[] {
	if (typeof value === "string") return percent(value).map((problem) => invalid(path, value, problem));
	return value !== undefined && value < 0 ? [invalid(path, value, NON_NEGATIVE_ERROR)] : [];
}

export const isPercent = (value: number | string | undefined): value is string => typeof value === "string" && percent(value).length === 0;
export const isZero = (value: number | string | undefined): boolean =>
	value === undefined || value === 0 || (isPercent(value) && Number.parseInt(value, 10) === 0);

function validateRollingUpdate(update: RollingUpdateDeployment, path: string): FieldError[] {
	const { maxUnavailable, maxSurge } = update;
	const errors = [...validateIntOrPercent(maxUnavailable, `${path}.maxUnavailable`), ...validateIntOrPercent(maxSurge, `${path}.maxSurge`)];
	if (isZero(maxUnavailable) && isZero(maxSurge)) errors.push(invalid(`${path}.maxUnavailable`, maxUnavailable, "may not be 0 when `maxSurge` is 0"));
	return [...errors, ...validateAtMostAll(maxUnavailable, `${path}.maxUnavailable`)];
}

/** IsNotMoreThan100Percent. */
export function validateAtMostAll(value: number | string | undefined, path: string): FieldError[] {
	return isPercent(value) && Number.parseInt(value, 10) > PERCENT_MAX ? [invalid(path, value, "must not be greater than 100%")] : [];
}

function validateStrategy(strategy: DeploymentStrategy | undefined): FieldError[] {
	const path = "spec.strategy";
	switch (strategy?.type) {
		case "Recreate":
			return strategy.rollingUpdate ? [forbidden(`${path}.rollingUpdate`, "may not be specified when strategy `type` is 'Recreate'")] : [];
		case "RollingUpdate":
			if (!strategy.rollingUpdate) return [required(`${path}.rollingUpdate`, "this should be defaulted and never be nil")];
			return validateRollingUpdate(strategy.rollingUpdate, `${path}.rollingUpdate`);
		default:
			return [notSupported(`${path}.type`, strategy?.type ?? "", ["Recreate", "RollingUpdate"])];
	}
}

export function validateDeployment({ spec }: Deployment): FieldError[] {
	const errors = [
		...validateNonNegative({ "spec.replicas": spec?.replicas }),
		...validateServingTemplate(spec, "deployment"),
		...validateStrategy(spec?.strategy),
		...validateNonNegative({
			"spec.minReadySeconds": spec?.minReadySeconds,
			"spec.revisionHistoryLimit": spec?.revisionHistoryLimit,
			"spec.progressDeadlineSeconds": spec?.progressDeadlineSeconds,
		}),
	];
	const deadline = spec?.progressDeadlineSeconds;
	if (deadline !== undefined && deadline <= (spec?.minReadySeconds ?? 0)) {
		errors.push(invalid("spec.progressDeadlineSeconds", deadline, "must be greater than minReadySeconds"));
	}
	return errors;
}

export const validateDeploymentUpdate = (next: Deployment, old: Deployment): FieldError[] =>
	semanticEqual(next.spec?.selector, old.spec?.selector) ? [] : [invalid("spec.selector", next.spec?.selector, FIELD_IMMUTABLE)];
