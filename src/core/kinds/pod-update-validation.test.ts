/** Containers that have ended stay so, but where a rule may have all of a pod's containers run again. */
import { expect, it } from "vitest";
import type { Pod } from "../schema/kubernetes.d.ts";
import { validatePodStatusUpdate } from "./pod-update-validation.ts";

const ended = { terminated: { exitCode: 0 } };
const running = { running: {} };

function pod(state: object, action?: string): Pod {
	const restartPolicyRules = action === undefined ? [] : [{ action, exitCodes: { operator: "In", values: [88] } }];
	const containers = [
		{ name: "leader", image: "i", ...(action ? { restartPolicy: "Never", restartPolicyRules } : {}) },
		{ name: "other", image: "i" },
	];
	const statuses = [{ name: "other", state }];
	return {
		apiVersion: "v1",
		kind: "Pod",
		metadata: { name: "p" },
		spec: { restartPolicy: "Never", initContainers: [{ name: "other", image: "i" }], containers },
		status: { containerStatuses: statuses, initContainerStatuses: statuses },
	} as unknown as Pod;
}

it("refuses that a container runs again whose policy forbids it", () => {
	for (const action of [undefined, "Restart"])
		expect(validatePodStatusUpdate(pod(running, action), pod(ended, action)).map(({ field, message }) => [field, message])).toEqual([
			["status.containerStatuses[0].state", "Forbidden: may not be transitioned to non-terminated state"],
			["status.initContainerStatuses[0].state", "Forbidden: may not be transitioned to non-terminated state"],
		]);
});

it("lets all run again where a container's rule restarts all", () => {
	expect(validatePodStatusUpdate(pod(running, "RestartAllContainers"), pod(ended, "RestartAllContainers"))).toEqual([]);
});
