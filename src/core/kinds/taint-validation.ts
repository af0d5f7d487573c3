/** Rules of a node's taints: ValidateNodeTaints of pkg/apis/core/validation. */
import { duplicate, type FieldError, invalid, notSupported, required } from "../errors/field-error.ts";
import { labelValue } from "../meta/name-rules.ts";
import { validateLabelName } from "../meta/object-meta-validation.ts";
import type { Taint } from "../schema/kubernetes.d.ts";

export const TAINT_EFFECTS = ["NoSchedule", "PreferNoSchedule", "NoExecute"];

export function validateTaintEffect(effect: string | undefined, allowEmpty: boolean, path: string): FieldError[] {
	if (!effect) return allowEmpty ? [] : [required(path)];
	return TAINT_EFFECTS.includes(effect) ? [] : [notSupported(path, effect, TAINT_EFFECTS)];
}

/** Valid keys, values and effects; one taint per key and effect. */
export function validateTaints(taints: readonly Taint[], path: string): FieldError[] {
	const errors: FieldError[] = [];
	const seen = new Set<string>();
	for (const [index, taint] of taints.entries()) {
		const at = `${path}[${index}]`;
		errors.push(...validateLabelName(taint.key ?? "", `${at}.key`));
		for (const problem of labelValue(taint.value ?? "")) errors.push(invalid(`${at}.value`, taint.value, problem));
		errors.push(...validateTaintEffect(taint.effect, false, `${at}.effect`));
		const identity = `${taint.key}:${taint.effect}`;
		if (seen.has(identity)) errors.push({ ...duplicate(at, taint), message: `${duplicate(at, taint).message}: taints must be unique by key and effect pair` });
		seen.add(identity);
	}
	return errors;
}
