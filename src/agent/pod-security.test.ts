import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { deletedPod, TestNode, testPod } from "../../test/support/agent-node.ts";
import type { Container, PodSpec, PodStatus } from "../core/schema/kubernetes.d.ts";
import { kernelHostname } from "./hosts-file.ts";
import { admitBySecurity, verifyRunAsNonRoot } from "./pod-security.ts";

const app: Container = { name: "app", image: "app:1" };

describe("what a node does not take", () => {
	const admit = (spec: Partial<PodSpec>, host = { allowedUnsafeSysctls: ["net.core.*"], appArmor: false }) => admitBySecurity(testPod(spec), host)?.message;
	const sysctls = (...names: string[]): Partial<PodSpec> => ({ securityContext: { sysctls: names.map((name) => ({ name, value: "1" })) } });

	it("are sysctls that harm others", () => {
		expect(admit(sysctls("net.ipv4.tcp_syncookies", "net/ipv4/tcp_rmem", "net.core.somaxconn"))).toBeUndefined();
		expect(admit(sysctls("kernel.msgmax"))).toBe('forbidden sysctl: "kernel.msgmax" not allowlisted');
		expect(admit({ ...sysctls("net.ipv4.tcp_syncookies"), hostNetwork: true })).toBe(
			'forbidden sysctl: "net.ipv4.tcp_syncookies" not allowed with host net enabled',
		);
		expect(admit({ ...sysctls("kernel.shm_rmid_forced"), hostIPC: true })).toBe('forbidden sysctl: "kernel.shm_rmid_forced" not allowed with host ipc enabled');
	});

	it("are AppArmor profiles without AppArmor", () => {
		const spec = { containers: [{ ...app, securityContext: { appArmorProfile: { type: "RuntimeDefault" } } }] };
		expect(admit(spec)).toBe("Cannot enforce AppArmor: AppArmor is not enabled on the host");
		expect(admit(spec, { allowedUnsafeSysctls: [], appArmor: true })).toBeUndefined();
	});
});

describe("runAsNonRoot", () => {
	const verify = (context: Container["securityContext"], imageUser = "") => verifyRunAsNonRoot(testPod(), { ...app, securityContext: context }, imageUser);

	it.each([
		[{ runAsNonRoot: true }, "", "container has runAsNonRoot and image will run as root"],
		[{ runAsNonRoot: true }, "0:0", "container has runAsNonRoot and image will run as root"],
		[{ runAsNonRoot: true }, "web", "container has runAsNonRoot and image has non-numeric user (web), cannot verify user is non-root"],
		[{ runAsNonRoot: true, runAsUser: 0 }, "1000", "container's runAsUser breaks non-root policy"],
	])("%j with the image's user %j is refused", (context, user, message) => {
		expect(() => verify(context, user)).toThrow(`${message} (pod: "web_default(uid-web)", container: app)`);
	});

	it("lets the others run", () => {
		verify({ runAsNonRoot: true }, "1000");
		verify({ runAsNonRoot: true, runAsUser: 7 });
		verify(undefined);
		verify({ runAsNonRoot: false });
	});
});

describe("a pod's start and end", () => {
	let node: TestNode;
	beforeEach(async () => {
		node = await TestNode.create();
	});
	afterEach(() => node.close());

	it("fails where root is forbidden and the image runs as root", async () => {
		node.supervisor.upsert(testPod({ containers: [{ ...app, securityContext: { runAsNonRoot: true } }] }));
		const status = await node.reported((s) => s.containerStatuses?.[0]?.state?.waiting?.reason === "CreateContainerConfigError");
		expect(status.containerStatuses?.[0]?.state?.waiting?.message).toContain("image will run as root");
	});

	it("does not come about without the users that it asks for", async () => {
		node.supervisor.upsert(testPod({ hostUsers: false }));
		expect((await node.event("FailedCreatePodSandBox")).message).toBe("Failed to create pod sandbox: runtime does not support user namespaces");
		expect(node.runtime.sandboxes.size).toBe(0);
	});

	it("is told by the signal that the container asks for", async () => {
		const pod = testPod({ containers: [{ ...app, lifecycle: { stopSignal: "SIGUSR1" } }] });
		node.supervisor.upsert(pod);
		const status = await node.reported((s) => s.phase === "Running");
		expect(status.containerStatuses?.[0]?.stopSignal).toBe("SIGUSR1");
		node.supervisor.upsert(deletedPod(pod));
		await node.reported((s) => s.containerStatuses?.[0]?.state?.terminated !== undefined);
		expect(node.runtime.calls).toContain("stopContainer app 30 SIGUSR1");
	});

	it("runs until no container restarts, and is then what became of them", async () => {
		const restartPolicyRules = [{ action: "Restart", exitCodes: { operator: "In", values: [42] } }];
		node.supervisor.upsert(testPod({ restartPolicy: "Never", containers: [{ ...app, restartPolicy: "Never", restartPolicyRules }] }));
		await node.reported((s) => s.phase === "Running");
		node.runtime.exit("app", 42);
		const again = await node.reported((s) => s.containerStatuses?.[0]?.restartCount === 1);
		expect(again.phase).toBe("Running");
		node.runtime.exit("app", 1);
		await node.reported((s) => s.phase === "Failed");
	});

	it("restarts all containers, init containers among them, when a rule says so, and tells of it", async () => {
		const restartPolicyRules = [{ action: "RestartAllContainers", exitCodes: { operator: "In", values: [88] } }];
		const leader = { ...app, name: "leader", restartPolicy: "Never", restartPolicyRules };
		node.supervisor.upsert(testPod({ restartPolicy: "Never", initContainers: [{ ...app, name: "init" }], containers: [leader, app] }));
		await node.reported((s) => s.initContainerStatuses?.[0]?.state?.running !== undefined);
		node.runtime.exit("init", 0);
		const first = await node.reported((s) => s.containerStatuses?.every(({ state }) => state?.running) === true);
		await node.clock.advance(1_000);
		node.runtime.exit("leader", 88);
		const restarting = (s: PodStatus) => s.conditions?.find(({ type }) => type === "AllContainersRestarting");
		const told = await node.reported((s) => restarting(s)?.status === "True");
		expect(restarting(told)).toMatchObject({ reason: "ContainerExited", message: "Container leader exited with code 88, restarting all containers" });
		await node.reported((s) => s.initContainerStatuses?.[0]?.restartCount === 1 && s.initContainerStatuses[0].state?.running !== undefined);
		node.runtime.exit("init", 0);
		const again = await node.reported((s) => s.containerStatuses?.every(({ state, restartCount }) => state?.running && restartCount === 1) === true);
		expect([again.phase, restarting(again)?.status, again.podIP]).toEqual(["Running", "False", first.podIP]);
	});
});

describe("the kernel's host name", () => {
	it("is the pod's, or the whole one, as far as the kernel has room", () => {
		expect(kernelHostname(testPod({ subdomain: "sub" }), "cluster.local")).toBe("web");
		expect(kernelHostname(testPod({ subdomain: "sub", setHostnameAsFQDN: true }), "cluster.local")).toBe("web.sub.default.svc.cluster.local");
		expect(kernelHostname(testPod({ setHostnameAsFQDN: true }), "cluster.local")).toBe("web");
		expect(() => kernelHostname(testPod({ subdomain: "s".repeat(40), setHostnameAsFQDN: true }), "cluster.local")).toThrow(
			"is too long (64 characters is the max, 70 characters requested)",
		);
	});
});
