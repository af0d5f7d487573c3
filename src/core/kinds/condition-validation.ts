/** Rules of a list of metav1.Condition: ValidateConditions of k8s.io/apimachinery/pkg/apis/meta/v1/validation. */
import { type FieldError, invalid, notSupported, required, duplicate, tooLong } from "../errors/field-error.ts";
import { byteLength, NON_NEGATIVE_ERROR, qualifiedName } from "../meta/name-rules.ts";
import type { Condition } from "../schema/kubernetes.d.ts";

const STATUSES = ["False", "True", "Unknown"];
const REASON = /^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$/;
const REASON_FORMAT = "[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?";
const REASON_BYTES_MAX = 1024;
const MESSAGE_BYTES_MAX = 32 * 1024;

function validateReason(reason: string | undefined, path: string): FieldError[] {
	if (!reason) return [required(path)];
	if (byteLength(reason) > REASON_BYTES_MAX) return [tooLong(path, REASON_BYTES_MAX)];
	const detail = `a condition reason must start with alphabetic character, optionally followed by a string of alphanumeric characters or '_,:', and must end with an alphanumeric character or '_' (e.g. 'my_name',  or 'MY_NAME',  or 'MyName',  or 'ReasonA,ReasonB',  or 'ReasonA:ReasonB', regex used for validation is '${REASON_FORMAT}')`;
	return REASON.test(reason) ? [] : [invalid(path, reason, detail)];
}

function validateCondition(condition: Condition, path: string): FieldError[] {
	const errors: FieldError[] = qualifiedName(condition.type ?? "").map((problem) => invalid(`${path}.type`, condition.type ?? "", problem));
	if (!STATUSES.includes(condition.status)) errors.push(notSupported(`${path}.status`, condition.status ?? "", STATUSES));
	if ((condition.observedGeneration ?? 0) < 0) errors.push(invalid(`${path}.observedGeneration`, condition.observedGeneration, NON_NEGATIVE_ERROR));
	if (!condition.lastTransitionTime) errors.push(required(`${path}.lastTransitionTime`));
	errors.push(...validateReason(condition.reason, `${path}.reason`));
	if (byteLength(condition.message ?? "") > MESSAGE_BYTES_MAX) errors.push(tooLong(`${path}.message`, MESSAGE_BYTES_MAX));
	return errors;
}

export function validateConditions(conditions: readonly Condition[] | undefined, path: string): FieldError[] {
	const seen = new Set<string>();
	return (conditions ?? []).flatMap((condition, index) => {
		const at = `${path}[${index}]`;
		const twice = condition.type && seen.has(condition.type) ? [duplicate(`${at}.type`, condition.type)] : [];
		seen.add(condition.type);
		return [...twice, ...validateCondition(condition, at)];
	});
}
