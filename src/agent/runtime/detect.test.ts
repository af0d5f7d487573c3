import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { detectRuntime, installPackages } from "./detect.ts";

describe("on a machine without containerd", () => {
	let empty: string;
	beforeEach(() => {
		empty = mkdtempSync(join(tmpdir(), "petrel-path-"));
		vi.stubEnv("PATH", empty);
	});
	afterEach(() => {
		vi.unstubAllEnvs();
		rmSync(empty, { recursive: true });
	});

	test("pods run as processes, and the reason says what is missing and what that means", async () => {
		const { kind, reason } = await detectRuntime({ dataDir: empty });
		expect(kind).toBe("process");
		expect(reason).toMatch(/containerd.*without isolation/);
	});

	test("without apt-get nothing is installed, and the packages are named", async () => {
		const result = await installPackages();
		expect(result.installed).toBe(false);
		expect(result.message).toMatch(/containerd, runc/);
	});
});

test("the process runtime can be asked for", async () => {
	expect(await detectRuntime({ dataDir: tmpdir(), prefer: "process" })).toMatchObject({ kind: "process" });
});
