import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { prepareCredentials } from "./credentials.ts";
import { DataDirectory } from "./data-directory.ts";

let path: string;
beforeEach(() => {
	path = mkdtempSync(join(tmpdir(), "petrel-data-"));
});
afterEach(() => rmSync(path, { recursive: true, force: true }));

async function createCluster(): Promise<DataDirectory> {
	const data = new DataDirectory(path);
	data.prepare();
	await prepareCredentials(data, Date.now());
	data.complete(6443);
	return data;
}

describe("a data directory", () => {
	it("keeps its secrets for the owner", async () => {
		const data = await createCluster();
		for (const name of ["ca.key", "server.key", "signing-key.json", "admin.token"]) expect(statSync(data.file(name)).mode & 0o777).toBe(0o600);
		expect(statSync(path).mode & 0o777).toBe(0o700);
	});

	it("keeps the CA, the signing key and the administrator's token over restarts, and renews the certificate", async () => {
		const data = await createCluster();
		const names = ["ca.crt", "ca.key", "signing-key.json", "admin.token"];
		const before = names.map((name) => data.read(name));
		const certificate = data.read("server.crt");
		const again = new DataDirectory(path);
		again.prepare();
		await prepareCredentials(again, Date.now());
		expect(names.map((name) => again.read(name))).toEqual(before);
		expect(again.read("server.crt")).not.toBe(certificate);
	});

	it("finishes a first start that was interrupted", async () => {
		const data = new DataDirectory(path);
		data.prepare();
		data.write("ca.crt", "half");
		const again = new DataDirectory(path);
		again.prepare();
		const { ca } = await prepareCredentials(again, Date.now());
		expect(ca).toContain("BEGIN CERTIFICATE");
	});

	it("says which file of a cluster is missing, and changes nothing", async () => {
		const data = await createCluster();
		rmSync(data.file("ca.key"));
		expect(() => new DataDirectory(path).prepare()).toThrow(/incomplete: ca\.key is missing/);
		expect(existsSync(data.file("ca.key"))).toBe(false);
	});

	it("says that a CA is damaged", async () => {
		const data = await createCluster();
		writeFileSync(data.file("ca.crt"), "no certificate");
		await expect(prepareCredentials(data, Date.now())).rejects.toThrow(/is damaged/);
	});

	it("refuses a directory that holds something else", () => {
		writeFileSync(join(path, "thesis.txt"), "");
		expect(() => new DataDirectory(path).prepare()).toThrow(/thesis\.txt/);
		expect(existsSync(join(path, "logs"))).toBe(false);
	});

	it("says that a path cannot be a directory", () => {
		writeFileSync(join(path, "file"), "");
		expect(() => new DataDirectory(join(path, "file")).prepare()).toThrow(/cannot be written/);
	});

	it("belongs to one process at a time", () => {
		const data = new DataDirectory(path);
		data.lock();
		expect(() => new DataDirectory(path).lock()).toThrow(`already runs in ${path} (process ${process.pid})`);
		data.unlock();
		new DataDirectory(path).lock();
	});

	it("takes over the lock of a process that is gone, even when its id is in use again", () => {
		mkdirSync(path, { recursive: true });
		writeFileSync(join(path, "lock"), JSON.stringify({ pid: process.pid, startTime: "1" }));
		new DataDirectory(path).lock();
		expect(JSON.parse(readFileSync(join(path, "lock"), "utf8"))).toMatchObject({ pid: process.pid });
	});
});
