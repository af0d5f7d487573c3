/** What is killed comes back, with no duplicate pod and no lost acknowledged write. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { PodList } from "../../src/core/schema/kubernetes.d.ts";
import type { RunState } from "../../src/cli/data-directory.ts";
import { deployment, shellPod } from "./support/example.ts";
import { eventually, Petrel, testableRuntimes } from "./support/petrel.ts";

describe.each(testableRuntimes())("with the %s runtime", (runtime) => {
	const petrel = new Petrel();
	const { kubectl } = petrel;
	const apply = (object: unknown): Promise<string> => kubectl.pipe(JSON.stringify(object), "apply", "-f", "-");
	const pods = async (app: string): Promise<PodList["items"]> => (await kubectl.json<PodList>("get", "pods", "-l", `app=${app}`)).items;
	const restarts = async (name: string): Promise<number> =>
		Number(await kubectl.run("get", "pod", name, "-o", "jsonpath={.status.containerStatuses[0].restartCount}"));

	/** Kills one of the two processes and waits until its successor runs. */
	async function killAndWait(name: "controlPlane" | "agent"): Promise<void> {
		const before = (petrel.data.runState() as RunState)[name];
		process.kill(before?.pid ?? 0, "SIGKILL");
		await eventually(`another ${name}`, async () => {
			const now = petrel.data.runState()?.[name];
			return now !== undefined && now.pid !== before?.pid ? now : undefined;
		});
		await eventually("an answer", async () => ((await kubectl.try(["get", "--raw", "/readyz"])).code === 0 ? true : undefined));
	}

	beforeAll(() => petrel.up("--no-example", "--runtime", runtime));
	afterAll(() => petrel.dispose());

	it("finishes a rollout over a killed control plane, and loses no acknowledged write", async () => {
		await apply(deployment("rolling", 5));
		const written: string[] = [];
		for (let i = 0; i < 5; i++) {
			const name = `acknowledged-${i}`;
			await kubectl.run("create", "configmap", name);
			written.push(name);
		}
		await killAndWait("controlPlane");
		await kubectl.run("rollout", "status", "deployment/rolling", "--timeout=120s");
		expect(await pods("rolling")).toHaveLength(5);
		expect((await kubectl.run("get", "configmaps", "-o", "name")).split("\n").filter((name) => name.includes("acknowledged"))).toHaveLength(written.length);
	});

	it("adopts running pods after the agent was killed", async () => {
		await apply(shellPod("survivor", "echo started; sleep 3000"));
		await kubectl.run("wait", "--for=condition=Ready", "pod/survivor", "--timeout=60s");
		const before = (await pods("rolling")).map((pod) => pod.metadata?.uid).sort();
		await killAndWait("agent");
		await apply(shellPod("later", "sleep 3000"));
		await kubectl.run("wait", "--for=condition=Ready", "pod/later", "--timeout=90s");
		expect(await restarts("survivor")).toBe(0);
		expect(await kubectl.run("logs", "survivor")).toBe("started\n");
		expect((await pods("rolling")).map((pod) => pod.metadata?.uid).sort()).toEqual(before);
	});

	it("starts a killed container again", async () => {
		await apply(shellPod("mortal", "echo started; sleep 3000 & echo $! >pid; wait $!"));
		await kubectl.run("wait", "--for=condition=Ready", "pod/mortal", "--timeout=60s");
		await kubectl.run("exec", "mortal", "--", "sh", "-c", "kill -9 $(cat pid)");
		await eventually("a restart", async () => ((await restarts("mortal")) >= 1 ? true : undefined));
		await kubectl.run("wait", "--for=condition=Ready", "pod/mortal", "--timeout=60s");
		expect(await kubectl.run("logs", "mortal", "--previous")).toBe("started\n");
	});
});
