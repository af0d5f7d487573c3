import { existsSync } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { deletedPod, TestNode, testPod } from "../../test/support/agent-node.ts";
import { until } from "../../test/support/fake-clock.ts";
import { podPaths, podRef } from "./pod-names.ts";
import { RUNTIME_DOWN_AFTER_MS } from "./runtime-view.ts";

let node: TestNode;
beforeEach(async () => {
	node = await TestNode.create();
});
afterEach(() => node.close());

const condition = (name: string) => node.status()?.conditions?.find((c) => c.type === name);

describe("a pod that starts", () => {
	it("goes from ContainerCreating to Ready with its addresses", async () => {
		node.supervisor.upsert(testPod());
		const first = await until(() => node.statuses[0]?.status);
		expect(first.phase).toBe("Pending");
		expect(first.containerStatuses?.[0]?.state).toEqual({ waiting: { reason: "ContainerCreating" } });
		const status = await node.reported((s) => s.phase === "Running");
		expect(status).toMatchObject({ podIP: "10.1.0.5", hostIP: "192.0.2.1", observedGeneration: 1, qosClass: "BestEffort" });
		expect(status.containerStatuses?.[0]).toMatchObject({ ready: true, started: true, restartCount: 0, containerID: expect.stringMatching(/^fake:\/\/c\d+$/) });
		for (const type of ["PodReadyToStartContainers", "Initialized", "Ready", "ContainersReady", "PodScheduled"]) expect(condition(type)?.status).toBe("True");
		expect(node.events.map((e) => `${e.reason}: ${e.message}`)).toEqual([
			'Pulled: Container image "app:1" already present on machine and can be accessed by the pod',
			"Created: Container created",
			"Started: Container started",
		]);
	});

	it("runs its init containers one after the other, then the rest", async () => {
		node.supervisor.upsert(
			testPod({
				initContainers: [
					{ name: "one", image: "app:1" },
					{ name: "two", image: "app:1" },
				],
			}),
		);
		await until(() => node.runtime.container("one")?.state === "running");
		await node.reported((s) => s.initContainerStatuses?.[0]?.state?.running !== undefined);
		expect(node.runtime.container("two")).toBeUndefined();
		expect(condition("Initialized")).toMatchObject({
			status: "False",
			reason: "ContainersNotInitialized",
			message: "containers with incomplete status: [one two]",
		});
		expect(node.status()?.containerStatuses?.[0]?.state).toEqual({ waiting: { reason: "PodInitializing" } });
		node.runtime.exit("one", 0);
		await until(() => node.runtime.container("two")?.state === "running");
		node.runtime.exit("two", 0);
		const status = await node.reported((s) => s.phase === "Running");
		expect(status.initContainerStatuses?.map((s) => s.ready)).toEqual([true, true]);
	});

	it("keeps a sidecar beside the others and stops it when they are done", async () => {
		node.supervisor.upsert(testPod({ restartPolicy: "Never", initContainers: [{ name: "proxy", image: "app:1", restartPolicy: "Always" }] }));
		await node.reported((s) => s.phase === "Running");
		node.runtime.exit("app", 0);
		const status = await node.reported((s) => s.phase === "Succeeded");
		expect(status.containerStatuses?.[0]?.state?.terminated).toMatchObject({ exitCode: 0, reason: "Completed" });
		expect(node.runtime.container("proxy")?.state).toBe("exited");
		expect([...node.runtime.sandboxes.values()].every((s) => !s.ready)).toBe(true);
	});

	it("waits for a ConfigMap and starts when it comes", async () => {
		node.supervisor.upsert(testPod({ containers: [{ name: "app", image: "app:1", envFrom: [{ configMapRef: { name: "settings" } }] }] }));
		const waiting = await node.reported((s) => s.containerStatuses?.[0]?.state?.waiting?.reason === "CreateContainerConfigError");
		expect(waiting.containerStatuses?.[0]?.state?.waiting?.message).toBe('configmap "settings" not found');
		node.objects.addConfigMap("settings", { COLOUR: "blue" });
		node.supervisor.namespaceChanged("default");
		await node.reported((s) => s.phase === "Running");
		const config = [...node.runtime.configs.values()].at(-1);
		expect(config?.env).toContainEqual({ name: "COLOUR", value: "blue" });
	});

	it("says ErrImagePull, then ImagePullBackOff, and recovers", async () => {
		node.supervisor.upsert(testPod({ containers: [{ name: "app", image: "missing:2" }] }));
		await node.reported((s) => s.containerStatuses?.[0]?.state?.waiting?.reason === "ErrImagePull");
		await node.clock.advance(1_000);
		const waiting = await node.reported((s) => s.containerStatuses?.[0]?.state?.waiting?.reason === "ImagePullBackOff");
		expect(waiting.containerStatuses?.[0]?.state?.waiting?.message).toContain('Back-off pulling image "missing:2"');
		node.runtime.addImage("missing:2");
		await node.clock.advance(10_000);
		await node.reported((s) => s.phase === "Running");
	});

	it("shows its address while an image is still being pulled", async () => {
		node.runtime.pullImage = () => new Promise(() => undefined);
		node.supervisor.upsert(testPod({ containers: [{ name: "app", image: "slow:1" }] }));
		await node.event("Pulling");
		await node.view.refresh();
		await node.clock.advance(1_000);
		const status = await node.reported((s) => s.podIP === "10.1.0.5");
		expect(status).toMatchObject({ phase: "Pending", containerStatuses: [{ state: { waiting: { reason: "ContainerCreating" } } }] });
	});

	it("reports FailedMount and stays ContainerCreating while a token cannot be had", async () => {
		node.tokenError = new Error("failed to fetch token: 503");
		const volumes = [{ name: "token", projected: { sources: [{ serviceAccountToken: { path: "token" } }] } }];
		node.supervisor.upsert(testPod({ volumes, containers: [{ name: "app", image: "app:1", volumeMounts: [{ name: "token", mountPath: "/t" }] }] }));
		expect((await node.event("FailedMount")).message).toBe('MountVolume.SetUp failed for volume "token" : failed to fetch token: 503');
		expect(node.status()?.containerStatuses?.[0]?.state?.waiting?.reason).toBe("ContainerCreating");
		node.tokenError = undefined;
		await node.clock.advance(600);
		await node.reported((s) => s.phase === "Running");
	});
});

describe("an ephemeral container", () => {
	const debug = { name: "debugger", image: "app:1", targetContainerName: "app" };

	it("joins a running pod beside its target, and runs once", async () => {
		const pod = testPod();
		node.supervisor.upsert(pod);
		await node.reported((s) => s.phase === "Running");
		node.supervisor.upsert(testPod({ ephemeralContainers: [debug] }));
		const status = await node.reported((s) => s.ephemeralContainerStatuses?.[0]?.state?.running !== undefined);
		expect(status.ephemeralContainerStatuses?.[0]).toMatchObject({ name: "debugger", ready: false, restartCount: 0, lastState: {} });
		expect(status.ephemeralContainerStatuses?.[0]).not.toHaveProperty("started");
		expect(condition("Ready")?.status).toBe("True");
		expect([...node.runtime.configs.values()].at(-1)).toMatchObject({ targetId: node.runtime.container("app")?.id });
		node.runtime.exit("debugger", 3);
		const ended = await node.reported((s) => s.ephemeralContainerStatuses?.[0]?.state?.terminated !== undefined);
		expect(ended.ephemeralContainerStatuses?.[0]).toMatchObject({ restartCount: 0, state: { terminated: { exitCode: 3, reason: "Error" } } });
		await node.clock.advance(61_000);
		expect(node.runtime.calls.filter((call) => call === "createContainer debugger")).toHaveLength(1);
	});

	it("does not run again when the runtime has forgotten it", async () => {
		node.supervisor.upsert(testPod({ ephemeralContainers: [debug] }));
		await node.reported((s) => s.ephemeralContainerStatuses?.[0]?.state?.running !== undefined);
		node.runtime.containers.delete(node.runtime.container("debugger")?.id ?? "");
		await node.view.refresh();
		await node.reported((s) => s.ephemeralContainerStatuses?.[0]?.state?.terminated?.reason === "ContainerStatusUnknown");
		await node.clock.advance(61_000);
		expect(node.runtime.container("debugger")).toBeUndefined();
	});

	it("starts while the pod still initialises", async () => {
		node.supervisor.upsert(testPod({ initContainers: [{ name: "slow", image: "app:1" }], ephemeralContainers: [{ name: "debugger", image: "app:1" }] }));
		await until(() => node.runtime.container("debugger")?.state === "running");
		expect(node.runtime.container("app")).toBeUndefined();
	});

	it("waits with a reason when its target is not there", async () => {
		node.supervisor.upsert(testPod({ ephemeralContainers: [{ ...debug, targetContainerName: "other" }] }));
		const status = await node.reported((s) => s.ephemeralContainerStatuses?.[0]?.state?.waiting?.reason === "CreateContainerConfigError");
		expect(status.ephemeralContainerStatuses?.[0]?.state?.waiting?.message).toBe("unable to find target container other");
		expect((await node.event("Failed")).message).toBe("Error: unable to find target container other");
	});
});

describe("a container that ends", () => {
	it("is restarted at once, then after a back-off that doubles", async () => {
		node.supervisor.upsert(testPod());
		await node.reported((s) => s.phase === "Running");
		node.runtime.exit("app", 3);
		await node.reported((s) => s.containerStatuses?.[0]?.restartCount === 1 && s.containerStatuses[0].state?.running !== undefined);
		node.runtime.exit("app", 3);
		const crashed = await node.reported((s) => s.containerStatuses?.[0]?.state?.waiting?.reason === "CrashLoopBackOff");
		expect(crashed.phase).toBe("Running");
		expect(crashed.containerStatuses?.[0]).toMatchObject({
			restartCount: 1,
			ready: false,
			state: { waiting: { message: "back-off 10s restarting failed container=app pod=web_default(uid-web)" } },
			lastState: { terminated: { exitCode: 3, reason: "Error" } },
		});
		await node.clock.advance(9_000);
		expect(node.runtime.container("app")?.state).toBe("exited");
		await node.clock.advance(1_000);
		await node.reported((s) => s.containerStatuses?.[0]?.restartCount === 2 && s.containerStatuses[0].state?.running !== undefined);
		node.runtime.exit("app", 3);
		await node.reported((s) => s.containerStatuses?.[0]?.state?.waiting?.message?.startsWith("back-off 20s") === true);
	});

	it("starts afresh after ten minutes of running", async () => {
		node.supervisor.upsert(testPod());
		await node.reported((s) => s.phase === "Running");
		node.runtime.exit("app", 1);
		await node.reported((s) => s.containerStatuses?.[0]?.restartCount === 1 && s.containerStatuses[0].state?.running !== undefined);
		await node.clock.advance(601_000);
		node.runtime.exit("app", 1);
		await node.reported((s) => s.containerStatuses?.[0]?.restartCount === 2 && s.containerStatuses[0].state?.running !== undefined);
	});

	it.each([
		["Never", 0, "Succeeded", "PodCompleted"],
		["Never", 2, "Failed", "PodFailed"],
		["OnFailure", 0, "Succeeded", "PodCompleted"],
	])("with restartPolicy %s and code %i leaves the pod %s", async (restartPolicy, code, phase, reason) => {
		node.supervisor.upsert(testPod({ restartPolicy }));
		await node.reported((s) => s.phase === "Running");
		node.runtime.exit("app", code);
		await node.reported((s) => s.phase === phase);
		expect(condition("Ready")).toMatchObject({ status: "False", reason });
		expect(node.runtime.calls.filter((c) => c === "startContainer app")).toHaveLength(1);
	});

	it("is not run again after a restart of the agent when the pod was over", async () => {
		const pod = testPod({ restartPolicy: "OnFailure" });
		node.supervisor.upsert(pod);
		await node.reported((s) => s.phase === "Running");
		node.runtime.exit("app", 0);
		await node.reported((s) => s.phase === "Succeeded");
		await node.restart();
		node.runtime.sandboxes.clear();
		node.runtime.containers.clear();
		node.statuses.length = 0;
		node.supervisor.upsert(pod);
		await node.reported((s) => s.phase === "Succeeded");
		expect(node.runtime.calls.filter((c) => c.startsWith("runSandbox"))).toHaveLength(1);
	});

	it("leaves its last words in the status", async () => {
		node.supervisor.upsert(testPod({ restartPolicy: "Never" }));
		await node.reported((s) => s.phase === "Running");
		const mount = [...node.runtime.configs.values()][0]?.mounts.find((m) => m.containerPath === "/dev/termination-log");
		await writeFile(mount?.hostPath ?? "", "out of cheese");
		node.runtime.exit("app", 1);
		const status = await node.reported((s) => s.phase === "Failed");
		expect(status.containerStatuses?.[0]?.state?.terminated?.message).toBe("out of cheese");
	});
});

describe("a sandbox that dies", () => {
	it("is replaced, and the containers run again in the new one", async () => {
		node.supervisor.upsert(testPod());
		await node.reported((s) => s.phase === "Running");
		const [sandbox] = [...node.runtime.sandboxes.values()];
		await node.runtime.stopSandbox(sandbox?.id ?? "");
		await node.reported((s) => s.containerStatuses?.[0]?.restartCount === 1 && s.containerStatuses[0].state?.running !== undefined);
		expect([...node.runtime.sandboxes.values()].map((s) => [s.attempt, s.ready])).toEqual([
			[0, false],
			[1, true],
		]);
		await node.event("SandboxChanged");
	});
});

describe("deletion", () => {
	it("stops with grace, cleans up, and only then reports the pod stopped", async () => {
		const pod = testPod();
		node.supervisor.upsert(pod);
		await node.reported((s) => s.phase === "Running");
		node.runtime.stubborn.add("app");
		node.supervisor.upsert(deletedPod(pod, 20));
		await until(() => node.runtime.calls.includes("stopContainer app 20"));
		expect(node.stopped).toEqual([]);
		await node.clock.advance(20_000);
		await until(() => node.stopped.length === 1);
		expect(node.runtime.sandboxes.size).toBe(0);
		expect(node.runtime.containers.size).toBe(0);
		expect(existsSync(podPaths(node.context.dataDirectory, podRef(pod)).podDirectory)).toBe(false);
		expect(node.status()).toMatchObject({ phase: "Failed", containerStatuses: [{ state: { terminated: { exitCode: 137 } } }] });
	});

	it("runs preStop within the grace period first", async () => {
		const pod = testPod({ containers: [{ name: "app", image: "app:1", lifecycle: { preStop: { exec: { command: ["drain"] } } } }] });
		let release: () => void = () => undefined;
		node.runtime.execHandler = () => new Promise((resolve) => (release = () => resolve(0)));
		node.supervisor.upsert(pod);
		await node.reported((s) => s.phase === "Running");
		node.supervisor.upsert(deletedPod(pod, 30));
		await node.event("Killing");
		await node.clock.advance(10_000);
		expect(node.runtime.calls.some((c) => c.startsWith("stopContainer"))).toBe(false);
		release();
		await until(() => node.stopped.length === 1);
		expect(node.runtime.calls).toContain("stopContainer app 20");
	});

	it("takes a shorter grace period when a second deletion asks for it", async () => {
		const pod = testPod();
		node.supervisor.upsert(pod);
		await node.reported((s) => s.phase === "Running");
		node.runtime.stubborn.add("app");
		node.supervisor.upsert(deletedPod(pod, 600));
		await until(() => node.runtime.calls.includes("stopContainer app 600"));
		node.supervisor.upsert(deletedPod(pod, 1));
		await until(() => node.runtime.calls.includes("stopContainer app 1"));
		await node.clock.advance(1_000);
		expect(node.runtime.container("app")?.state ?? "gone").not.toBe("running");
	});

	it("of a pod that never started reports it stopped too, even while its image is pulled", async () => {
		const pod = testPod({ containers: [{ name: "app", image: "slow:1" }] });
		node.runtime.pullImage = () => new Promise(() => undefined);
		node.supervisor.upsert(pod);
		await node.event("Pulling");
		node.supervisor.upsert(deletedPod(pod));
		await until(() => node.stopped.length === 1);
		expect(node.runtime.sandboxes.size).toBe(0);
	});

	it("of the object stops the pod without a report, and forgets it", async () => {
		const pod = testPod();
		node.supervisor.upsert(pod);
		await node.reported((s) => s.phase === "Running");
		node.supervisor.remove(podRef(pod));
		await until(() => node.supervisor.pods.length === 0);
		expect(node.stopped).toEqual([]);
		expect(node.runtime.sandboxes.size).toBe(0);
	});
});

describe("probes", () => {
	const probe = { exec: { command: ["check"] }, periodSeconds: 5, failureThreshold: 2 };

	it("make a container ready only when readiness says so", async () => {
		let healthy = false;
		node.runtime.execHandler = async () => (healthy ? 0 : 1);
		node.supervisor.upsert(testPod({ containers: [{ name: "app", image: "app:1", readinessProbe: probe }] }));
		await node.reported((s) => s.phase === "Running");
		expect(condition("Ready")).toMatchObject({ status: "False", reason: "ContainersNotReady", message: "containers with unready status: [app]" });
		await node.clock.advance(1);
		await node.event("Unhealthy");
		healthy = true;
		await node.clock.advance(5_000);
		await node.reported((s) => s.containerStatuses?.[0]?.ready === true);
		healthy = false;
		await node.clock.advance(10_000);
		await node.reported((s) => s.containerStatuses?.[0]?.ready === false);
		expect(node.runtime.container("app")?.attempt).toBe(0);
	});

	it("restart a container that is no longer alive", async () => {
		node.runtime.execHandler = async () => 1;
		node.supervisor.upsert(testPod({ containers: [{ name: "app", image: "app:1", livenessProbe: probe }] }));
		await node.reported((s) => s.phase === "Running");
		await node.clock.advance(1);
		await until(() => node.events.filter((e) => e.reason === "Unhealthy").length === 1);
		await node.clock.advance(5_000);
		await node.reported((s) => s.containerStatuses?.[0]?.restartCount === 1);
		expect((await node.event("Killing")).message).toBe("Container app failed liveness probe, will be restarted");
	});

	it("hold the others back until the startup probe has passed", async () => {
		let started = false;
		node.runtime.execHandler = async (_name, options) => (options.command[0] === "boot" ? (started ? 0 : 1) : 0);
		const startupProbe = { exec: { command: ["boot"] }, periodSeconds: 5, failureThreshold: 100 };
		node.supervisor.upsert(testPod({ containers: [{ name: "app", image: "app:1", startupProbe, readinessProbe: probe }] }));
		await node.reported((s) => s.phase === "Running");
		await node.clock.advance(20_000);
		expect(node.status()?.containerStatuses?.[0]).toMatchObject({ started: false, ready: false });
		started = true;
		await node.clock.advance(5_000);
		await node.reported((s) => s.containerStatuses?.[0]?.started === true && s.containerStatuses[0].ready);
	});
});

describe("the agent", () => {
	it("re-adopts what runs after its own restart and starts nothing twice", async () => {
		const pod = testPod();
		node.supervisor.upsert(pod);
		await node.reported((s) => s.phase === "Running");
		const id = node.runtime.container("app")?.id;
		await node.restart();
		node.statuses.length = 0;
		node.supervisor.replaceAll([pod]);
		const status = await node.reported((s) => s.phase === "Running");
		expect(status.containerStatuses?.[0]?.containerID).toBe(`fake://${id}`);
		expect(node.runtime.calls.filter((c) => c.startsWith("startContainer"))).toHaveLength(1);
	});

	it("removes sandboxes that nobody wants after a full answer", async () => {
		node.supervisor.upsert(testPod());
		await node.reported((s) => s.phase === "Running");
		await node.restart();
		node.supervisor.replaceAll([]);
		await until(() => node.runtime.sandboxes.size === 0);
		expect(node.runtime.calls).toContain("stopContainer app 30");
	});

	it("outlives a runtime that does not answer", async () => {
		node.runtime.failures.set("list", new Error("connection refused"));
		node.supervisor.upsert(testPod());
		await until(() => node.view.error);
		node.runtime.failures.clear();
		await node.clock.advance(2_000);
		await node.reported((s) => s.phase === "Running");
	});

	it("takes a runtime for down when it has been silent for as long as kubelet waits", async () => {
		await node.view.refresh();
		node.runtime.failures.set("list", new Error("connection refused"));
		await node.view.refresh().catch(() => undefined);
		expect([node.view.error !== undefined, node.view.down]).toEqual([true, false]);
		await node.clock.advance(RUNTIME_DOWN_AFTER_MS);
		expect(node.view.down).toBe(true);
		node.runtime.failures.clear();
		await node.view.refresh();
		expect(node.view.down).toBe(false);
	});

	it("ends a pod whose deadline is over", async () => {
		node.supervisor.upsert(testPod({ activeDeadlineSeconds: 60 }));
		await node.reported((s) => s.phase === "Running");
		await node.clock.advance(60_000);
		const status = await node.reported((s) => s.phase === "Failed");
		expect(status).toMatchObject({ reason: "DeadlineExceeded", message: "Pod was active on the node longer than the specified deadline" });
	});

	it("replaces a container whose image has changed", async () => {
		node.runtime.addImage("app:2");
		const pod = testPod();
		node.supervisor.upsert(pod);
		await node.reported((s) => s.phase === "Running");
		node.supervisor.upsert({ ...pod, spec: { ...pod.spec, containers: [{ name: "app", image: "app:2" }] } });
		await node.reported((s) => s.containerStatuses?.[0]?.image === "app:2");
		expect((await node.event("Killing")).message).toBe("Container app definition changed, will be restarted");
	});

	it("updates a ConfigMap volume in place while the pod runs", async () => {
		node.objects.addConfigMap("settings", { colour: "blue" });
		const volumes = [{ name: "conf", configMap: { name: "settings" } }];
		node.supervisor.upsert(testPod({ volumes, containers: [{ name: "app", image: "app:1", volumeMounts: [{ name: "conf", mountPath: "/conf" }] }] }));
		await node.reported((s) => s.phase === "Running");
		const directory = [...node.runtime.configs.values()][0]?.mounts[0]?.hostPath ?? "";
		expect(await readFile(`${directory}/colour`, "utf8")).toBe("blue");
		node.objects.addConfigMap("settings", { shade: "dark" });
		node.supervisor.namespaceChanged("default");
		await until(() => existsSync(`${directory}/shade`) && !existsSync(`${directory}/colour`));
		expect(node.runtime.container("app")?.attempt).toBe(0);
	});
});
