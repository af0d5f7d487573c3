import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, readlinkSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { archiveNames } from "./archive-names.ts";
import { buildImage } from "./build-image.ts";
import { isStaticElf } from "./busybox.ts";
import { pauseExecutable } from "./pause-image.ts";
import { packTar } from "./tar-pack.ts";
import { unpackTar } from "./unpack.ts";

let directory: string;
beforeEach(() => {
	directory = mkdtempSync(join(tmpdir(), "petrel-image-"));
});
afterEach(() => rmSync(directory, { recursive: true }));

const root = (): string => join(directory, "root");

describe("unpackTar", () => {
	test("takes what packTar writes, long names, links and modes included", async () => {
		const long = `${"deep/".repeat(60)}file`;
		const tar = packTar([
			{ path: "bin", mode: 0o755 },
			{ path: "bin/tool", mode: 0o755, content: Buffer.from("#!/bin/sh\n") },
			{ path: "bin/alias", mode: 0o777, linkPath: "/bin/tool" },
			{ path: long, mode: 0o644, content: Buffer.alloc(1500, "x") },
		]);
		await unpackTar(Readable.from([tar.subarray(0, 700), tar.subarray(700)]), root(), { whiteouts: false });
		expect(readFileSync(join(root(), long), "utf8")).toBe("x".repeat(1500));
		expect(readlinkSync(join(root(), "bin/alias"))).toBe("tool");
		expect(execFileSync("stat", ["-c", "%a", join(root(), "bin/tool")], { encoding: "utf8" }).trim()).toBe("755");
	});

	test("takes GNU tar's archives", async () => {
		const name = `${"n".repeat(120)}.txt`;
		writeFileSync(join(directory, name), "from tar");
		const tar = execFileSync("tar", ["-C", directory, "--format=gnu", "-cf", "-", name]);
		await unpackTar(Readable.from([tar]), root(), { whiteouts: false });
		expect(readFileSync(join(root(), name), "utf8")).toBe("from tar");
	});

	test("nothing is written outside, neither by name nor through a link", async () => {
		const file = (path: string) => ({ path, mode: 0o644, content: Buffer.from("x") });
		await expect(unpackTar(Readable.from([packTar([file("../evil")])]), root(), { whiteouts: false })).rejects.toThrow(/outside/);
		const through = packTar([{ path: "out", mode: 0o777, linkPath: "../../../../../../../../tmp" }, file("out/petrel-evil")]);
		await unpackTar(Readable.from([through]), root(), { whiteouts: false });
		expect(existsSync("/tmp/petrel-evil")).toBe(false);
		expect(existsSync(join(root(), "petrel-evil"))).toBe(true);
	});

	test("a layer's whiteouts remove what lower layers had", async () => {
		const file = (path: string) => ({ path, mode: 0o644, content: Buffer.from("x") });
		await unpackTar(Readable.from([packTar([file("a/one"), file("a/two"), file("b/three")])]), root(), { whiteouts: true });
		await unpackTar(Readable.from([packTar([file("a/.wh.one"), file("b/.wh..wh..opq"), file("b/four")])]), root(), { whiteouts: true });
		expect(["a/one", "a/two", "b/three", "b/four"].map((path) => existsSync(join(root(), path)))).toEqual([false, true, false, true]);
	});

	test.each([
		["rubbish", Buffer.alloc(2048, 7)],
		["an archive cut short", packTar([{ path: "f", mode: 0o644, content: Buffer.alloc(5000) }]).subarray(0, 3000)],
	])("%s is refused", async (_name, bytes) => {
		await expect(unpackTar(Readable.from([bytes]), root(), { whiteouts: false })).rejects.toThrow(/tar archive/);
	});
});

test("an image is the same bytes each time and is named in its archive", async () => {
	const build = (name: string) => buildImage({ ref: "hello", files: [{ path: "/a/b", content: "text" }], command: ["/a/b"], tarPath: join(directory, name) });
	const [one, two] = [await build("1.tar"), await build("2.tar")];
	expect(one.ref).toBe("docker.io/library/hello:latest");
	expect(readFileSync(one.tarPath).equals(readFileSync(two.tarPath))).toBe(true);
	expect(await archiveNames(one.tarPath)).toEqual([one.ref]);
});

test.each(["x64", "arm64"])("the pause executable for %s is a static ELF file", (architecture) => {
	const bytes = pauseExecutable(architecture);
	expect(isStaticElf(bytes)).toBe(true);
	expect(bytes.length).toBeLessThan(512);
});
