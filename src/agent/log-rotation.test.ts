import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { FakeClock } from "../../test/support/fake-clock.ts";
import { silentLogger } from "./log.ts";
import { LogRotation, removeLogs } from "./log-rotation.ts";
import type { ContainerStateInfo } from "./runtime/runtime.ts";

const PERIOD_MS = 10_000;
let directory: string;
let path: string;
let clock: FakeClock;
let reopened: string[];
let refusal: Error | undefined;
let rotation: LogRotation;

const container = (state: "running" | "exited"): ContainerStateInfo => ({ id: "c1", state, logPath: path }) as ContainerStateInfo;
let containers: ContainerStateInfo[];

beforeEach(async () => {
	directory = await mkdtemp(join(tmpdir(), "petrel-logs-"));
	path = join(directory, "app", "0.log");
	await mkdir(join(directory, "app"));
	clock = new FakeClock();
	reopened = [];
	refusal = undefined;
	containers = [container("running")];
	const reopenContainerLog = async (id: string): Promise<void> => {
		if (refusal) throw refusal;
		reopened.push(id);
		await writeFile(path, "", { flag: "a" });
	};
	const options = { runtime: { reopenContainerLog }, clock, log: silentLogger, containers: () => containers };
	rotation = new LogRotation({ ...options, maxBytes: 100, maxFiles: 4, periodMs: PERIOD_MS });
});
afterEach(async () => {
	await rotation.stop();
	await rm(directory, { recursive: true, force: true });
});

const names = async (): Promise<string[]> => (await readdir(join(directory, "app"))).sort();
const fill = (letter: string) => writeFile(path, letter.repeat(100));
/** Fills the log and rotates it, a minute after the last time. */
async function rotateFull(letter: string): Promise<void> {
	await fill(letter);
	await clock.advance(60_000);
	await rotation.rotateAll();
}

describe("the rotation of a container's log", () => {
	it("leaves a small one alone, and that of a container that has ended", async () => {
		await writeFile(path, "a".repeat(99));
		await rotation.rotateAll();
		containers = [container("exited")];
		await fill("a");
		await rotation.rotateAll();
		expect(await names()).toEqual(["0.log"]);
		expect(reopened).toEqual([]);
	});

	it("moves a large one away, compresses those before it and keeps as many files as it should", async () => {
		for (const letter of ["a", "b", "c", "d"]) await rotateFull(letter);
		const [present, oldest = "", middle = "", latest = "", ...more] = await names();
		expect(more).toEqual([]);
		expect(present).toBe("0.log");
		expect((await stat(path)).size).toBe(0);
		expect(latest).toMatch(/^0\.log\.\d{8}-\d{6}$/);
		expect(await readFile(join(directory, "app", latest), "utf8")).toBe("d".repeat(100));
		expect(middle).toMatch(/\.gz$/);
		const text = async (name: string) => gunzipSync(await readFile(join(directory, "app", name))).toString();
		expect([await text(oldest), await text(middle)]).toEqual(["b".repeat(100), "c".repeat(100)]);
	});

	it("puts the log back when the runtime does not take up a new one", async () => {
		refusal = new Error("containerd is away");
		await rotateFull("a");
		expect(await names()).toEqual(["0.log"]);
		expect((await stat(path)).size).toBe(100);
	});

	it("has a lost log made again, and removes what a cut compression left", async () => {
		await rotation.rotateAll();
		expect(reopened).toEqual(["c1"]);
		await writeFile(`${path}.20260101-000000.gz.tmp`, "half");
		await writeFile(`${path}.20260101-000000.tmp`, "half");
		await rotateFull("a");
		expect((await names()).filter((name) => name.endsWith(".tmp"))).toEqual([]);
	});

	it("comes round every period until it is stopped", async () => {
		await fill("a");
		rotation.start();
		await clock.advance(PERIOD_MS);
		await rotation.stop();
		expect(reopened).toEqual(["c1"]);
		await fill("b");
		await clock.advance(PERIOD_MS);
		expect(reopened).toEqual(["c1"]);
	});

	it("ends with the container: all its files go", async () => {
		for (const letter of ["a", "b"]) await rotateFull(letter);
		await removeLogs(path);
		expect(await names()).toEqual([]);
	});
});
