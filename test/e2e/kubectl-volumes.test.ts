/** What a user does with volumes: claims of the built-in class, StatefulSets whose data stays, volumes of one's own, and what goes wrong. */
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { GrpcError } from "../../src/agent/runtime/containerd/grpc-client.ts";
import type { CSINode, Node, PersistentVolume, PersistentVolumeClaim, Pod, Volume, VolumeAttachment, VolumeMount } from "../../src/core/schema/kubernetes.d.ts";
import { useCluster } from "./support/cluster.ts";
import { kill, successor } from "./support/crash.ts";
import { CSI_DRIVER, NodeDriver } from "./support/csi-driver.ts";
import { EXAMPLE_IMAGE_REF, shellPod } from "./support/example.ts";
import { eventually } from "./support/petrel.ts";
import { testableRuntimes } from "./support/runtimes.ts";

const IDLE = "trap 'exit 0' TERM; while :; do sleep 0.1; done";
const claimSpec = { accessModes: ["ReadWriteOnce"], resources: { requests: { storage: "10Mi" } } };

/** The volume is at `data` in the container's working directory. */
function podWith(name: string, source: object, command = IDLE): Pod {
	const pod = shellPod(name, command);
	pod.spec?.containers.forEach((container) => {
		container.workingDir = "/";
		container.volumeMounts = [{ name: "data", mountPath: "/data" }];
	});
	return { ...pod, spec: { ...pod.spec, volumes: [{ name: "data", ...source }] } } as Pod;
}

function statefulSet(name: string): object {
	const template = podWith("unused", {});
	return {
		apiVersion: "apps/v1",
		kind: "StatefulSet",
		metadata: { name },
		spec: {
			replicas: 2,
			serviceName: name,
			selector: { matchLabels: { app: name } },
			persistentVolumeClaimRetentionPolicy: { whenDeleted: "Delete", whenScaled: "Retain" },
			template: { metadata: { labels: { app: name } }, spec: { ...template.spec, volumes: undefined } },
			volumeClaimTemplates: [{ metadata: { name: "data" }, spec: claimSpec }],
		},
	};
}

describe.each(testableRuntimes)("volumes of the %s runtime", (runtime) => {
	const petrel = useCluster(runtime);
	const { kubectl } = petrel;
	const write = (pod: string, text: string): Promise<string> => kubectl.run("exec", pod, "--", "sh", "-c", `echo ${text} > data/file`);
	const read = (pod: string): Promise<string> => kubectl.run("exec", pod, "--", "cat", "data/file");
	const ready = (pod: string): Promise<string> => kubectl.run("wait", "--for=condition=Ready", `pod/${pod}`, "--timeout=60s");
	const gone = (what: string): Promise<string> => kubectl.run("wait", "--for=delete", what, "--timeout=60s");

	it("a StatefulSet's pods find their data again, and it goes with the set as its policy says", async () => {
		expect(await kubectl.run("get", "storageclass")).toMatch(/^local-path \(default\) +petrel\.dev\/local-path +Delete +WaitForFirstConsumer +true /m);
		await kubectl.apply(statefulSet("db"));
		await kubectl.run("rollout", "status", "statefulset/db", "--timeout=60s");
		for (const pod of ["db-0", "db-1"]) await write(pod, `of ${pod}`);
		const before = await kubectl.json<Pod>("get", "pod", "db-0");
		await kubectl.run("delete", "pod", "db-0");
		await kubectl.run("rollout", "status", "statefulset/db", "--timeout=60s");
		expect((await kubectl.json<Pod>("get", "pod", "db-0")).metadata.uid).not.toBe(before.metadata.uid);
		expect(await read("db-0")).toBe("of db-0\n");
		await kubectl.run("scale", "statefulset/db", "--replicas=1");
		await gone("pod/db-1");
		expect(await kubectl.run("get", "pvc")).toMatch(/^data-db-1 +Bound +pvc-\S+ +10Mi +RWO +local-path +<unset> /m);
		await kubectl.run("scale", "statefulset/db", "--replicas=2");
		await kubectl.run("rollout", "status", "statefulset/db", "--timeout=60s");
		expect(await read("db-1")).toBe("of db-1\n");
		const claim = await kubectl.json<PersistentVolumeClaim>("get", "pvc", "data-db-0");
		const volume = await kubectl.json<PersistentVolume>("get", "pv", claim.spec?.volumeName ?? "");
		const directory = volume.spec?.local?.path ?? "";
		expect(readFileSync(join(directory, "file"), "utf8")).toBe("of db-0\n");
		const told = await kubectl.run("describe", "pvc", "data-db-0");
		expect(told).toMatch(/Normal +WaitForPodScheduled +\S+ .*persistentvolume-controller +waiting for pod db-0 to be scheduled/);
		expect(told).toMatch(/Normal +ProvisioningSucceeded +\S+ .*petrel\.dev\/local-path +Successfully provisioned volume pvc-/);
		await kubectl.run("patch", "pvc", "data-db-0", "-p", '{"spec":{"resources":{"requests":{"storage":"20Mi"}}}}');
		await kubectl.run("wait", "--for=jsonpath={.status.capacity.storage}=20Mi", "pvc/data-db-0", "--timeout=60s");
		await kubectl.run("delete", "statefulset", "db");
		await gone("pvc/data-db-0");
		await gone(`pv/${volume.metadata.name}`);
		expect(existsSync(directory)).toBe(false);
	});

	it("a pod's own claim comes and goes with it", async () => {
		await kubectl.apply(podWith("own", { ephemeral: { volumeClaimTemplate: { spec: claimSpec } } }));
		await ready("own");
		await write("own", "text");
		const { spec } = await kubectl.json<PersistentVolumeClaim>("get", "pvc", "own-data");
		await kubectl.run("delete", "pod", "own");
		await gone("pvc/own-data");
		await gone(`pv/${spec?.volumeName}`);
	});

	it("a volume of one's own is found by its claim, kept after it, and deleted by hand", async () => {
		const directory = join(petrel.data.path, "own-volume");
		mkdirSync(directory);
		writeFileSync(join(directory, "file"), "there before\n");
		const common = { storageClassName: "manual", accessModes: ["ReadWriteOnce"] };
		const volume = { ...common, capacity: { storage: "1Gi" }, hostPath: { path: directory } };
		await kubectl.apply({ apiVersion: "v1", kind: "PersistentVolume", metadata: { name: "mine" }, spec: volume });
		const claim = { ...claimSpec, ...common };
		await kubectl.apply({ apiVersion: "v1", kind: "PersistentVolumeClaim", metadata: { name: "mine" }, spec: claim });
		await kubectl.run("wait", "--for=jsonpath={.status.phase}=Bound", "pvc/mine", "--timeout=60s");
		await kubectl.apply(podWith("mine", { persistentVolumeClaim: { claimName: "mine" } }));
		await ready("mine");
		expect(await read("mine")).toBe("there before\n");
		await kubectl.run("delete", "pvc", "mine", "--wait=false");
		expect(await kubectl.run("get", "pvc", "mine")).toMatch(/^mine +Terminating /m);
		await kubectl.run("delete", "pod", "mine");
		await gone("pvc/mine");
		await kubectl.run("wait", "--for=jsonpath={.status.phase}=Released", "pv/mine", "--timeout=60s");
		await kubectl.run("delete", "pv", "mine");
		expect(readdirSync(directory)).toEqual(["file"]);
	});

	it("a volume that cannot be mounted holds up its pod alone, and says why", async () => {
		const nodes = { required: { nodeSelectorTerms: [{ matchExpressions: [{ key: "kubernetes.io/hostname", operator: "Exists" }] }] } };
		const common = { storageClassName: "broken", accessModes: ["ReadWriteOnce"] };
		const volume = { ...common, capacity: { storage: "1Gi" }, local: { path: "/nonexistent/volume" }, nodeAffinity: nodes };
		await kubectl.apply({ apiVersion: "v1", kind: "PersistentVolume", metadata: { name: "broken" }, spec: volume });
		await kubectl.apply({ apiVersion: "v1", kind: "PersistentVolumeClaim", metadata: { name: "broken" }, spec: { ...claimSpec, ...common } });
		await kubectl.apply(podWith("broken", { persistentVolumeClaim: { claimName: "broken" } }));
		await kubectl.apply(podWith("unclaimed", { persistentVolumeClaim: { claimName: "none" } }));
		await kubectl.apply(podWith("well", { emptyDir: {} }));
		await ready("well");
		const events = (pod: string, reason: string) => async (): Promise<string | undefined> =>
			(await kubectl.run("events", "--for", `pod/${pod}`)).split("\n").find((line) => line.includes(reason));
		expect(await eventually("an Event", events("broken", "FailedMount"))).toContain(
			'MountVolume.NewMounter initialization failed for volume "broken" : path "/nonexistent/volume" does not exist',
		);
		expect(await eventually("an Event", events("unclaimed", "FailedScheduling"))).toContain('persistentvolumeclaim "none" not found');
	});

	/** All kinds that need no claim, each below the root by its name. */
	function everyVolume(host: string): Pod {
		const pod = shellPod("every", IDLE);
		const volumes: Volume[] = [
			{ name: "config", configMap: { name: "settings", defaultMode: 0o440 } },
			{ name: "secret", secret: { secretName: "keys", items: [{ key: "key", path: "deep/renamed", mode: 0o400 }] } },
			{ name: "info", downwardAPI: { items: [{ path: "labels", fieldRef: { fieldPath: "metadata.labels" } }] } },
			{
				name: "all",
				projected: {
					sources: [
						{ serviceAccountToken: { path: "token", expirationSeconds: 600 } },
						{ configMap: { name: "settings", items: [{ key: "colour", path: "colour" }] } },
						{ downwardAPI: { items: [{ path: "name", fieldRef: { fieldPath: "metadata.name" } }] } },
					],
				},
			},
			{ name: "scratch", emptyDir: { sizeLimit: "10Mi" } },
			{ name: "shm", emptyDir: { medium: "Memory", sizeLimit: "1Mi" } },
			{ name: "host", hostPath: { path: host, type: "DirectoryOrCreate" } },
			{ name: "model", image: { reference: EXAMPLE_IMAGE_REF } },
		];
		const mounts = Object.fromEntries(volumes.map(({ name }): [string, VolumeMount] => [name, { name, mountPath: `/${name}` }]));
		Object.assign(mounts.scratch as VolumeMount, { subPathExpr: "of-$(POD_NAME)" });
		pod.spec?.containers.forEach((container) => {
			container.workingDir = "/";
			container.env = [{ name: "POD_NAME", valueFrom: { fieldRef: { fieldPath: "metadata.name" } } }];
			container.volumeMounts = [...Object.values(mounts), { name: "config", mountPath: "/fixed", subPath: "colour", readOnly: true }];
		});
		return { ...pod, spec: { ...pod.spec, volumes, securityContext: { fsGroup: 4000, fsGroupChangePolicy: "OnRootMismatch" } } } as Pod;
	}
	const sh = (command: string): Promise<string> => kubectl.run("exec", "every", "--", "sh", "-c", command);

	it("every kind of volume that needs no claim is there, and follows its ConfigMap within seconds", async () => {
		const host = join(petrel.data.path, "made", "for-pod");
		await kubectl.run("create", "configmap", "settings", "--from-literal=colour=blue");
		await kubectl.run("create", "secret", "generic", "keys", "--from-literal=key=s3cret");
		await kubectl.apply(everyVolume(host));
		await ready("every");
		expect(await sh("cat config/colour secret/deep/renamed all/colour all/name fixed info/labels")).toBe('blues3cretblueeveryblueapp="every"');
		expect(await sh("cut -d. -f1 all/token | base64 -d 2>/dev/null | grep -c alg")).toBe("1\n");
		expect(await sh("ls model/bin")).toContain("sh");
		await sh("echo kept > scratch/file; echo seen > host/file");
		expect(readFileSync(join(host, "file"), "utf8")).toBe("seen\n");
		const { uid } = (await kubectl.json<Pod>("get", "pod", "every")).metadata;
		const scratch = petrel.data.file("node", "pods", uid ?? "", "volumes", "kubernetes.io~empty-dir", "scratch");
		expect(readFileSync(join(scratch, "of-every", "file"), "utf8")).toBe("kept\n");
		await kubectl.run("patch", "configmap", "settings", "-p", '{"data":{"colour":"green"}}');
		await eventually("the new value", async () => ((await sh("cat config/colour all/colour")) === "greengreen" ? true : undefined));
	});

	if (runtime === "containerd")
		it("mounts are what they say: read-only, in memory, of the pod's group", async () => {
			// A subPath stays what it was, as upstream.
			expect(await sh("cat fixed")).toBe("blue");
			for (const name of ["config", "model", "fixed"]) expect(await sh(`(touch ${name}/x; echo x >> ${name}) 2>&1; true`)).toContain("Read-only file system");
			expect(await sh("df -k shm | tail -n 1")).toMatch(/^tmpfs +1024 /);
			expect(await sh("stat -c %g scratch config/..data/colour; stat -c %a config/..data/colour secret/..data/deep/renamed")).toBe("4000\n4000\n440\n440\n");
		});

	it("an image that cannot be had as a volume holds its container up, and says why", async () => {
		await kubectl.apply(podWith("no-model", { image: { reference: "registry.invalid/model:1", pullPolicy: "Never" } }));
		await kubectl.run("wait", "--for=jsonpath={.status.containerStatuses[0].state.waiting.reason}=ErrImageNeverPull", "pod/no-model", "--timeout=60s");
		await kubectl.run("delete", "pod", "no-model");
	});

	it("a CSI driver's volume is attached, mounted, found again after the agent's crash, and let go by all", async () => {
		const driver = new NodeDriver(petrel.data.file("node"), runtime === "containerd");
		await driver.start();
		onTestFinished(() => driver.stop());
		await kubectl.apply({ apiVersion: "storage.k8s.io/v1", kind: "CSIDriver", metadata: { name: CSI_DRIVER }, spec: { podInfoOnMount: true } });
		const csiNode = await eventually("the driver in the CSINode", async () => {
			const { items } = await kubectl.json<{ items: CSINode[] }>("get", "csinodes");
			return items.find(({ spec }) => spec.drivers.length > 0);
		});
		expect(csiNode.spec.drivers).toEqual([
			{ name: CSI_DRIVER, nodeID: "the-machine", topologyKeys: ["topology.sample.petrel.dev/node"], allocatable: { count: 4 } },
		]);
		const common = { storageClassName: "sample", accessModes: ["ReadWriteOnce"] };
		await kubectl.run("create", "secret", "generic", "volume-key", "--from-literal=key=s3cret", "-n", "kube-system");
		const csi = { driver: CSI_DRIVER, volumeHandle: "vol-1", nodeStageSecretRef: { name: "volume-key", namespace: "kube-system" } };
		await kubectl.apply({ apiVersion: "v1", kind: "PersistentVolume", metadata: { name: "csi" }, spec: { ...common, capacity: { storage: "1Gi" }, csi } });
		await kubectl.apply({ apiVersion: "v1", kind: "PersistentVolumeClaim", metadata: { name: "csi" }, spec: { ...claimSpec, ...common } });
		writeFileSync(join(driver.directory("vol-1"), "file"), "the driver's\n");
		await kubectl.apply(podWith("attached", { persistentVolumeClaim: { claimName: "csi" } }));
		const attachment = await eventually("a VolumeAttachment", async () => {
			const { items } = await kubectl.json<{ items: VolumeAttachment[] }>("get", "volumeattachments");
			return items[0];
		});
		expect(attachment.spec).toMatchObject({ attacher: CSI_DRIVER, source: { persistentVolumeName: "csi" } });
		expect(driver.node.named("NodePublishVolume")).toEqual([]);
		const status = JSON.stringify({ status: { attached: true, attachmentMetadata: { device: "disk-7" } } });
		await kubectl.run("patch", "volumeattachment", attachment.metadata.name ?? "", "--subresource=status", "--type=merge", "-p", status);
		await ready("attached");
		expect(await read("attached")).toBe("the driver's\n");
		expect(driver.node.named("NodeStageVolume")[0]).toMatchObject({ publishContext: { device: "disk-7" }, secrets: { key: "s3cret" } });
		expect(driver.node.named("NodePublishVolume")[0]?.volumeContext).toMatchObject({ "csi.storage.k8s.io/pod.name": "attached" });
		const name = `kubernetes.io/csi/${CSI_DRIVER}^vol-1`;
		await kubectl.run("wait", `--for=jsonpath={.status.volumesAttached[0].name}=${name}`, "node", "--all", "--timeout=60s");
		const { items } = await kubectl.json<{ items: Node[] }>("get", "nodes");
		expect(items[0]?.status?.volumesInUse).toEqual([name]);
		expect(items[0]?.metadata.labels).toMatchObject({ "topology.sample.petrel.dev/node": "the-machine" });
		const summary = await kubectl.run("get", "--raw", `/api/v1/nodes/${items[0]?.metadata.name}/proxy/stats/summary`);
		expect(summary).toContain('"availableBytes":600,"capacityBytes":1000,"usedBytes":400');
		await successor(petrel, "agent", kill(petrel, "agent"));
		await kubectl.run("delete", "pod", "attached");
		await gone(`volumeattachment/${attachment.metadata.name}`);
		expect(driver.node.named("NodeUnpublishVolume")).toHaveLength(1);
		expect(driver.node.named("NodeUnstageVolume")).toHaveLength(1);
		expect(readFileSync("/proc/self/mounts", "utf8")).not.toContain("kubernetes.io~csi");
	});

	it("an inline CSI volume is the pod's own; what its driver refuses is said in the driver's words", async () => {
		const driver = new NodeDriver(petrel.data.file("node"), runtime === "containerd");
		driver.node.refusals.set("NodePublishVolume", new GrpcError(13, "the disk is on fire"));
		await driver.start();
		onTestFinished(() => driver.stop());
		const spec = { podInfoOnMount: true, attachRequired: false, volumeLifecycleModes: ["Ephemeral"] };
		await kubectl.run("delete", "csidriver", CSI_DRIVER, "--ignore-not-found");
		await kubectl.apply({ apiVersion: "storage.k8s.io/v1", kind: "CSIDriver", metadata: { name: CSI_DRIVER }, spec });
		await eventually("the driver in the CSINode", async () => ((await kubectl.run("get", "csinodes", "-o", "yaml")).includes(CSI_DRIVER) ? true : undefined));
		await kubectl.apply(podWith("inline", { csi: { driver: CSI_DRIVER, volumeAttributes: { colour: "blue" } } }));
		await ready("inline");
		await write("inline", "text");
		const [request] = driver.node.named("NodePublishVolume").slice(-1);
		expect(request?.volumeContext).toMatchObject({ colour: "blue", "csi.storage.k8s.io/ephemeral": "true", "csi.storage.k8s.io/pod.name": "inline" });
		expect(readFileSync(join(driver.directory(String(request?.volumeId)), "file"), "utf8")).toBe("text\n");
		expect(await kubectl.run("events", "--for", "pod/inline")).toContain(
			'MountVolume.SetUp failed for volume "data" : rpc error: code = Internal desc = the disk is on fire',
		);
		await kubectl.run("delete", "pod", "inline");
		expect(driver.node.named("NodeUnpublishVolume")).toHaveLength(1);
	});
});
