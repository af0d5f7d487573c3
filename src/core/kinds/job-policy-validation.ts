/** Rules of a Job's failure and success policies: pkg/apis/batch/validation. */
import { duplicate, type FieldError, invalid, notSupported, required, tooMany } from "../errors/field-error.ts";
import { qualifiedName } from "../meta/name-rules.ts";
import type { JobSpec, PodFailurePolicyRule } from "../schema/kubernetes.d.ts";
import { parseIndexes } from "../controllers/job/index-set.ts";

const RULES_MAX = 20;
const EXIT_CODES_MAX = 255;
const CONDITION_PATTERNS_MAX = 20;
const SUCCEEDED_INDEXES_BYTES_MAX = 64 * 1024;
const ACTIONS = ["Count", "FailIndex", "FailJob", "Ignore"];

export function validatePodFailurePolicy(spec: JobSpec, path: string): FieldError[] {
	const policy = spec.podFailurePolicy;
	if (!policy) return [];
	const at = `${path}.podFailurePolicy.rules`;
	const rules = policy.rules ?? [];
	const errors: FieldError[] =
		spec.template?.spec?.restartPolicy === "Never"
			? []
			: [invalid(`${path}.template.spec.restartPolicy`, spec.template?.spec?.restartPolicy, 'only "Never" is supported when podFailurePolicy is specified')];
	if (rules.length > RULES_MAX) errors.push(tooMany(at, rules.length, RULES_MAX));
	const containers = new Set([...(spec.template?.spec?.containers ?? []), ...(spec.template?.spec?.initContainers ?? [])].map(({ name }) => name));
	return [...errors, ...rules.flatMap((rule, i) => validateRule(rule, spec, containers, `${at}[${i}]`))];
}

function validateRule(rule: PodFailurePolicyRule, spec: JobSpec, containers: ReadonlySet<string>, path: string): FieldError[] {
	const errors: FieldError[] = [];
	if (!rule.action) errors.push(required(`${path}.action`, `valid values: ${ACTIONS.map((a) => JSON.stringify(a)).join(", ")}`));
	else if (!ACTIONS.includes(rule.action)) errors.push(notSupported(`${path}.action`, rule.action, ACTIONS));
	else if (rule.action === "FailIndex" && spec.backoffLimitPerIndex === undefined) {
		errors.push(invalid(`${path}.action`, rule.action, "requires the backoffLimitPerIndex to be set"));
	}
	const patterns = rule.onPodConditions ?? [];
	if (rule.onExitCodes) {
		errors.push(...validateExitCodes(rule.onExitCodes, containers, `${path}.onExitCodes`));
		if (patterns.length > 0) errors.push(invalid(path, rule, "specifying both OnExitCodes and OnPodConditions is not supported"));
	} else if (patterns.length === 0) {
		errors.push(invalid(path, rule, "specifying one of OnExitCodes and OnPodConditions is required"));
	}
	if (patterns.length > CONDITION_PATTERNS_MAX) errors.push(tooMany(`${path}.onPodConditions`, patterns.length, CONDITION_PATTERNS_MAX));
	for (const [i, { type, status }] of patterns.entries()) {
		const at = `${path}.onPodConditions[${i}]`;
		errors.push(...qualifiedName(type).map((problem) => invalid(`${at}.type`, type, problem)));
		if (!["False", "True", "Unknown"].includes(status ?? "")) errors.push(notSupported(`${at}.status`, status ?? "", ["False", "True", "Unknown"]));
	}
	return errors;
}

function validateExitCodes(
	{ containerName, operator, ...codes }: NonNullable<PodFailurePolicyRule["onExitCodes"]>,
	containers: ReadonlySet<string>,
	path: string,
): FieldError[] {
	const errors: FieldError[] = [];
	const values = codes.values ?? [];
	if (!operator) errors.push(required(`${path}.operator`, 'valid values: "In", "NotIn"'));
	else if (operator !== "In" && operator !== "NotIn") errors.push(notSupported(`${path}.operator`, operator, ["In", "NotIn"]));
	if (containerName !== undefined && !containers.has(containerName))
		errors.push(invalid(`${path}.containerName`, containerName, "must be one of the container or initContainer names in the pod template"));
	if (values.length === 0) errors.push(invalid(`${path}.values`, values, "at least one value is required"));
	if (values.length > EXIT_CODES_MAX) errors.push(tooMany(`${path}.values`, values.length, EXIT_CODES_MAX));
	const seen = new Set<number>();
	for (const [i, code] of values.entries()) {
		const at = `${path}.values[${i}]`;
		if (operator === "In" && code === 0) errors.push(invalid(at, code, "must not be 0 for the In operator"));
		else if (seen.has(code)) errors.push(duplicate(at, code));
		else seen.add(code);
	}
	if (values.some((code, i) => i > 0 && (values[i - 1] ?? 0) > code)) errors.push(invalid(`${path}.values`, values, "must be ordered"));
	return errors;
}

export function validateSuccessPolicy(spec: JobSpec, path: string): FieldError[] {
	const policy = spec.successPolicy;
	if (!policy) return [];
	const at = `${path}.successPolicy`;
	if (spec.completionMode !== "Indexed") return [invalid(at, policy, "requires indexed completion mode")];
	const rules = policy.rules ?? [];
	const errors: FieldError[] = rules.length === 0 ? [required(`${at}.rules`, "at least one rules must be specified when the successPolicy is specified")] : [];
	if (rules.length > RULES_MAX) errors.push(tooMany(`${at}.rules`, rules.length, RULES_MAX));
	return [...errors, ...rules.flatMap((rule, i) => validateSuccessRule(rule, spec.completions ?? 0, `${at}.rules[${i}]`))];
}

function validateSuccessRule(rule: NonNullable<JobSpec["successPolicy"]>["rules"][number], completions: number, path: string): FieldError[] {
	const { succeededCount: count, succeededIndexes: text } = rule;
	if (count === undefined && text === undefined) return [required(path, "at least one of succeededCount or succeededIndexes must be specified")];
	const errors: FieldError[] = [];
	let total = completions;
	if (text !== undefined) {
		if (text.length > SUCCEEDED_INDEXES_BYTES_MAX)
			errors.push({
				type: "FieldValueTooLong",
				field: `${path}.succeededIndexes`,
				message: `Too long: may not be more than ${SUCCEEDED_INDEXES_BYTES_MAX} bytes`,
			});
		const indexes = parseIndexes(text, completions);
		if (typeof indexes === "string") errors.push(invalid(`${path}.succeededIndexes`, text, `error parsing succeededIndexes: ${indexes}`));
		else total = indexes.size;
	}
	if (count === undefined) return errors;
	if (count < 0) errors.push(invalid(`${path}.succeededCount`, count, "must be greater than or equal to 0"));
	if (count > completions)
		errors.push(invalid(`${path}.succeededCount`, count, `must be less than or equal to ${completions} (the number of specified completions)`));
	if (count > total)
		errors.push(
			invalid(`${path}.succeededCount`, count, `must be less than or equal to ${total} (the number of indexes in the specified succeededIndexes field)`),
		);
	return errors;
}
