/**
 * Rules that restart all of a pod's containers when one ends, init containers among them, while its sandbox, addresses and volumes
 * stay (KEP-5532, restartPolicyRules with action RestartAllContainers). Pure: what the runtime knows of containers says how far it is.
 */
import type { Container, ContainerRestartRule, Pod, PodCondition } from "../core/schema/kubernetes.d.ts";
import type { ContainerStateInfo } from "./runtime/runtime.ts";

/** The first of a container's rules that fits the end of it. */
export function restartRule(container: Container, exitCode: number): ContainerRestartRule | undefined {
	return container.restartPolicyRules?.find(({ exitCodes }) => exitCodes && (exitCodes.values ?? []).includes(exitCode) === (exitCodes.operator === "In"));
}

/** The last end of a container that asked for it; undefined when none has. `containers` are those of one sandbox. */
function lastCause(pod: Pod, containers: readonly ContainerStateInfo[]): ContainerStateInfo | undefined {
	const byName = new Map([...(pod.spec?.initContainers ?? []), ...(pod.spec?.containers ?? [])].map((container) => [container.name, container]));
	const asks = ({ name, state, exitCode }: ContainerStateInfo): boolean => {
		const container = byName.get(name);
		return state === "exited" && container !== undefined && restartRule(container, exitCode)?.action === "RestartAllContainers";
	};
	return containers.filter(asks).sort((a, b) => b.finishedAtMs - a.finishedAtMs)[0];
}

export interface RestartOfAll {
	/** Containers of before it. They count for nothing: each is to run anew. */
	isOver(container: ContainerStateInfo): boolean;
	/** Those of them that still run. */
	running: ContainerStateInfo[];
}

/** How a restart of all containers stands in a sandbox; ephemeral containers have no part in it. */
export function restartOfAll(pod: Pod, containers: readonly ContainerStateInfo[]): RestartOfAll {
	const cause = lastCause(pod, containers);
	const ephemeral = new Set((pod.spec?.ephemeralContainers ?? []).map(({ name }) => name));
	const isOver = ({ name, createdAtMs }: ContainerStateInfo): boolean => cause !== undefined && createdAtMs < cause.finishedAtMs && !ephemeral.has(name);
	return { isOver, running: containers.filter((one) => one.state === "running" && isOver(one)) };
}

/** AllContainersRestarting: true from the end that asked for it until nothing of before it runs any more. */
export function restartingCondition(pod: Pod, containers: readonly ContainerStateInfo[]): Pick<PodCondition, "type" | "status" | "reason" | "message">[] {
	const cause = lastCause(pod, containers);
	if (cause === undefined) return [];
	const { isOver } = restartOfAll(pod, containers);
	const begun = containers.some((one) => !isOver(one) && one.createdAtMs >= cause.finishedAtMs);
	const told = {
		type: "AllContainersRestarting",
		reason: "ContainerExited",
		message: `Container ${cause.name} exited with code ${cause.exitCode}, restarting all containers`,
	};
	return [{ ...told, status: begun ? "False" : "True" }];
}
