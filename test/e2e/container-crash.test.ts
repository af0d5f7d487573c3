/** Containers that end by a signal, by themselves or for want of memory: restarted as their pod's policy says, with back-off. */
import { describe, expect, it } from "vitest";
import type { ContainerStatus, Pod, PodList } from "../../src/core/schema/kubernetes.d.ts";
import { useCluster } from "./support/cluster.ts";
import { deployment, shellPod } from "./support/example.ts";
import { processesWith } from "./support/machine-process.ts";
import { eventually } from "./support/petrel.ts";
import { testableRuntimes } from "./support/runtimes.ts";

const REPLICAS = 2;

function podWith(name: string, script: string, restartPolicy: "Always" | "OnFailure" | "Never"): Pod {
	const pod = shellPod(name, script);
	return { ...pod, spec: { ...(pod.spec as NonNullable<Pod["spec"]>), restartPolicy } };
}

describe.each(testableRuntimes)("a container that ends with the %s runtime", (runtime) => {
	const petrel = useCluster(runtime);
	const { kubectl } = petrel;
	const container = async (pod: string): Promise<ContainerStatus | undefined> => (await kubectl.json<Pod>("get", "pod", pod)).status?.containerStatuses?.[0];
	const until = (pod: string, what: string, test: (status: ContainerStatus) => boolean): Promise<ContainerStatus> =>
		eventually(`${pod}: ${what}`, async () => {
			const status = await container(pod);
			return status !== undefined && test(status) ? status : undefined;
		});

	it("is started again in a pod of a Deployment, which stays whole", async () => {
		const marker = `killed-${process.pid}`;
		const web = deployment("web", REPLICAS);
		for (const main of web.spec?.template.spec?.containers ?? []) main.command = ["/bin/sh", "-c", "echo started; while :; do sleep 1; done", marker];
		await kubectl.apply(web);
		await kubectl.run("rollout", "status", "deployment/web", "--timeout=90s");
		const before = (await kubectl.json<PodList>("get", "pods", "-l", "app=web")).items.map(({ metadata }) => metadata.name).sort();
		process.kill(processesWith(marker)[0] ?? 0, "SIGKILL");
		const restarted = await eventually("a restart", async () => {
			const { items } = await kubectl.json<PodList>("get", "pods", "-l", "app=web");
			return items.find(({ status }) => status?.containerStatuses?.[0]?.restartCount === 1 && status.containerStatuses[0].ready);
		});
		expect(restarted.status?.containerStatuses?.[0]?.lastState?.terminated).toMatchObject({ exitCode: 137, reason: "Error" });
		await kubectl.run("rollout", "status", "deployment/web", "--timeout=60s");
		const { items } = await kubectl.json<PodList>("get", "pods", "-l", "app=web");
		expect(items.map(({ metadata }) => metadata.name).sort()).toEqual(before);
		expect(items.map(({ status }) => status?.containerStatuses?.[0]?.restartCount).sort()).toEqual([0, 1]);
		expect(await kubectl.run("logs", restarted.metadata.name ?? "", "--previous")).toBe("started\n");
	});

	it("is restarted as its pod's policy says", async () => {
		await Promise.all([
			kubectl.apply(podWith("never", "echo gone; exit 5", "Never")),
			kubectl.apply(podWith("done", "exit 0", "OnFailure")),
			kubectl.apply(podWith("failing", "echo failing; exit 3", "Always")),
		]);
		await kubectl.run("wait", "--for=jsonpath={.status.phase}=Failed", "pod/never", "--timeout=60s");
		expect(await container("never")).toMatchObject({ restartCount: 0, state: { terminated: { exitCode: 5, reason: "Error" } } });
		expect(await kubectl.run("logs", "never")).toBe("gone\n");
		await kubectl.run("wait", "--for=jsonpath={.status.phase}=Succeeded", "pod/done", "--timeout=60s");
		expect((await container("done"))?.state?.terminated).toMatchObject({ exitCode: 0, reason: "Completed" });

		const failing = await until("failing", "back-off", ({ state }) => state?.waiting?.reason === "CrashLoopBackOff");
		expect(failing.restartCount).toBeGreaterThanOrEqual(1);
		expect(failing.lastState?.terminated).toMatchObject({ exitCode: 3, reason: "Error" });
		expect(failing.state?.waiting?.message).toMatch(/^back-off 10s restarting failed container=main pod=failing_default\(\S+\)$/);
		expect(await kubectl.run("get", "pod", "failing")).toMatch(/failing +0\/1 +CrashLoopBackOff +1 /);
		expect(await kubectl.run("events", "--for=pod/failing", "--types=Warning")).toMatch(/BackOff +Pod\/failing +Back-off restarting failed container main/);
	});

	// Without a container nobody limits memory.
	if (runtime !== "containerd") return;
	it("says that it had no memory left", async () => {
		const pod = podWith("greedy", "sleep 0.2; x=xxxxxxxx; while :; do x=$x$x; done", "Always");
		for (const main of pod.spec?.containers ?? []) main.resources = { limits: { memory: "16Mi" } };
		await kubectl.apply(pod);
		const greedy = await until("greedy", "back-off", ({ state }) => state?.waiting?.reason === "CrashLoopBackOff");
		expect(greedy.lastState?.terminated).toMatchObject({ exitCode: 137, reason: "OOMKilled" });
	});
});
