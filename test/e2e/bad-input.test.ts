/** What a user or a crash can get wrong: a sentence that says what to do, an exit code, and nothing half done. */
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { INSTANCE_ANNOTATION } from "../../src/objects/cluster-core.ts";
import { createCa } from "../../src/cli/certificates.ts";
import { createJoinToken } from "../../src/cli/tokens.ts";
import { useControlPlane } from "./support/cluster.ts";
import { Petrel } from "./support/petrel.ts";
import { NO_TRACES, tracesOf } from "./support/traces.ts";

const A_DAY_MS = 24 * 3_600_000;

describe("an agent that may not join", () => {
	const plane = useControlPlane();
	const petrel = new Petrel();
	const directories: string[] = [];
	const token = (nowMs = Date.now()): Promise<string> => createJoinToken(plane.data.read("signing-key.json") ?? "", nowMs);
	afterAll(() => {
		for (const directory of [petrel.data.path, ...directories]) rmSync(directory, { recursive: true, force: true });
	});

	async function joinFails(joinToken: string, name: string, more: string[] = []): Promise<string> {
		const directory = mkdtempSync(join(tmpdir(), "petrel-e2e-agent-"));
		directories.push(directory);
		const server = (await plane.kubectl.run("config", "view", "-o", "jsonpath={.clusters[0].cluster.server}")).trim();
		const options = [
			"--server",
			server,
			"--token",
			joinToken,
			"--name",
			name,
			"--data",
			directory,
			"--ca-file",
			plane.data.file("ca.crt"),
			"--runtime",
			"process",
		];
		const { code, stderr } = await petrel.try(["agent", ...options, ...more]);
		expect(code).not.toBe(0);
		expect(stderr).not.toMatch(/^\s+at /m);
		expect(existsSync(join(directory, "membership.json"))).toBe(false);
		expect(tracesOf(directory)).toEqual(NO_TRACES);
		return stderr;
	}

	it("is told that its token is wrong, or has expired", async () => {
		const good = await token();
		expect(await joinFails(`${good.slice(0, -8)}AAAAAAAA`, "stranger")).toMatch(/did not accept the join token: .*make a new token and give it with --token\./);
		expect(await joinFails(await token(Date.now() - 2 * A_DAY_MS), "late")).toMatch(/did not accept the join token/);
		expect(await plane.kubectl.run("get", "nodes", "-o", "name")).toBe("");
	});

	it("is told that another CA signed the control plane's certificate", async () => {
		const file = petrel.data.file("other-ca.crt");
		writeFileSync(file, (await createCa(Date.now())).certificate);
		expect(await joinFails(await token(), "stranger", ["--ca-file", file])).toMatch(
			/The certificate of .* is not the cluster's .*; give the cluster's CA with --ca-file/,
		);
	});

	it("is told that its name is taken", async () => {
		await plane.kubectl.pipe(
			JSON.stringify({ apiVersion: "v1", kind: "Node", metadata: { name: "taken", annotations: { [INSTANCE_ANNOTATION]: "another" } } }),
			"create",
			"-f",
			"-",
		);
		expect(await joinFails(await token(), "taken")).toMatch(
			/[Tt]he name "taken" is taken by another node of the cluster: .*choose another with --name, or delete that node first\./,
		);
	});

	it("is told that its name is none", async () => {
		expect(await joinFails(await token(), "Not_A_Name")).toMatch(/must be a lowercase RFC 1123 subdomain/);
	});
});

describe("a data directory that was half written", () => {
	const petrel = new Petrel();
	const intact = new Map<string, string>();
	const restore = (): void => {
		for (const [name, text] of intact) petrel.data.write(name, text);
	};
	beforeAll(async () => {
		await petrel.up("--no-example", "--runtime", "process");
		await petrel.kubectl.run("create", "configmap", "kept");
		await petrel.run("down");
		for (const name of ["petrel.json", "ca.crt", "ca.key", "signing-key.json", "admin.token"]) intact.set(name, petrel.data.read(name) ?? "");
	});
	afterAll(() => petrel.dispose());

	it.each([
		["petrel.json", 0, /petrel\.json is damaged\. Restore it from a copy, or remove the directory to begin anew\./],
		["petrel.json", 9, /petrel\.json is damaged\./],
		["ca.crt", 0, /is incomplete: ca\.crt is missing\. Restore it/],
		["ca.crt", 200, /The CA in .* is damaged\. Restore both/],
		["ca.key", 60, /The CA in .* is damaged\. Restore both/],
		["signing-key.json", 0, /is incomplete: signing-key\.json is missing\./],
		["signing-key.json", 40, /The signing key is damaged\. Restore signing-key\.json/],
	])("says what is wrong with a %s of %i bytes", async (name, length, message) => {
		writeFileSync(petrel.data.file(name), (intact.get(name) ?? "").slice(0, length));
		const { code, stderr } = await petrel.try(["up", "--detach", "--no-example", "--runtime", "process"]);
		restore();
		expect(code).not.toBe(0);
		expect(stderr).toMatch(message);
		expect(existsSync(petrel.data.file("lock"))).toBe(false);
		expect(tracesOf(petrel.data.path)).toEqual(NO_TRACES);
	});

	it("makes anew what can be made anew", async () => {
		const half = ["run.json", "lock", "kubeconfig", "workerd.capnp", "server.crt", "server.key", "join.token", "worker.js"];
		for (const name of half) writeFileSync(petrel.data.file(name), (petrel.data.read(name) ?? "{").slice(0, 1));
		writeFileSync(petrel.data.file("admin.token"), "");
		for (const name of ["desired-state.json", "membership.json", "agent.lock"]) writeFileSync(petrel.data.file("node", name), '{"version":1,"po');
		writeFileSync(petrel.data.file("kubeconfig.123.new"), "apiVersion");
		await petrel.up("--no-example", "--runtime", "process");
		expect(await petrel.kubectl.run("get", "configmap", "kept", "-o", "name")).toBe("configmap/kept\n");
		expect(await petrel.run("status")).toMatch(/ready/);
		await petrel.run("down");
		expect(tracesOf(petrel.data.path)).toEqual(NO_TRACES);
	});

	it("says so when the control plane's state is damaged, and leaves nothing running", async () => {
		const files = readdirSync(petrel.data.file("state"), { recursive: true, encoding: "utf8" }).filter((name) => name.endsWith(".sqlite"));
		expect(files.length).toBeGreaterThan(0);
		for (const name of files) writeFileSync(petrel.data.file("state", name), "half a page");
		const { code, stderr } = await petrel.try(["up", "--detach", "--no-example", "--runtime", "process"]);
		expect(code).not.toBe(0);
		expect(stderr).toMatch(/The control plane's state is damaged\. Restore the data directory from a copy, or remove it to begin anew\./);
		expect(stderr).not.toContain("This is a fault of Petrel");
		expect(tracesOf(petrel.data.path)).toEqual(NO_TRACES);
	});
});

describe("an address to listen on", () => {
	const petrel = new Petrel();
	afterAll(() => petrel.dispose());

	it("must be one of this machine", async () => {
		const { code, stderr } = await petrel.try(["up", "--listen", "192.0.2.254"]);
		expect(code).not.toBe(0);
		expect(stderr).toMatch(/"192\.0\.2\.254" is no address of this machine\. Give one of 127\.0\.0\.1/);
	});
});
