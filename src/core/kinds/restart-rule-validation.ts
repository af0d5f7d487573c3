/** Rules of a container's own restart policy: validateContainerRestartPolicy of pkg/apis/core/validation. */
import { type FieldError, notSupported, required, tooMany } from "../errors/field-error.ts";
import type { ContainerRestartRule } from "../schema/kubernetes.d.ts";

const RESTART_POLICIES = ["Always", "Never", "OnFailure"];
const ACTIONS = ["Restart", "RestartAllContainers"];
const OPERATORS = ["In", "NotIn"];
const RULES_MAX = 20;
const EXIT_CODES_MAX = 255;

interface Restartable {
	restartPolicy?: string;
	restartPolicyRules?: readonly ContainerRestartRule[];
}

export function validateRestartPolicy({ restartPolicy, restartPolicyRules: rules = [] }: Restartable, path: string): FieldError[] {
	const errors: FieldError[] = [];
	if (restartPolicy !== undefined && !RESTART_POLICIES.includes(restartPolicy))
		errors.push(notSupported(`${path}.restartPolicy`, restartPolicy, RESTART_POLICIES));
	if (restartPolicy === undefined && rules.length > 0) errors.push(required(`${path}.restartPolicy`, "must specify restartPolicy when restart rules are used"));
	if (rules.length > RULES_MAX) errors.push(tooMany(`${path}.restartPolicyRules`, rules.length, RULES_MAX));
	for (const [index, rule] of rules.entries()) errors.push(...validateRule(rule, `${path}.restartPolicyRules[${index}]`));
	return errors;
}

function validateRule({ action, exitCodes }: ContainerRestartRule, path: string): FieldError[] {
	const errors = ACTIONS.includes(action ?? "") ? [] : [notSupported(`${path}.action`, action ?? "", ACTIONS)];
	if (exitCodes === undefined) return [...errors, required(`${path}.exitCodes`, "must be specified")];
	const { operator = "", values = [] } = exitCodes;
	if (!OPERATORS.includes(operator)) errors.push(notSupported(`${path}.exitCodes.operator`, operator, OPERATORS));
	if (values.length > EXIT_CODES_MAX) errors.push(tooMany(`${path}.exitCodes.values`, values.length, EXIT_CODES_MAX));
	return errors;
}
