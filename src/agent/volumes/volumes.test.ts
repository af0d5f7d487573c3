import { lstat, mkdtemp, readdir, readFile, readlink, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { FakeObjects, testPod } from "../../../test/support/agent-node.ts";
import type { Volume } from "../../core/schema/kubernetes.d.ts";
import { silentLogger } from "../log.ts";
import { podPaths, podRef } from "../pod-names.ts";
import { writeVolumeFiles } from "./atomic-writer.ts";
import { setUpVolumes, tearDownVolumes } from "./volume-set.ts";

let directory: string;
let objects: FakeObjects;
beforeEach(async () => {
	directory = await mkdtemp(join(tmpdir(), "petrel-volumes-"));
	objects = new FakeObjects();
});
afterEach(() => rm(directory, { recursive: true, force: true }));

async function setUp(...volumes: Volume[]): Promise<Map<string, string>> {
	const pod = testPod({ volumes }, { labels: { app: "web" } });
	const facts = { nodeName: "node-1", hostIPs: [], podIPs: [], allocatable: {} };
	return setUpVolumes({
		pod,
		paths: podPaths(directory, podRef(pod)),
		facts,
		objects,
		tokens: { token: async () => "a.b.c" },
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
		await tearDownVolumes(podPaths(directory, podRef(testPod())));
		await expect(stat(paths.get("keys") ?? "")).rejects.toThrow("ENOENT");
		expect(await readdir(directory)).toContain("pods");
	});

	it.each<[Volume, string]>([
		[{ name: "v", configMap: { name: "none" } }, 'MountVolume.SetUp failed for volume "v" : configmap "none" not found'],
		[{ name: "v", secret: { secretName: "none" } }, 'MountVolume.SetUp failed for volume "v" : secret "none" not found'],
		[{ name: "v", hostPath: { path: "/nonexistent", type: "Directory" } }, "hostPath type check failed: /nonexistent is not a directory"],
		[{ name: "v", nfs: { server: "x", path: "/" } }, "this node has none for nfs"],
	])("that cannot be made say why: %j", async (volume, message) => {
		await expect(setUp(volume)).rejects.toThrow(message);
	});

	it("that are optional may lack what they name", async () => {
		const paths = await setUp({ name: "v", configMap: { name: "none", optional: true } });
		expect((await readdir(paths.get("v") ?? "")).filter((n) => !n.startsWith(".."))).toEqual([]);
	});
});
