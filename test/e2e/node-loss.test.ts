/** A node that is cut off from the control plane: its pods move after their toleration, and nothing runs twice when it returns. */
import { execFileSync } from "node:child_process";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { Node, NodeList, Pod, PodList } from "../../src/core/schema/kubernetes.d.ts";
import { impatient, shellPod } from "./support/example.ts";
import { problemsOf, readNode } from "./support/node-contents.ts";
import { podsOnNode } from "./support/node-pods.ts";
import { eventually, Petrel } from "./support/petrel.ts";
import { RemoteNode, testAddress } from "./support/remote-node.ts";
import { bestRuntime } from "./support/runtimes.ts";
import { NO_TRACES, tracesOf } from "./support/traces.ts";

const LOCAL_NODE = "node-a";
const REPLICAS = 6;
/** More than the 40 s after which a silent node counts as lost, and the 30 s after which it is noticed. */
const LOSS_TIMEOUT_MS = 90_000;

function patient(node: string): Pod {
	const pod = shellPod("patient", "echo started; trap 'exit 0' TERM; while :; do sleep 0.2; done");
	return { ...pod, spec: { ...(pod.spec as NonNullable<Pod["spec"]>), nodeSelector: { "kubernetes.io/hostname": node } } };
}

const ready = ({ status }: Node): string | undefined => status?.conditions?.find(({ type }) => type === "Ready")?.status;

describe("a node cut off from the control plane", () => {
	const petrel = new Petrel();
	const { kubectl } = petrel;
	const [near, far] = [new RemoteNode("node-b", 1), new RemoteNode("node-c", 2)];
	const address = `${testAddress(254)}/32`;
	const pods = async (selector: string): Promise<Pod[]> => (await kubectl.json<PodList>("get", "pods", "-l", selector)).items;
	const web = (): Promise<Pod[]> => pods("app=web");
	const on = (list: readonly Pod[], node: string): Pod[] => list.filter(({ spec }) => spec?.nodeName === node);
	const uids = (list: readonly Pod[]): (string | undefined)[] => list.map(({ metadata }) => metadata.uid).sort();
	const nodeReady = (name: string, wanted: string, timeoutMs?: number): Promise<true> =>
		eventually(`${name} Ready=${wanted}`, async () => (ready(await kubectl.json<Node>("get", "node", name)) === wanted ? true : undefined), timeoutMs);

	beforeAll(async () => {
		execFileSync("ip", ["address", "add", address, "dev", "lo"]);
		await petrel.up("--no-example", "--runtime", bestRuntime, "--listen", testAddress(254), "--node-name", LOCAL_NODE);
		const server = petrel.data.runState()?.server ?? "";
		const token = (await petrel.run("node", "token", "create")).trim();
		await Promise.all([near, far].map((node) => node.start(petrel, server, token)));
		await eventually("three ready nodes", async () => {
			const { items } = await kubectl.json<NodeList>("get", "nodes");
			return items.filter((node) => ready(node) === "True").length === 3 ? true : undefined;
		});
	});
	beforeEach(({ onTestFailed }) => {
		onTestFailed(() => {
			process.stderr.write(`${[petrel, near, far].map((one) => one.logs()).join("\n")}\n`);
		});
	});
	afterAll(async () => {
		await Promise.all([near, far].map((node) => node.dispose()));
		await petrel.dispose();
		execFileSync("ip", ["address", "delete", address, "dev", "lo"]);
		for (const directory of [petrel.data.path, near.directory, far.directory]) expect(tracesOf(directory)).toEqual(NO_TRACES);
	});

	it("loses its impatient pods to the others and keeps the patient ones", async () => {
		await Promise.all([kubectl.apply(impatient("web", REPLICAS)), kubectl.apply(patient(far.name))]);
		await kubectl.run("rollout", "status", "deployment/web", "--timeout=90s");
		await kubectl.run("wait", "--for=condition=Ready", "pod/patient", "--timeout=60s");
		const before = await web();
		for (const name of [LOCAL_NODE, near.name, far.name]) expect(on(before, name)).toHaveLength(REPLICAS / 3);
		const [lost] = await pods("app=patient");

		far.cut();
		await nodeReady(far.name, "Unknown", LOSS_TIMEOUT_MS);
		const staying = async (): Promise<Pod[]> => on(await web(), far.name).filter(({ metadata }) => metadata.deletionTimestamp === undefined);
		await eventually("the eviction of the impatient pods", async () => ((await staying()).length === 0 ? true : undefined));
		await kubectl.run("rollout", "status", "deployment/web", "--timeout=60s");
		const moved = (await web()).filter(({ metadata }) => metadata.deletionTimestamp === undefined);
		expect(on(moved, far.name)).toEqual([]);
		expect(moved).toHaveLength(REPLICAS);
		// The node cannot be told: its pods run until it hears of their end, and count as being deleted until then.
		expect(uids(on(await web(), far.name))).toEqual(uids(on(before, far.name)));
		expect(podsOnNode(far.directory)).toHaveLength(REPLICAS / 3 + 1);

		far.mend();
		await nodeReady(far.name, "True");
		await eventually("the end of the pods that moved", async () => (on(await web(), far.name).length === 0 ? true : undefined));
		expect(uids(await web())).toEqual(uids(moved));
		expect(podsOnNode(far.directory)).toEqual([lost?.metadata.uid]);
		const all = [petrel.data.file("node"), near.directory, far.directory].flatMap((directory) => podsOnNode(directory)).sort();
		expect(all).toEqual([...uids(moved), lost?.metadata.uid].sort());

		await kubectl.run("wait", "--for=condition=Ready", "pod/patient", "--timeout=60s");
		const [found] = await pods("app=patient");
		const identity = ({ metadata, status }: Pod): object => [
			metadata.uid,
			status?.containerStatuses?.[0]?.containerID,
			status?.containerStatuses?.[0]?.restartCount,
		];
		expect(identity(found as Pod)).toEqual(identity(lost as Pod));
		expect(await kubectl.run("logs", "patient")).toBe("started\n");
	});

	// A reset takes what the kernel holds of containers; processes on the machine's own network are not a node's.
	if (bestRuntime !== "containerd") return;
	it("runs its pods again after a reset, before it has heard from the control plane", async () => {
		const [before] = await pods("app=patient");
		await far.reset();
		far.cut();
		await far.startAgent();
		await eventually("the patient pod, out of what the node remembers", async () => ((await isRunning(far, "patient")) ? true : undefined));

		far.mend();
		const after = await eventually("its status", async () => {
			const [pod] = await pods("app=patient");
			return pod?.status?.containerStatuses?.[0]?.restartCount === 1 && pod.status.containerStatuses[0].ready ? pod : undefined;
		});
		expect(after.metadata.uid).toBe(before?.metadata.uid);
		expect(await kubectl.run("logs", "patient")).toBe("started\n");
		await eventually("a node with nothing else", async () => {
			const { items } = await kubectl.json<PodList>("get", "pods", `--field-selector=spec.nodeName=${far.name}`);
			return problemsOf(far, await readNode(far), items).length === 0 ? true : undefined;
		});
	});
});

/** Whether a container of this name's pod runs, by the runtime's own word. */
async function isRunning(node: RemoteNode, name: string): Promise<boolean> {
	const contents = await readNode(node).catch(() => undefined);
	return contents?.containers.some((container) => container.pod === name && container.running) === true;
}
