/** What a pod's failure means for its Job: spec.podFailurePolicy (KEP-3329). */
import type { Job, Pod, PodFailurePolicyRule } from "../../schema/kubernetes.d.ts";
import { nameOf, namespaceOf } from "../identity.ts";

export interface FailureVerdict {
	action: "Count" | "Ignore" | "FailIndex" | "FailJob";
	/** What the Job says of itself when the pod fails it. */
	message: string;
}

const COUNT: FailureVerdict = { action: "Count", message: "" };

/** The first rule that fits decides; without one the failure counts. */
export function failureVerdict(job: Job, pod: Pod): FailureVerdict {
	for (const [index, rule] of (job.spec?.podFailurePolicy?.rules ?? []).entries()) {
		const reason = ruleFits(rule, pod);
		if (reason === undefined) continue;
		return { action: rule.action as FailureVerdict["action"], message: `${reason} matching ${rule.action} rule at index ${index}` };
	}
	return COUNT;
}

function ruleFits(rule: PodFailurePolicyRule, pod: Pod): string | undefined {
	const name = `${namespaceOf(pod)}/${nameOf(pod)}`;
	if (rule.onExitCodes) {
		const container = fittingContainer(rule.onExitCodes, pod);
		return container && `Container ${container.name} for pod ${name} failed with exit code ${container.exitCode}`;
	}
	const fits = (rule.onPodConditions ?? []).find((pattern) =>
		pod.status?.conditions?.some(({ type, status }) => type === pattern.type && status === (pattern.status || "True")),
	);
	return fits && `Pod ${name} has condition ${fits.type}`;
}

function fittingContainer(
	{ containerName, operator, values }: NonNullable<PodFailurePolicyRule["onExitCodes"]>,
	pod: Pod,
): { name: string; exitCode: number } | undefined {
	for (const { name, state } of [...(pod.status?.containerStatuses ?? []), ...(pod.status?.initContainerStatuses ?? [])]) {
		const exitCode = state?.terminated?.exitCode;
		// A container that ended well is no reason for a failure.
		if (exitCode === undefined || exitCode === 0 || (containerName !== undefined && containerName !== name)) continue;
		if (values.includes(exitCode) === (operator === "In")) return { name, exitCode };
	}
	return undefined;
}
