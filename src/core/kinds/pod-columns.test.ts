import { describe, expect, it } from "vitest";
import type { ContainerStatus, Pod } from "../schema/kubernetes.d.ts";
import { tableOf } from "../table/table.ts";
import { podKind } from "./pod.ts";
import { builtinKinds } from "./registry.ts";

const NOW = "2026-01-01T01:00:00Z";
const nowMs = Date.parse(NOW);

function pod(status: Pod["status"], spec: Partial<Pod["spec"]> = {}, metadata: Partial<Pod["metadata"]> = {}): Pod {
	return {
		apiVersion: "v1",
		kind: "Pod",
		metadata: { name: "p", namespace: "default", creationTimestamp: "2026-01-01T00:00:00Z", ...metadata },
		spec: { containers: [{ name: "a" }], ...spec },
		status,
	};
}

const status = (name: string, state: ContainerStatus["state"], more: Partial<ContainerStatus> = {}): ContainerStatus => ({
	name,
	state,
	ready: false,
	restartCount: 0,
	image: "",
	imageID: "",
	...more,
});
const running = { running: { startedAt: "2026-01-01T00:00:00Z" } };
const oneInit = { initContainers: [{ name: "i" }, { name: "j" }] };
const sidecar = { initContainers: [{ name: "s", restartPolicy: "Always" }] };
const twoContainers = { containers: [{ name: "a" }, { name: "b" }] };

/** Ready, Status, Restarts. */
const CASES: [string, Pod, [string, string, string]][] = [
	["waits for a node", pod({ phase: "Pending" }), ["0/1", "Pending", "0"]],
	["is gated", pod({ phase: "Pending", conditions: [{ type: "PodScheduled", status: "False", reason: "SchedulingGated" }] }), ["0/1", "SchedulingGated", "0"]],
	["starts", pod({ phase: "Pending", containerStatuses: [status("a", { waiting: { reason: "ContainerCreating" } })] }), ["0/1", "ContainerCreating", "0"]],
	["runs", pod({ phase: "Running", containerStatuses: [status("a", running, { ready: true })] }), ["1/1", "Running", "0"]],
	[
		"crashes",
		pod({
			phase: "Running",
			containerStatuses: [
				status(
					"a",
					{ waiting: { reason: "CrashLoopBackOff" } },
					{ restartCount: 3, lastState: { terminated: { exitCode: 1, finishedAt: "2026-01-01T00:55:00Z" } } },
				),
			],
		}),
		["0/1", "CrashLoopBackOff", "3 (5m ago)"],
	],
	["ends by a signal", pod({ phase: "Failed", containerStatuses: [status("a", { terminated: { exitCode: 137, signal: 9 } })] }), ["0/1", "Signal:9", "0"]],
	["ends by a code", pod({ phase: "Failed", containerStatuses: [status("a", { terminated: { exitCode: 3 } })] }), ["0/1", "ExitCode:3", "0"]],
	[
		"has done its work",
		pod({ phase: "Succeeded", containerStatuses: [status("a", { terminated: { exitCode: 0, reason: "Completed" } })] }),
		["0/1", "Completed", "0"],
	],
	["was evicted", pod({ phase: "Failed", reason: "Evicted" }), ["0/1", "Evicted", "0"]],
	[
		"is at its second init container",
		pod({ phase: "Pending", initContainerStatuses: [status("i", { terminated: { exitCode: 0 } }), status("j", running)] }, oneInit),
		["0/1", "Init:1/2", "0"],
	],
	[
		"fails to initialize",
		pod({ phase: "Pending", initContainerStatuses: [status("i", { waiting: { reason: "CrashLoopBackOff" } }, { restartCount: 2 })] }, oneInit),
		["0/1", "Init:CrashLoopBackOff", "2"],
	],
	[
		"fails to initialize at once",
		pod({ phase: "Failed", initContainerStatuses: [status("i", { terminated: { exitCode: 1, reason: "Error" } })] }, oneInit),
		["0/1", "Init:Error", "0"],
	],
	[
		"counts a sidecar",
		pod(
			{
				phase: "Running",
				initContainerStatuses: [status("s", running, { ready: true, started: true, restartCount: 1 })],
				containerStatuses: [status("a", running, { ready: true })],
			},
			sidecar,
		),
		["2/2", "Running", "1"],
	],
	[
		"has one container done and one running",
		pod(
			{
				phase: "Running",
				conditions: [{ type: "Ready", status: "False" }],
				containerStatuses: [status("a", { terminated: { exitCode: 0, reason: "Completed" } }), status("b", running, { ready: true })],
			},
			twoContainers,
		),
		["1/2", "NotReady", "0"],
	],
	[
		"is going",
		pod({ phase: "Running", containerStatuses: [status("a", running, { ready: true })] }, {}, { deletionTimestamp: NOW }),
		["1/1", "Terminating", "0"],
	],
	["is lost with its node", pod({ phase: "Running", reason: "NodeLost" }, {}, { deletionTimestamp: NOW }), ["0/1", "Unknown", "0"]],
];

describe("the columns of pods", () => {
	it.each(CASES)("show a pod that %s", (_, object, expected) => {
		const { cells } = tableOf(builtinKinds.byStoreName("pods") ?? never(), [object], { includeObject: "None", nowMs }).rows[0] ?? never();
		expect(cells.slice(0, 5)).toEqual(["p", ...expected, "60m"]);
	});

	it("show addresses, nodes and gates under -o wide", () => {
		const object = pod(
			{ podIPs: [{ ip: "10.1.0.2" }], conditions: [{ type: "x/y", status: "True" }] },
			{ nodeName: "n1", readinessGates: [{ conditionType: "x/y" }, { conditionType: "x/z" }] },
		);
		const wide = podKind.columns.filter((c) => c.priority === 1);
		expect(wide.map((c) => c.name)).toEqual(["IP", "Node", "Nominated Node", "Readiness Gates"]);
		expect(wide.map((c) => c.cell(object, { nowMs }))).toEqual(["10.1.0.2", "n1", "<none>", "1/2"]);
	});

	it("mark the rows of finished pods", () => {
		const table = tableOf(builtinKinds.byStoreName("pods") ?? never(), [pod({ phase: "Succeeded" }), pod({ phase: "Running" })], {
			includeObject: "Metadata",
			nowMs,
		});
		expect(table.rows[0]?.conditions).toEqual([{ type: "Completed", status: "True", reason: "Succeeded", message: "The pod has completed successfully." }]);
		expect(table.rows[1]?.conditions).toBeUndefined();
		expect(table.rows[0]?.object).toMatchObject({ kind: "PartialObjectMetadata", apiVersion: "meta.k8s.io/v1", metadata: { name: "p" } });
	});
});

function never(): never {
	throw new Error("missing");
}
