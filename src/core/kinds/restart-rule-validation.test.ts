/** A container's own restart policy and its rules are taken or refused as upstream does, by the field's name. */
import { expect, it } from "vitest";
import type { ContainerRestartRule } from "../schema/kubernetes.d.ts";
import { validateRestartPolicy } from "./restart-rule-validation.ts";

const rule = (fields: object = {}): ContainerRestartRule => ({ action: "Restart", exitCodes: { operator: "In", values: [3] }, ...fields });
const said = (container: Parameters<typeof validateRestartPolicy>[0]): string[] =>
	validateRestartPolicy(container, "spec.containers[0]").map(({ field, message }) => `${field}: ${message}`);

it("takes rules beside a policy of the container's own", () => {
	expect(said({})).toEqual([]);
	expect(
		said({ restartPolicy: "Never", restartPolicyRules: [rule(), rule({ action: "RestartAllContainers", exitCodes: { operator: "NotIn", values: [0] } })] }),
	).toEqual([]);
});

it.each([
	[{ restartPolicyRules: [rule()] }, "spec.containers[0].restartPolicy: Required value: must specify restartPolicy when restart rules are used"],
	[{ restartPolicy: "Sometimes" }, 'spec.containers[0].restartPolicy: Unsupported value: "Sometimes": supported values: "Always", "Never", "OnFailure"'],
	[
		{ restartPolicy: "Never", restartPolicyRules: [rule({ action: "DoNotRestart" })] },
		'spec.containers[0].restartPolicyRules[0].action: Unsupported value: "DoNotRestart": supported values: "Restart", "RestartAllContainers"',
	],
	[
		{ restartPolicy: "Never", restartPolicyRules: [rule({ exitCodes: { operator: "Equals", values: [3] } })] },
		'spec.containers[0].restartPolicyRules[0].exitCodes.operator: Unsupported value: "Equals": supported values: "In", "NotIn"',
	],
	[
		{ restartPolicy: "Never", restartPolicyRules: [{ action: "Restart" }] },
		"spec.containers[0].restartPolicyRules[0].exitCodes: Required value: must be specified",
	],
	[
		{ restartPolicy: "Never", restartPolicyRules: Array.from({ length: 21 }, () => rule()) },
		"spec.containers[0].restartPolicyRules: Too many: 21: must have at most 20 items",
	],
])("refuses %j", (container, message) => expect(said(container)).toEqual([message]));
