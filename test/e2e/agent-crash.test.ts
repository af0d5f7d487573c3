/** kill -9 of the agent: its pods go on untouched, and the next agent makes good what happened in between. */
import { describe, expect, it } from "vitest";
import type { Pod, PodCondition, PodList } from "../../src/core/schema/kubernetes.d.ts";
import { useCluster } from "./support/cluster.ts";
import { kill, successor } from "./support/crash.ts";
import { deployment, shellPod } from "./support/example.ts";
import { processesWith } from "./support/machine-process.ts";
import { eventually } from "./support/petrel.ts";
import { PodWatcher } from "./support/pod-watcher.ts";
import { testableRuntimes } from "./support/runtimes.ts";

const REPLICAS = 3;
const EXIT_CODE = 7;

/** The shell's $0: an argument that no other process of the machine has. */
const markerOf = (name: string): string => `${name}-${process.pid}`;

function markedPod(name: string, script: string): Pod {
	const pod = shellPod(name, script);
	for (const container of pod.spec?.containers ?? []) container.command?.push(markerOf(name));
	return pod;
}

const readiness = ({ metadata, status }: Pod): [string, PodCondition | undefined] => [
	metadata.name ?? "",
	status?.conditions?.find(({ type }) => type === "Ready"),
];

const identityOf = ({ metadata, status }: Pod): object => {
	const { containerID, restartCount } = status?.containerStatuses?.[0] ?? {};
	return { uid: metadata.uid, containerID, restartCount };
};

describe.each(testableRuntimes)("an agent killed with the %s runtime", (runtime) => {
	const petrel = useCluster(runtime);
	const { kubectl } = petrel;
	const web = async (): Promise<Pod[]> => (await kubectl.json<PodList>("get", "pods", "-l", "app=web", "--sort-by={.metadata.name}")).items;

	it("leaves its pods running, and its successor adopts them", async () => {
		await Promise.all([
			kubectl.apply(deployment("web", REPLICAS)),
			kubectl.apply(markedPod("dying", `trap 'exit ${EXIT_CODE}' USR1; echo started; while :; do sleep 0.1; done`)),
			kubectl.apply(markedPod("leaving", "echo started; sleep 3000 & wait")),
		]);
		await kubectl.run("rollout", "status", "deployment/web", "--timeout=90s");
		await kubectl.run("wait", "--for=condition=Ready", "pod/dying", "pod/leaving", "--timeout=60s");
		const before = await web();
		const watcher = new PodWatcher(petrel);
		await watcher.start();

		const killed = kill(petrel, "agent");
		for (const pid of processesWith(markerOf("dying"))) process.kill(pid, "SIGUSR1");
		await Promise.all([
			kubectl.run("delete", "pod", "leaving", "--wait=false"),
			kubectl.run("scale", "deployment/web", `--replicas=${REPLICAS + 1}`),
			successor(petrel, "agent", killed),
		]);

		const dying = await eventually("the restart of the container that ended", async () => {
			const { status } = await kubectl.json<Pod>("get", "pod", "dying");
			const container = status?.containerStatuses?.[0];
			return container?.restartCount === 1 && container.ready ? container : undefined;
		});
		expect(dying.lastState?.terminated).toMatchObject({ exitCode: EXIT_CODE, reason: "Error" });
		await kubectl.run("wait", "--for=delete", "pod/leaving", "--timeout=60s");
		expect(processesWith(markerOf("leaving"))).toEqual([]);
		await kubectl.run("rollout", "status", "deployment/web", "--timeout=60s");

		const after = (await web()).filter(({ metadata }) => before.some((pod) => pod.metadata.uid === metadata.uid));
		expect(after.map(identityOf)).toEqual(before.map(identityOf));
		expect(after.map(readiness)).toEqual(before.map(readiness));
		await watcher.stop();
		const unready = watcher.events.filter(({ type, object }) => type === "MODIFIED" && readiness(object)[1]?.status !== "True");
		expect(unready.filter(({ object }) => before.some((pod) => pod.metadata.uid === object.metadata.uid))).toEqual([]);

		expect(await kubectl.run("logs", "dying", "--previous")).toBe("started\n");
		expect(await kubectl.run("logs", `pod/${before[0]?.metadata.name}`)).not.toBe("");
		expect(await kubectl.run("exec", `pod/${before[0]?.metadata.name}`, "--", "echo", "adopted")).toBe("adopted\n");
	});
});
