import { describe, expect, it } from "vitest";
import { testPod } from "../../test/support/agent-node.ts";
import type { Container, Pod } from "../core/schema/kubernetes.d.ts";
import { computePodActions, type ProbeVerdicts } from "./pod-lifecycle.ts";
import { containerSpecHash } from "./pod-names.ts";
import type { ContainerStateInfo, SandboxState } from "./runtime/runtime.ts";

const HEALTHY: ProbeVerdicts = { started: () => true, failed: () => undefined };
const sandbox = (extra: Partial<SandboxState> = {}): SandboxState => ({
	id: "s1",
	podUid: "uid-web",
	podName: "web",
	podNamespace: "default",
	attempt: 0,
	ready: true,
	createdAtMs: 1,
	ips: ["10.1.0.5"],
	...extra,
});

function state(container: Container, what: "running" | number, extra: Partial<ContainerStateInfo> = {}): ContainerStateInfo {
	return {
		id: `${container.name}-${extra.attempt ?? 0}`,
		sandboxId: "s1",
		podUid: "uid-web",
		name: container.name,
		attempt: 0,
		image: "app:1",
		imageId: "",
		state: what === "running" ? "running" : "exited",
		createdAtMs: 1,
		startedAtMs: 1,
		finishedAtMs: 0,
		exitCode: what === "running" ? 0 : what,
		reason: "",
		message: "",
		specHash: containerSpecHash(container),
		logPath: "",
		...extra,
	};
}

const app: Container = { name: "app", image: "app:1" };
const side: Container = { name: "side", image: "app:1" };
const init: Container = { name: "init", image: "app:1" };
const ruled: Container = {
	name: "ruled",
	image: "app:1",
	restartPolicy: "Never",
	restartPolicyRules: [{ action: "Restart", exitCodes: { operator: "In", values: [42] } }],
};
/** Restarts all containers when it ends with 88. */
const leader: Container = {
	name: "leader",
	image: "app:1",
	restartPolicy: "Never",
	restartPolicyRules: [{ action: "RestartAllContainers", exitCodes: { operator: "In", values: [88] } }],
};
const once: Container = { name: "once", image: "app:1", restartPolicy: "Never" };
const proxy: Container = { name: "proxy", image: "app:1", restartPolicy: "Always" };

/** The decision in one line. */
function decide(pod: Pod, sandboxes: SandboxState[], containers: ContainerStateInfo[], verdicts = HEALTHY): string {
	const a = computePodActions(pod, sandboxes, containers, verdicts);
	const parts = [
		a.killPod ? "kill pod" : "",
		a.createSandbox ? `sandbox ${a.attempt}` : "",
		a.containersToKill.map((k) => `kill ${k.name} (${k.cause})`).join(", "),
		a.initContainersToStart.map((c) => `init ${c.name}`).join(", "),
		a.containersToStart.map((c) => `start ${c.name}`).join(", "),
	];
	return parts.filter(Boolean).join("; ") || "nothing";
}

describe("computePodActions", () => {
	const two = testPod({ containers: [app, side] });
	const withInit = testPod({ initContainers: [init], containers: [app] });
	const withProxy = testPod({ initContainers: [proxy, init], containers: [app] });
	const never = (pod: Pod): Pod => ({ ...pod, spec: { ...pod.spec, restartPolicy: "Never" } as Pod["spec"] });
	const onFailure = (pod: Pod): Pod => ({ ...pod, spec: { ...pod.spec, restartPolicy: "OnFailure" } as Pod["spec"] });
	const dead = sandbox({ ready: false });

	it.each<[string, Pod, SandboxState[], ContainerStateInfo[], string]>([
		["a new pod", two, [], [], "kill pod; sandbox 0; start app, start side"],
		["a new pod with init containers", withInit, [], [], "kill pod; sandbox 0; init init"],
		["everything runs", two, [sandbox()], [state(app, "running"), state(side, "running")], "nothing"],
		["one has ended, Always", two, [sandbox()], [state(app, 0), state(side, "running")], "start app"],
		["one has failed, Never", never(two), [sandbox()], [state(app, 1), state(side, "running")], "nothing"],
		["all have ended, Never", never(two), [sandbox()], [state(app, 1), state(side, 0)], "kill pod"],
		["one of two has failed, OnFailure", onFailure(two), [sandbox()], [state(app, 1), state(side, 0)], "start app"],
		["all have succeeded, OnFailure", onFailure(two), [sandbox()], [state(app, 0), state(side, 0)], "kill pod"],
		["the sandbox died, Always", two, [dead], [state(app, 137), state(side, 137)], "kill pod; sandbox 1; start app, start side"],
		["the sandbox died, Never", never(two), [dead], [state(app, 137), state(side, 137)], "kill pod"],
		["the sandbox died, OnFailure, one had succeeded", onFailure(two), [dead], [state(app, 0), state(side, 137)], "kill pod; sandbox 1; start side"],
		[
			"in the new sandbox what had succeeded stays done",
			onFailure(two),
			[dead, sandbox({ id: "s2", attempt: 1 })],
			[state(app, 0), state(side, "running", { sandboxId: "s2", attempt: 1 })],
			"nothing",
		],
		["two sandboxes are ready", testPod(), [sandbox(), sandbox({ id: "s2", attempt: 1 })], [], "kill pod; sandbox 2; start app"],
		["the init container runs", withInit, [sandbox()], [state(init, "running")], "nothing"],
		["the init container has succeeded", withInit, [sandbox()], [state(init, 0)], "start app"],
		["the init container has failed", withInit, [sandbox()], [state(init, 1)], "init init"],
		["the init container has failed, Never", never(withInit), [sandbox()], [state(init, 1)], "kill pod"],
		["the init container was collected after the start", withInit, [sandbox()], [state(app, "running")], "nothing"],
		["a sidecar comes first", withProxy, [sandbox()], [], "init proxy"],
		["a sidecar runs, then the init container", withProxy, [sandbox()], [state(proxy, "running")], "init init"],
		["a sidecar dies later", withProxy, [sandbox()], [state(proxy, 1), state(init, 0), state(app, "running")], "init proxy"],
		["only the sidecar is left, Never", never(withProxy), [sandbox()], [state(proxy, "running"), state(init, 0), state(app, 0)], "kill pod"],
		["the image has changed", testPod({ containers: [{ ...app, image: "app:2" }] }), [sandbox()], [state(app, "running")], "kill app (definition); start app"],
		["a container that was never started", testPod(), [sandbox()], [state(app, "running", { state: "created" })], "start app"],
		["a rule restarts this exit code, Never", never(testPod({ containers: [ruled] })), [sandbox()], [state(ruled, 42)], "start ruled"],
		["no rule names this exit code, Never", never(testPod({ containers: [ruled] })), [sandbox()], [state(ruled, 1)], "kill pod"],
		["a container's own Never in a pod that restarts", testPod({ containers: [once, side] }), [sandbox()], [state(once, 1), state(side, "running")], "nothing"],
		["an init container's own Never", testPod({ initContainers: [{ ...init, restartPolicy: "Never" }] }), [sandbox()], [state(init, 1)], "kill pod"],
	])("%s", (_what, pod, sandboxes, containers, expected) => {
		expect(decide(pod, sandboxes, containers)).toBe(expected);
	});

	describe("a rule that restarts all containers", () => {
		const pod = never(testPod({ initContainers: [proxy, init], containers: [leader, app] }));
		const before = [state(proxy, "running"), state(init, 0), state(leader, 88, { finishedAtMs: 10 })];
		const proxyStopped = [state(proxy, 137, { finishedAtMs: 11 }), ...before.slice(1)];
		const again = (container: Container, what: "running" | number, createdAtMs = 20) => state(container, what, { attempt: 1, createdAtMs });

		it.each<[string, ContainerStateInfo[], string]>([
			["stops those that run", [...before, state(app, "running")], "kill proxy (restart-all), kill app (restart-all)"],
			["begins anew once none does, with what had succeeded too", [...proxyStopped, state(app, 0)], "init proxy"],
			["goes through the init containers again", [...proxyStopped, state(app, 0), again(proxy, "running")], "init init"],
			["starts all the others after them", [...proxyStopped, state(app, 0), again(proxy, "running"), again(init, 0)], "start leader, start app"],
			[
				"is over when all run",
				[...proxyStopped, state(app, 0), again(proxy, "running"), again(init, 0), again(leader, "running"), again(app, "running")],
				"nothing",
			],
			["fails the pod when an init container does, Never", [...proxyStopped, state(app, 0), again(proxy, "running"), again(init, 1)], "kill pod"],
			["leaves the others alone at another exit code", [state(proxy, "running"), state(init, 0), state(leader, 1), state(app, "running")], "nothing"],
		])("%s", (_what, containers, expected) => {
			expect(decide(pod, [sandbox()], containers)).toBe(expected);
		});

		it("restarts the one that ended by its own policy where that is all its first rule says", () => {
			const rules = [{ ...ruled.restartPolicyRules?.[0], action: "Restart" }, { ...leader.restartPolicyRules?.[0] }] as Container["restartPolicyRules"];
			const both: Container = { ...leader, ...(rules ? { restartPolicyRules: rules } : {}) };
			expect(decide(never(testPod({ containers: [both, app] })), [sandbox()], [state(both, 42), state(app, "running")])).toBe("start leader");
		});
	});

	it("waits with what follows until a sidecar has started", () => {
		expect(decide(withProxy, [sandbox()], [state(proxy, "running")], { ...HEALTHY, started: () => false })).toBe("nothing");
	});

	it("restarts what fails its liveness probe, but under Never only stops it", () => {
		const failing: ProbeVerdicts = { started: () => true, failed: () => "liveness" };
		expect(decide(testPod(), [sandbox()], [state(app, "running")], failing)).toBe("kill app (liveness); start app");
		expect(decide(never(two), [sandbox()], [state(app, "running"), state(side, 0)], failing)).toContain("kill app (liveness)");
	});
});
