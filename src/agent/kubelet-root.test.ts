import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { releaseKubeletRoot, takeKubeletRoot } from "./kubelet-root.ts";
import { silentLogger as log } from "./log.ts";

describe("the kubelet's root", () => {
	let base: string;
	beforeEach(() => {
		base = mkdtempSync(join(tmpdir(), "petrel-root-"));
		for (const name of ["a", "b"]) mkdirSync(join(base, name));
	});
	afterEach(() => rmSync(base, { recursive: true, force: true }));
	const take = (agent: string, required = false): Promise<string> =>
		takeKubeletRoot({ dataDirectory: join(base, agent), wanted: { directory: join(base, "kubelet"), required }, log });

	it("is the first agent's; another keeps to its data directory, also later", async () => {
		expect(await take("a")).toBe(join(base, "kubelet"));
		expect(readdirSync(join(base, "kubelet")).sort()).toEqual(["device-plugins", "petrel-agent", "plugins", "plugins_registry", "pods"]);
		expect(await take("b")).toBe(join(base, "b"));
		expect(await take("a")).toBe(join(base, "kubelet"));
		await releaseKubeletRoot(join(base, "a"));
		expect(existsSync(join(base, "kubelet"))).toBe(false);
	});

	it("is free again when its holder's data directory has gone", async () => {
		await take("a");
		rmSync(join(base, "a"), { recursive: true });
		expect(await take("b")).toBe(join(base, "kubelet"));
	});

	it("leaves what others have put there", async () => {
		await take("a");
		writeFileSync(join(base, "kubelet", "plugins", "file"), "");
		await releaseKubeletRoot(join(base, "a"));
		expect(readdirSync(join(base, "kubelet"))).toEqual(["plugins"]);
	});

	it("is refused when it is required and another's", async () => {
		await take("a");
		await expect(take("b", true)).rejects.toThrow(
			`the kubelet's root ${join(base, "kubelet")} cannot be used: it is that of the agent with the data directory`,
		);
	});

	it("is the data directory for who asks for no other", async () => {
		expect(await takeKubeletRoot({ dataDirectory: join(base, "a"), log })).toBe(join(base, "a"));
	});
});
