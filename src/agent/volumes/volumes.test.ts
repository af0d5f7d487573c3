import { csiOf } from "../../../test/support/csi-node.ts";
import { FakeRuntime } from "../../../test/support/fake-runtime.ts";
import { systemClock } from "../clock.ts";
import { ImagePuller } from "../image-puller.ts";
import { chown, lstat, mkdtemp, readdir, readFile, readlink, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { FakeObjects, testPod } from "../../../test/support/agent-node.ts";
import type { PersistentVolume, PodSecurityContext, Volume } from "../../core/schema/kubernetes.d.ts";
import { silentLogger } from "../log.ts";
import { podPaths, podRef } from "../pod-names.ts";
import { writeVolumeFiles } from "./atomic-writer.ts";
import { makeLocalPath, removeLocalPath } from "./local-path.ts";
import type { ClaimSource } from "./bound-volumes.ts";
import { MountFailure } from "./volume.ts";
import { setUpVolumes, tearDownVolumes } from "./volume-set.ts";

let directory: string;
let objects: FakeObjects;
let runtime: FakeRuntime;
/** By the claim's name. */
const bound = new Map<string, PersistentVolume>();
beforeEach(async () => {
	directory = await mkdtemp(join(tmpdir(), "petrel-volumes-"));
	objects = new FakeObjects();
	runtime = new FakeRuntime(systemClock);
	bound.clear();
});
afterEach(() => rm(directory, { recursive: true, force: true }));

const claims: ClaimSource = {
	bound: async (_pod, _paths, { claimName }) => {
		const found = bound.get(claimName);
		if (found === undefined) throw new MountFailure(`error processing PVC default/${claimName}: PVC is not bound`);
		return { claim: { apiVersion: "v1", kind: "PersistentVolumeClaim", metadata: { name: claimName } }, volume: found };
	},
	grown: async () => undefined,
};

async function setUp(first: Volume | PodSecurityContext, ...rest: Volume[]): Promise<Map<string, string>> {
	const [securityContext, volumes] = "name" in first ? [{}, [first, ...rest]] : [first, rest];
	const pod = testPod({ volumes, securityContext }, { labels: { app: "web" } });
	const facts = { nodeName: "node-1", hostIPs: [], podIPs: [], allocatable: {} };
	return setUpVolumes({
		pod,
		paths: podPaths(directory, podRef(pod)),
		facts,
		objects,
		tokens: { token: async () => "a.b.c", bound: async () => ({ token: "a.b.c", expirationTimestamp: "2026-01-01T01:00:00Z" }) },
		claims,
		csi: csiOf(directory, systemClock),
		images: new ImagePuller({
			runtime,
			events: { record: () => undefined, recordNode: () => undefined },
			clock: systemClock,
			objects,
			records: { mustPull: async () => false, pulled: async () => undefined },
		}),
		runtime,
		events: { record: () => undefined, recordNode: () => undefined },
		localPath: join(directory, "local-path"),
		log: silentLogger,
		isolated: false,
	});
}

const file = (content: string, mode = 0o644) => ({ content: Buffer.from(content), mode });

describe("writeVolumeFiles", () => {
	it("shows files through ..data and swaps them in one step", async () => {
		const target = join(directory, "v");
		await writeVolumeFiles(
			target,
			new Map([
				["a", file("1")],
				["sub/b", file("2", 0o400)],
			]),
		);
		expect(await readlink(join(target, "a"))).toBe("..data/a");
		expect(await readFile(join(target, "sub/b"), "utf8")).toBe("2");
		expect((await stat(join(target, "sub/b"))).mode & 0o777).toBe(0o400);
		const before = await readlink(join(target, "..data"));
		expect(
			await writeVolumeFiles(
				target,
				new Map([
					["a", file("1")],
					["sub/b", file("2", 0o400)],
				]),
			),
		).toBe(false);
		expect(await readlink(join(target, "..data"))).toBe(before);
		expect(await writeVolumeFiles(target, new Map([["a", file("3")]]))).toBe(true);
		expect((await readdir(target)).filter((n) => !n.startsWith(".."))).toEqual(["a"]);
		expect(await readFile(join(target, "a"), "utf8")).toBe("3");
		await expect(lstat(join(target, before))).rejects.toThrow("ENOENT");
	});

	it.each(["../out", "/etc/passwd", "a/../../b", "..data", ""])("refuses the path %j", async (path) => {
		await expect(writeVolumeFiles(join(directory, "v"), new Map([[path, file("x")]]))).rejects.toThrow("invalid path");
	});
});

describe("volumes", () => {
	it("of every kind are made under kubelet's names", async () => {
		objects.addConfigMap("settings", { colour: "blue", other: "x" });
		objects.addSecret("keys", { key: "s3cret" });
		const paths = await setUp(
			{ name: "conf", configMap: { name: "settings", items: [{ key: "colour", path: "deep/colour" }] } },
			{ name: "keys", secret: { secretName: "keys", defaultMode: 0o400 } },
			{ name: "info", downwardAPI: { items: [{ path: "labels", fieldRef: { fieldPath: "metadata.labels" } }] } },
			{ name: "all", projected: { sources: [{ serviceAccountToken: { path: "token" } }, { configMap: { name: "settings" } }, { secret: { name: "keys" } }] } },
			{ name: "scratch", emptyDir: {} },
			{ name: "host", hostPath: { path: directory, type: "Directory" } },
		);
		const read = (volume: string, name: string) => readFile(join(paths.get(volume) ?? "", name), "utf8");
		expect(paths.get("conf")).toMatch(/volumes\/kubernetes\.io~configmap\/conf$/);
		expect(paths.get("scratch")).toMatch(/volumes\/kubernetes\.io~empty-dir\/scratch$/);
		expect(await read("conf", "deep/colour")).toBe("blue");
		expect((await readdir(paths.get("conf") ?? "")).filter((n) => !n.startsWith(".."))).toEqual(["deep"]);
		expect((await stat(join(paths.get("keys") ?? "", "key"))).mode & 0o777).toBe(0o400);
		expect(await read("info", "labels")).toBe('app="web"');
		expect([await read("all", "token"), await read("all", "colour"), await read("all", "key")]).toEqual(["a.b.c", "blue", "s3cret"]);
		expect((await stat(paths.get("scratch") ?? "")).mode & 0o777).toBe(0o777);
		expect(paths.get("host")).toBe(directory);
		await tearDownVolumes(podPaths(directory, podRef(testPod())), podRef(testPod()).uid, { csi: csiOf(directory, systemClock), runtime });
		await expect(stat(paths.get("keys") ?? "")).rejects.toThrow("ENOENT");
		expect(await readdir(directory)).toContain("pods");
	});

	it("of images show what was pulled, once, and are taken away", async () => {
		runtime.addImage("data:1");
		const paths = await setUp({ name: "model", image: { reference: "data:1", pullPolicy: "IfNotPresent" } });
		await setUp({ name: "model", image: { reference: "data:1", pullPolicy: "IfNotPresent" } });
		expect(paths.get("model")).toMatch(/volumes\/kubernetes\.io~image\/model$/);
		expect([...runtime.mountedImages.values()]).toEqual(["data:1"]);
		await expect(setUp({ name: "none", image: { reference: "none:1", pullPolicy: "Never" } })).rejects.toThrow(
			'Container image "none:1" is not present with pull policy of Never',
		);
	});

	it.each<[Volume, string]>([
		[{ name: "v", configMap: { name: "none" } }, 'MountVolume.SetUp failed for volume "v" : configmap "none" not found'],
		[{ name: "v", secret: { secretName: "none" } }, 'MountVolume.SetUp failed for volume "v" : secret "none" not found'],
		[{ name: "v", hostPath: { path: "/nonexistent", type: "Directory" } }, "hostPath type check failed: /nonexistent is not a directory"],
		[{ name: "v", nfs: { server: "x", path: "/" } }, "this node has none for nfs"],
	])("that cannot be made say why: %j", async (volume, message) => {
		await expect(setUp(volume)).rejects.toThrow(message);
	});

	it("of claims are what their volumes say: the built-in provisioner's directory is made, another's must be there", async () => {
		const volume = (name: string, path: string, annotations = {}): PersistentVolume => ({
			apiVersion: "v1",
			kind: "PersistentVolume",
			metadata: { name, annotations },
			spec: { local: { path } },
		});
		const claim = { name: "data", persistentVolumeClaim: { claimName: "data" } };
		const path = join(directory, "local-path", "pvc-1_default_data");
		bound.set("data", volume("pvc-1", path, { "pv.kubernetes.io/provisioned-by": "petrel.dev/local-path" }));
		expect((await setUp(claim)).get("data")).toBe(path);
		expect((await stat(path)).mode & 0o777).toBe(0o777);
		await writeFile(join(path, "kept"), "x");
		await tearDownVolumes(podPaths(directory, podRef(testPod())), podRef(testPod()).uid, { csi: csiOf(directory, systemClock), runtime });
		expect(await readdir(path)).toEqual(["kept"]);
		bound.set("data", volume("pv-1", join(directory, "absent")));
		await expect(setUp(claim)).rejects.toThrow(
			`MountVolume.NewMounter initialization failed for volume "pv-1" : path "${join(directory, "absent")}" does not exist`,
		);
		bound.set("data", { ...volume("pv-2", ""), spec: { hostPath: { path: directory, type: "Directory" } } });
		expect((await setUp(claim)).get("data")).toBe(directory);
		await expect(setUp({ name: "own", ephemeral: {} })).rejects.toThrow("error processing PVC default/web-own: PVC is not bound");
	});

	it.runIf(process.getuid?.() === 0)("belong to the pod's group, but for the host's own paths; at once where the policy says", async () => {
		const base = join(directory, "local-path");
		const path = join(base, "pvc-1");
		const local = { apiVersion: "v1", kind: "PersistentVolume", metadata: { name: "pvc-1" }, spec: { local: { path } } };
		const own = join(directory, "own");
		await makeLocalPath(base, path);
		await makeLocalPath(own, join(own, "v"));
		await writeFile(join(path, "before"), "x", { mode: 0o600 });
		bound.set("data", local);
		bound.set("host", { ...local, spec: { hostPath: { path: own } } });
		const volumes = ["data", "host"].map((claimName) => ({ name: claimName, persistentVolumeClaim: { claimName } }));
		await setUp({ fsGroup: 1234 }, ...volumes);
		const modeOf = async (at: string) => ({ gid: (await stat(at)).gid, mode: (await stat(at)).mode & 0o7777 });
		expect(await modeOf(path)).toEqual({ gid: 1234, mode: 0o2777 });
		expect(await modeOf(join(path, "before"))).toEqual({ gid: 1234, mode: 0o660 });
		expect((await stat(own)).gid).not.toBe(1234);
		await writeFile(join(path, "after"), "x", { mode: 0o600 });
		await chown(join(path, "after"), 0, 0);
		await setUp({ fsGroup: 1234, fsGroupChangePolicy: "OnRootMismatch" }, ...volumes);
		expect((await stat(join(path, "after"))).gid).toBe(0);
		await setUp({ fsGroup: 1234, fsGroupChangePolicy: "Always" }, ...volumes);
		expect((await stat(join(path, "after"))).gid).toBe(1234);
	});

	it("of the built-in provisioner are deleted, and nothing else is", async () => {
		const base = join(directory, "local-path");
		await makeLocalPath(base, join(base, "pvc-1"));
		await writeFile(join(base, "pvc-1", "file"), "x");
		await removeLocalPath(base, { name: "pvc-1", path: join(base, "pvc-1") });
		await removeLocalPath(base, { name: "pvc-1", path: join(base, "pvc-1") });
		expect(await readdir(base)).toEqual([]);
		for (const path of [base, directory, join(base, "a/b"), join(base, ".."), "/", `${base}/../pods`])
			await expect(removeLocalPath(base, { name: "v", path })).rejects.toThrow("is no volume of this node");
	});

	it("that are optional may lack what they name", async () => {
		const paths = await setUp({ name: "v", configMap: { name: "none", optional: true } });
		expect((await readdir(paths.get("v") ?? "")).filter((n) => !n.startsWith(".."))).toEqual([]);
	});
});
