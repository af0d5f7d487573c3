import { existsSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { CSINode, Node, PersistentVolume, Pod } from "../../../core/schema/kubernetes.d.ts";
import { type DriverTraits, FakeApi, SampleCsiDriver } from "../../../../test/support/csi-node.ts";
import { FakeClock } from "../../../../test/support/fake-clock.ts";
import { FakeObjects, testPod } from "../../../../test/support/agent-node.ts";
import { silentLogger } from "../../log.ts";
import { podPaths, podRef } from "../../pod-names.ts";
import { GrpcError } from "../../runtime/containerd/grpc-client.ts";
import { VolumeNotAttached, type VolumeContext } from "../volume.ts";
import { CsiDrivers } from "./csi-drivers.ts";
import { CsiVolumes } from "./csi-volumes.ts";
import { inlineVolume, persistentVolume } from "./csi-request.ts";

const NAME = "sample.example.com";
const ATTACHMENT = "csi-b2a8b50cd6f2a5c0c04d1e2fb3a8c65d60ed9d1d3bcb7ef1a7f0e1cdfb6e5f67";
const STAGES = [1, 2, 3];

describe("CSI volumes of a node", () => {
	let directory: string;
	let api: FakeApi;
	let clock: FakeClock;
	let driver: SampleCsiDriver;
	let drivers: CsiDrivers;
	let grown: string[];

	beforeEach(() => {
		directory = mkdtempSync(join(tmpdir(), "petrel-csi-"));
		api = new FakeApi();
		clock = new FakeClock();
		grown = [];
		api.put("/api/v1/nodes/node-1", { apiVersion: "v1", kind: "Node", metadata: { name: "node-1", uid: "node-uid", labels: { zone: "a" } } });
		drivers = new CsiDrivers({ api, nodeName: "node-1", clock, log: silentLogger });
	});
	afterEach(async () => {
		drivers.close();
		await driver.stop();
		rmSync(directory, { recursive: true, force: true });
	});

	async function start(traits: DriverTraits, spec: object | null = { attachRequired: false }): Promise<void> {
		driver = new SampleCsiDriver(directory, traits);
		await driver.start();
		if (spec)
			api.put(`/apis/storage.k8s.io/v1/csidrivers/${NAME}`, { apiVersion: "storage.k8s.io/v1", kind: "CSIDriver", metadata: { name: NAME }, spec } as never);
		await drivers.register({ type: "CSIPlugin", name: NAME, endpoint: driver.socket, versions: ["1.0.0"] });
	}
	const csiNode = (): CSINode => api.objects.get("/apis/storage.k8s.io/v1/csinodes/node-1") as CSINode;
	const volumes = (): CsiVolumes => new CsiVolumes({ drivers, api, clock, nodeName: "node-1", root: directory, onInUse: () => undefined });
	const pod = (uid: string, spec: object = {}): Pod => {
		const made = testPod(spec);
		return { ...made, metadata: { ...made.metadata, uid } };
	};
	const contextOf = (made: Pod): VolumeContext => ({
		pod: made,
		paths: podPaths(directory, podRef(made)),
		facts: { nodeName: "node-1", hostIPs: [], podIPs: [], allocatable: {} },
		objects: new FakeObjects(),
		tokens: { token: async () => "t", bound: async (_pod, { audience }) => ({ token: `for ${audience}`, expirationTimestamp: "2026-01-01T00:00:00Z" }) },
		claims: {
			bound: () => Promise.reject(new Error("not asked")),
			grown: async (_pod, _paths, claim, size) => void grown.push(`${claim} ${size}`),
		},
		csi: undefined as never,
		images: undefined as never,
		runtime: undefined as never,
		events: { record: () => undefined, recordNode: () => undefined },
		localPath: "",
		log: silentLogger,
		isolated: true,
	});
	const pv = (spec: object = {}, source: object = {}): PersistentVolume => ({
		apiVersion: "v1",
		kind: "PersistentVolume",
		metadata: { name: "pvc-1" },
		spec: {
			accessModes: ["ReadWriteOnce"],
			capacity: { storage: "2Gi" },
			claimRef: { name: "data" },
			csi: { driver: NAME, volumeHandle: "handle-1", fsType: "ext4", volumeAttributes: { a: "b" }, ...source },
			...spec,
		},
	});
	const claim = (status: object = {}) => ({ apiVersion: "v1", kind: "PersistentVolumeClaim", metadata: { name: "data" }, status });
	const persistent = (spec?: object, source?: object, status?: object) => persistentVolume(pv(spec, source), claim(status), false);

	it("registers a driver: its CSINode with limit and topology keys, the node's labels; and takes it out again", async () => {
		await drivers.initialize();
		expect(csiNode().spec.drivers).toEqual([]);
		expect(csiNode().metadata.ownerReferences).toEqual([{ apiVersion: "v1", kind: "Node", name: "node-1", uid: "node-uid" }]);
		await start({ nodeId: "id-1", maxVolumes: 7, topology: { "topology.example.com/rack": "r1" } });
		expect(csiNode().spec.drivers).toEqual([{ name: NAME, nodeID: "id-1", topologyKeys: ["topology.example.com/rack"], allocatable: { count: 7 } }]);
		const { metadata } = api.objects.get("/api/v1/nodes/node-1") as Node;
		expect(metadata.labels).toEqual({ zone: "a", "topology.example.com/rack": "r1" });
		expect(metadata.annotations).toEqual({ "csi.volume.kubernetes.io/nodeid": `{"${NAME}":"id-1"}` });
		await drivers.deregister({ type: "CSIPlugin", name: NAME, endpoint: driver.socket, versions: ["1.0.0"] });
		expect(csiNode().spec.drivers).toEqual([]);
	});

	it("refuses a driver whose topology contradicts the node's labels", async () => {
		await expect(start({ topology: { zone: "b" } })).rejects.toThrow(
			'detected topology value collision: driver reported "zone":"b" but existing label is "zone":"a"',
		);
	});

	it("stages once, publishes for each pod, and unstages when the last one goes; another agent finds what is left", async () => {
		await start({ capabilities: STAGES });
		const first = volumes();
		const { path } = await first.setUp(contextOf(pod("uid-1")), persistent());
		expect(path).toBe(join(directory, "pods/uid-1/volumes/kubernetes.io~csi/pvc-1/mount"));
		await first.setUp(contextOf(pod("uid-1")), persistent());
		await first.setUp(contextOf(pod("uid-2")), persistent());
		expect(driver.named("NodeStageVolume")).toHaveLength(1);
		const [published] = driver.named("NodePublishVolume");
		expect(published).toMatchObject({
			volumeId: "handle-1",
			targetPath: path,
			volumeCapability: { mount: { fsType: "ext4" }, accessMode: { mode: 1 } },
			volumeContext: { a: "b" },
		});
		expect(published?.stagingTargetPath).toMatch(/plugins\/kubernetes\.io\/csi\/sample\.example\.com\/[0-9a-f]{64}\/globalmount$/);
		const second = volumes();
		await second.start();
		await second.tearDown("uid-1");
		expect(driver.named("NodeUnstageVolume")).toHaveLength(0);
		expect(await second.leftovers()).toEqual(["uid-2"]);
		await second.tearDown("uid-2");
		expect(driver.named("NodeUnpublishVolume")).toHaveLength(2);
		expect(driver.named("NodeUnstageVolume")).toEqual([{ volumeId: "handle-1", stagingTargetPath: published?.stagingTargetPath }]);
		expect(readdirSync(join(directory, "pods"))).toEqual([]);
		expect(existsSync(String(published?.stagingTargetPath))).toBe(false);
	});

	it("waits for the cluster to attach the volume, and then passes on what the attacher said", async () => {
		await start({ capabilities: STAGES }, null);
		const made = volumes();
		await expect(made.setUp(contextOf(pod("uid-1")), persistent())).rejects.toThrow(VolumeNotAttached);
		expect(made.inUse).toEqual([`kubernetes.io/csi/${NAME}^handle-1`]);
		const asked = api.requests.find((request) => request.includes("volumeattachments"))?.slice("GET ".length) ?? "";
		expect(asked.length).toBe(`/apis/storage.k8s.io/v1/volumeattachments/${ATTACHMENT}`.length);
		const status = { attached: true, attachmentMetadata: { device: "/dev/x" } };
		api.put(asked, { apiVersion: "storage.k8s.io/v1", kind: "VolumeAttachment", metadata: { name: "a" }, spec: {}, status } as never);
		await made.setUp(contextOf(pod("uid-1")), persistent());
		expect(driver.named("NodeStageVolume")[0]).toMatchObject({ publishContext: { device: "/dev/x" } });
		expect(driver.named("NodePublishVolume")[0]).toMatchObject({ publishContext: { device: "/dev/x" } });
		await made.tearDown("uid-1");
		expect(made.inUse).toEqual([]);
	});

	it("tells a driver of the pod and its tokens when its CSIDriver says so, and publishes again", async () => {
		await start(
			{},
			{ attachRequired: false, podInfoOnMount: true, requiresRepublish: true, tokenRequests: [{ audience: "vault" }], volumeLifecycleModes: ["Ephemeral"] },
		);
		const made = volumes();
		const inline = inlineVolume(pod("uid-1"), "scratch", { driver: NAME, volumeAttributes: { size: "1" } });
		await made.setUp(contextOf(pod("uid-1", { serviceAccountName: "app" })), inline);
		const [first] = driver.named("NodePublishVolume");
		expect(first?.volumeId).toMatch(/^csi-[0-9a-f]{64}$/);
		expect(first?.volumeContext).toEqual({
			size: "1",
			"csi.storage.k8s.io/pod.name": "web",
			"csi.storage.k8s.io/pod.namespace": "default",
			"csi.storage.k8s.io/pod.uid": "uid-1",
			"csi.storage.k8s.io/serviceAccount.name": "app",
			"csi.storage.k8s.io/ephemeral": "true",
			"csi.storage.k8s.io/serviceAccount.tokens": '{"vault":{"token":"for vault","expirationTimestamp":"2026-01-01T00:00:00Z"}}',
		});
		await made.setUp(contextOf(pod("uid-1")), inline);
		expect(driver.named("NodePublishVolume")).toHaveLength(1);
		clock.advance(61_000);
		await made.setUp(contextOf(pod("uid-1")), inline);
		expect(driver.named("NodePublishVolume")).toHaveLength(2);
		await expect(made.setUp(contextOf(pod("uid-2")), persistent())).rejects.toThrow(
			`volume mode "Persistent" not supported by driver ${NAME} (only supports ["Ephemeral"])`,
		);
	});

	it("gives secrets to the calls that they are for, and says which cannot be had", async () => {
		await start({ capabilities: STAGES });
		const source = { nodeStageSecretRef: { name: "s", namespace: "storage" } };
		await expect(volumes().setUp(contextOf(pod("uid-1")), persistent({}, source))).rejects.toThrow(
			'MountVolume.MountDevice failed for volume "pvc-1" : fetching NodeStageSecretRef storage/s failed: secret/pvc-1 not found',
		);
		api.put("secret/pvc-1", { apiVersion: "v1", kind: "Secret", metadata: { name: "s" }, data: { key: Buffer.from("value").toString("base64") } } as never);
		await volumes().setUp(contextOf(pod("uid-1")), persistent({}, source));
		expect(driver.named("NodeStageVolume")[0]).toMatchObject({ secrets: { key: "value" } });
		expect(driver.named("NodePublishVolume")[0]?.secrets).toBeUndefined();
	});

	it.each([
		["File", "ReadWriteMany", "", false],
		["None", "ReadWriteOnce", "ext4", true],
		["ReadWriteOnceWithFSType", "ReadWriteOnce", "ext4", false],
		["ReadWriteOnceWithFSType", "ReadWriteOnce", "", true],
		["ReadWriteOnceWithFSType", "ReadWriteMany", "ext4", true],
	])("fsGroupPolicy %s with %s and file system %j: files keep their group: %s", async (fsGroupPolicy, mode, fsType, keepsGroup) => {
		await start({}, { attachRequired: false, fsGroupPolicy });
		const mounted = await volumes().setUp(contextOf(pod("uid-1")), persistent({ accessModes: [mode] }, { fsType }));
		expect(mounted.keepsGroup).toBe(keepsGroup);
	});

	it("leaves the pod's group to a driver that mounts for it", async () => {
		await start({ capabilities: [6] }, { attachRequired: false, fsGroupPolicy: "File" });
		const mounted = await volumes().setUp(contextOf(pod("uid-1", { securityContext: { fsGroup: 2000 } })), persistent());
		expect(driver.named("NodePublishVolume")[0]).toMatchObject({ volumeCapability: { mount: { volumeMountGroup: "2000" } } });
		expect(mounted.keepsGroup).toBe(true);
	});

	it("publishes devices below the plugin's directory", async () => {
		await start({ capabilities: STAGES });
		const made = volumes();
		const { path } = await made.setUp(contextOf(pod("uid-1")), persistent({ volumeMode: "Block" }));
		expect(path).toBe(join(directory, "plugins/kubernetes.io/csi/volumeDevices/publish/pvc-1/uid-1"));
		expect(driver.named("NodePublishVolume")[0]).toMatchObject({ volumeCapability: { block: {} } });
		await made.tearDown("uid-1");
		expect(driver.named("NodeUnpublishVolume")).toEqual([{ volumeId: "handle-1", targetPath: path }]);
		expect(driver.named("NodeUnstageVolume")).toHaveLength(1);
	});

	it("has the file system grow when the claim waits for it", async () => {
		await start({ capabilities: STAGES });
		const made = volumes();
		await made.setUp(contextOf(pod("uid-1")), persistent());
		await made.setUp(contextOf(pod("uid-1")), persistent({}, {}, { conditions: [{ type: "FileSystemResizePending", status: "True" }] }));
		expect(driver.named("NodeExpandVolume")[0]).toMatchObject({ volumeId: "handle-1", capacityRange: { requiredBytes: 2 ** 31 } });
		expect(grown).toEqual(["data 2Gi"]);
	});

	it("says what a volume has", async () => {
		await start({ capabilities: STAGES });
		const made = volumes();
		await made.setUp(contextOf(pod("uid-1")), persistent());
		expect(await made.usage("uid-1", "pvc-1")).toEqual({ bytes: { available: 600, total: 1000, used: 400 }, inodes: { available: 8, total: 10, used: 2 } });
		expect(await made.usage("uid-2", "pvc-1")).toBeUndefined();
	});

	it("says a driver's refusals in the words of grpc, and keeps a volume that the driver does not let go", async () => {
		await start({ capabilities: STAGES });
		const made = volumes();
		driver.refusals.set("NodePublishVolume", new GrpcError(13, "no space"));
		await expect(made.setUp(contextOf(pod("uid-1")), persistent())).rejects.toThrow(
			'MountVolume.SetUp failed for volume "pvc-1" : rpc error: code = Internal desc = no space',
		);
		await made.setUp(contextOf(pod("uid-1")), persistent());
		driver.refusals.set("NodeUnpublishVolume", new GrpcError(13, "busy"));
		await expect(made.tearDown("uid-1")).rejects.toThrow(`UnmountVolume.TearDown failed for volume "pvc-1" (UniqueName: "kubernetes.io/csi/${NAME}^handle-1")`);
		await made.tearDown("uid-1");
		expect(await made.leftovers()).toEqual([]);
		const lost = persistentVolume(pv({}, { driver: "lost.example.com" }), claim(), false);
		await expect(made.setUp(contextOf(pod("uid-1")), lost)).rejects.toThrow(/lost\.example\.com|not attached/);
	});
});
