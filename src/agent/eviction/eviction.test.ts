import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { TestNode, testPod } from "../../../test/support/agent-node.ts";
import { until } from "../../../test/support/fake-clock.ts";
import type { PodSpec } from "../../core/schema/kubernetes.d.ts";
import { Housekeeping } from "../housekeeping.ts";
import { ImageCollection } from "../image-collection.ts";
import { DEFAULT_KUBELET_CONFIGURATION, type KubeletConfiguration } from "../kubelet-configuration.ts";
import { silentLogger } from "../log.ts";
import { shutDownPods } from "../node-shutdown.ts";
import { podPaths, podRef } from "../pod-names.ts";
import { directoryUse } from "../usage/disk-usage.ts";
import { evictionMessage, isCritical, type PodUse, rank } from "./eviction-order.ts";
import type { Observations } from "./thresholds.ts";
import { thresholdsOf } from "./thresholds.ts";

const MIB = 1024 * 1024;
const PERIOD_MS = 10_000;
let node: TestNode;
let housekeeping: Housekeeping;
let memoryMib: number;
let diskPercent: number;
let told: string[];

const observe = async (): Promise<Observations> => ({
	"memory.available": { available: memoryMib * MIB, capacity: 8192 * MIB },
	"nodefs.available": { available: diskPercent * MIB, capacity: 100 * MIB },
	"imagefs.available": { available: diskPercent * MIB, capacity: 100 * MIB },
});

function keepHouse(settings: Partial<KubeletConfiguration> = {}): void {
	const { runtime, view, clock, context } = node;
	housekeeping = new Housekeeping({
		runtime,
		view,
		clock,
		log: silentLogger,
		configuration: { ...DEFAULT_KUBELET_CONFIGURATION, ...settings },
		dataDirectory: context.dataDirectory,
		events: context.events,
		active: () => node.supervisor.active,
		devices: { allocate: async () => undefined, forget: () => undefined },
		allocatable: () => ({ cpu: "4", memory: "8Gi", pods: "110" }),
		onPressure: () => told.push(housekeeping.pressures.join(",")),
		observe,
	});
	node.admit = (pod) => housekeeping.admit(pod);
	housekeeping.start();
}

beforeEach(async () => {
	node = await TestNode.create();
	memoryMib = 4096;
	diskPercent = 50;
	told = [];
});
afterEach(async () => {
	await housekeeping?.stop();
	await node.close();
});

async function run(name: string, spec: Partial<PodSpec> = {}): Promise<void> {
	const containers = [{ name, image: "app:1", ...spec.containers?.[0] }];
	node.supervisor.upsert(testPod({ ...spec, containers: containers.map((one) => ({ ...one, name })) }, { name }));
	await node.reported((status) => status.phase === "Running", name);
}

const requesting = (memory: string): Partial<PodSpec> => ({ containers: [{ name: "", resources: { requests: { memory } } }] });

describe("a node that runs out of memory", () => {
	it("evicts what uses most beyond its request, and says why", async () => {
		keepHouse();
		await run("modest", requesting("1Gi"));
		await run("greedy", requesting("100Mi"));
		node.runtime.usages.set("modest", { cpuNanos: 0, memoryBytes: 500 * MIB });
		node.runtime.usages.set("greedy", { cpuNanos: 0, memoryBytes: 300 * MIB });
		memoryMib = 50;
		await node.clock.advance(PERIOD_MS);
		const status = await node.reported(({ phase }) => phase === "Failed", "greedy");
		const message =
			"The node was low on resource: memory. Threshold quantity: 100Mi, available: 50Mi. " +
			"Container greedy was using 300Mi, request is 100Mi, has larger consumption of memory. ";
		expect(status).toMatchObject({ reason: "Evicted", message });
		expect(status.conditions).toContainEqual(expect.objectContaining({ type: "DisruptionTarget", status: "True", reason: "TerminationByKubelet", message }));
		expect(await node.event("Evicted")).toMatchObject({ type: "Warning", message });
		expect(await node.event("EvictionThresholdMet")).toMatchObject({ message: "Attempting to reclaim memory" });
		expect(node.runtime.calls).toContain("stopContainer greedy 1");
		expect(node.status("modest")?.phase).toBe("Running");
		expect(told).toEqual(["MemoryPressure"]);
	});

	it("says so for five minutes after it is over, and takes no best-effort pod meanwhile", async () => {
		keepHouse();
		await run("critical", { priority: 2_000_000_000 });
		memoryMib = 50;
		await node.clock.advance(PERIOD_MS);
		memoryMib = 4096;
		await node.clock.advance(PERIOD_MS);
		expect(housekeeping.pressures).toEqual(["MemoryPressure"]);
		expect(node.status("critical")?.phase).toBe("Running");
		node.supervisor.upsert(testPod({}, { name: "late" }));
		const rejected = await node.reported(({ phase }) => phase === "Failed", "late");
		expect(rejected).toMatchObject({ reason: "Evicted", message: "Pod was rejected: The node had condition: [MemoryPressure]. " });
		expect(rejected).not.toHaveProperty("containerStatuses");
		await run("asks", requesting("1Mi"));
		await run("tolerates", { tolerations: [{ key: "node.kubernetes.io/memory-pressure", operator: "Exists" }] });
		await node.clock.advance(300_000);
		expect(housekeeping.pressures).toEqual([]);
		expect(told).toEqual(["MemoryPressure", ""]);
		await run("afterwards");
	});

	it("waits for a soft threshold's grace and gives pods theirs", async () => {
		const soft = { evictionHard: {}, evictionSoft: { "memory.available": "1Gi" }, evictionSoftGracePeriod: { "memory.available": "30s" } };
		keepHouse({ ...soft, evictionMaxPodGracePeriod: 7 });
		await run("app");
		memoryMib = 500;
		await node.clock.advance(PERIOD_MS);
		await node.clock.advance(PERIOD_MS);
		expect(node.status("app")?.phase).toBe("Running");
		await node.clock.advance(PERIOD_MS);
		await node.clock.advance(PERIOD_MS);
		await node.reported(({ phase }) => phase === "Failed", "app");
		expect(node.runtime.calls).toContain("stopContainer app 7");
	});
});

describe("a node whose disk fills up", () => {
	it("removes images that nothing uses before it evicts a pod", async () => {
		keepHouse({ imageMinimumGCAge: "0s" });
		node.runtime.addImage("unused:1");
		await run("app");
		const remove = node.runtime.removeImage.bind(node.runtime);
		node.runtime.removeImage = async (ref) => {
			diskPercent = 50;
			for (const [name, image] of node.runtime.images) if (image.id === ref) await remove(name);
		};
		diskPercent = 5;
		await node.clock.advance(PERIOD_MS);
		expect([...node.runtime.images.keys()]).toEqual(["app:1"]);
		expect(node.status("app")?.phase).toBe("Running");
		expect(housekeeping.pressures).toEqual(["DiskPressure"]);
	});

	it("evicts a pod whose emptyDir has outgrown its limit", async () => {
		keepHouse();
		const volumes = [{ name: "scratch", emptyDir: { sizeLimit: "1Mi" } }];
		await run("writer", { volumes });
		const pod = node.supervisor.active[0]?.pod;
		const paths = podPaths(node.context.dataDirectory, podRef(pod ?? testPod()));
		await writeFile(join(paths.volumesDirectory, "kubernetes.io~empty-dir", "scratch", "file"), Buffer.alloc(2 * MIB, 1));
		await node.clock.advance(PERIOD_MS);
		const status = await node.reported(({ phase }) => phase === "Failed", "writer");
		expect(status).toMatchObject({ reason: "Evicted", message: 'Usage of EmptyDir volume "scratch" exceeds the limit "1Mi". ' });
		expect(housekeeping.pressures).toEqual([]);
	});
});

describe("a machine that goes down", () => {
	it("ends its pods in their grace, critical ones last, and takes no other", async () => {
		const settings = { ...DEFAULT_KUBELET_CONFIGURATION, shutdownGracePeriod: "30s", shutdownGracePeriodCriticalPods: "10s" };
		keepHouse();
		await run("usual");
		await run("critical", { priority: 2_000_000_000 });
		node.runtime.stubborn.add("usual");
		housekeeping.shuttingDown = true;
		const done = shutDownPods(node.supervisor.active, settings, node.clock, silentLogger);
		await until(() => node.runtime.calls.includes("stopContainer usual 20"));
		expect(node.runtime.container("critical")?.state).toBe("running");
		await node.clock.advance(20_000);
		await until(() => node.runtime.calls.includes("stopContainer critical 10"));
		await done;
		const status = await node.reported(({ phase }) => phase === "Failed", "usual");
		const message = "Pod was terminated in response to imminent node shutdown.";
		expect(status).toMatchObject({ reason: "Terminated", message });
		expect(status.conditions).toContainEqual(expect.objectContaining({ type: "DisruptionTarget", reason: "TerminationByKubelet", message }));
		node.supervisor.upsert(testPod({}, { name: "late" }));
		await node.reported(({ reason }) => reason === "NodeShutdown", "late");
	});

	it("leaves them as they are without a grace period", async () => {
		keepHouse();
		await run("usual");
		await shutDownPods(node.supervisor.active, DEFAULT_KUBELET_CONFIGURATION, node.clock, silentLogger);
		expect(node.runtime.container("usual")?.state).toBe("running");
	});
});

describe("the order of eviction", () => {
	const use = (memoryBytes: number, diskBytes = 0): PodUse => ({ memoryBytes, diskBytes, inodes: 0, containers: [], volumes: {} });
	const one = (name: string, memoryBytes: number, spec: Partial<PodSpec> = {}) => ({
		pod: testPod({ containers: [{ name, resources: { requests: { memory: "100" } } }], ...spec }, { name }),
		use: use(memoryBytes),
	});
	const names = (pods: ReturnType<typeof one>[]) => rank(pods, "memory").map(({ pod }) => pod.metadata.name);

	it("is: beyond the request, lower priority, furthest above the request", () => {
		expect(names([one("within", 90), one("much", 300), one("little", 110)])).toEqual(["much", "little", "within"]);
		expect(names([one("much", 300, { priority: 10 }), one("little", 110, { priority: 5 })])).toEqual(["little", "much"]);
		expect(names([one("within", 90, { priority: -5 }), one("beyond", 110, { priority: 100 })])).toEqual(["beyond", "within"]);
	});

	it("leaves out the system's pods", () => {
		expect(isCritical(testPod({ priority: 2_000_000_000 }))).toBe(true);
		expect(isCritical(testPod({}, { annotations: { "kubernetes.io/config.source": "file" } }))).toBe(true);
		expect(isCritical(testPod({ priority: 1_000_000_000 }))).toBe(false);
	});

	it("names amounts as quantities", () => {
		const [threshold] = thresholdsOf({ ...DEFAULT_KUBELET_CONFIGURATION, evictionHard: { "nodefs.available": "10%" } });
		const observations = { "nodefs.available": { available: 5 * MIB, capacity: 100 * MIB } };
		const pod = { pod: testPod(), use: { ...use(0, 10), containers: [{ name: "app", memoryBytes: 0, diskBytes: 3 * MIB }] } };
		expect(threshold && evictionMessage(pod, threshold, observations)).toBe(
			"The node was low on resource: ephemeral-storage. Threshold quantity: 10Mi, available: 5Mi. " +
				"Container app was using 3Mi, request is 0, has larger consumption of ephemeral-storage. ",
		);
	});
});

describe("the collection of images", () => {
	let percentFree: number;
	const events: string[] = [];
	const collection = (settings: Partial<KubeletConfiguration> = {}) =>
		new ImageCollection({
			runtime: node.runtime,
			clock: node.clock,
			log: silentLogger,
			configuration: { ...DEFAULT_KUBELET_CONFIGURATION, ...settings },
			containers: () => node.view.containers(),
			disk: async () => ({ available: percentFree * 100, capacity: 10_000 }),
			tell: (_type, reason, message) => void events.push(`${reason}: ${message}`),
		});
	const images = () => [...node.runtime.images.values()].map(({ id }) => id.replace("sha256:", "")).sort();

	beforeEach(() => {
		const { runtime } = node;
		runtime.removeImage = async (ref) => {
			for (const [name, image] of runtime.images) if (image.id === ref) runtime.images.delete(name);
		};
		for (const name of ["old:1", "new:1"]) runtime.addImage(name);
		runtime.images.set("kept:1", { id: "sha256:kept:1", tags: ["kept:1"], digests: [], sizeBytes: 1000, user: "", pinned: true });
	});

	it("begins at 85 percent, spares what is new, used or pinned, and says what it could not free", async () => {
		await run("app");
		percentFree = 16;
		const gc = collection();
		await gc.collect();
		await node.clock.advance(121_000);
		await gc.collect();
		expect(images()).toEqual(["app:1", "kept:1", "new:1", "old:1"]);
		percentFree = 15;
		node.runtime.addImage("newest:1");
		await gc.collect();
		expect(images()).toEqual(["app:1", "kept:1", "new:1", "newest:1"]);
		percentFree = 1;
		await gc.collect();
		expect(images()).toEqual(["app:1", "kept:1", "newest:1"]);
		expect(events).toEqual([
			"FreeDiskSpaceFailed: Failed to garbage collect required amount of images. Attempted to free 1900 bytes, but only found 1000 bytes eligible to free.",
		]);
	});

	it("removes what nothing has used for the longest age", async () => {
		percentFree = 90;
		const gc = collection({ imageMaximumGCAge: "1h" });
		await gc.collect();
		await node.clock.advance(3_500_000);
		await gc.collect();
		expect(images()).toContain("old:1");
		await node.clock.advance(200_000);
		await gc.collect();
		expect(images()).toEqual(["kept:1"]);
	});
});

it("counts a directory as du does, and none for what is not there", async () => {
	const directory = await mkdtemp(join(tmpdir(), "petrel-du-"));
	try {
		await mkdir(join(directory, "sub"));
		await writeFile(join(directory, "sub", "file"), Buffer.alloc(MIB, 1));
		const use = await directoryUse(directory);
		expect(use.inodes).toBe(3);
		expect(use.bytes).toBeGreaterThanOrEqual(MIB);
		expect(await directoryUse(join(directory, "none"))).toEqual({ bytes: 0, inodes: 0 });
	} finally {
		await rm(directory, { recursive: true, force: true });
	}
});
