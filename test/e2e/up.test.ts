/** The user's commands: the example answers, the state survives, every bad start is told in a sentence, nothing is left. */
import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { existsSync, rmSync } from "node:fs";
import { type AddressInfo, createServer } from "node:net";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { isRunning } from "../../src/cli/process-identity.ts";
import { Petrel } from "./support/petrel.ts";
import { testableRuntimes } from "./support/runtimes.ts";

/** Mounts, interfaces and firewall tables, a line each: none may be new once a cluster has stopped. */
function traces(): Set<string> {
	const output = (command: string, ...args: string[]): string => {
		try {
			return execFileSync(command, args, { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] });
		} catch {
			return "";
		}
	};
	const links = output("ip", "-brief", "link")
		.split("\n")
		.map((line) => line.split(/\s+/)[0] ?? "");
	return new Set([...output("cat", "/proc/self/mounts").split("\n"), ...links, ...output("nft", "list", "tables").split("\n")]);
}

/** The processes whose command line names the directory. */
function processesOf(path: string): string {
	return execFileSync("ps", ["-eo", "pid,args"], { encoding: "utf8" })
		.split("\n")
		.filter((line) => line.includes(path))
		.join("\n");
}

describe.each(testableRuntimes)("petrel up with the %s runtime", (runtime) => {
	const petrel = new Petrel();
	let before: ReturnType<typeof traces>;
	beforeAll(() => {
		before = traces();
	});
	afterAll(() => petrel.dispose());

	it("ends with the example's answer and what to try next", async () => {
		const output = await petrel.up("--runtime", runtime);
		expect(output).toMatch(/Hello from hello-[a-z0-9]+-[a-z0-9]+, running on Petrel/);
		expect(output).toContain(`export KUBECONFIG=${petrel.data.file("kubeconfig")}`);
		expect(output).toMatch(/Ready after \d+\.\d s/);
		expect((await petrel.kubectl.run("get", "nodes", "-o", "wide")).toLowerCase()).toContain(`${runtime}://`);
	});

	it("says what runs", async () => {
		const status = JSON.parse(await petrel.run("status", "-o", "json")) as Record<string, unknown>;
		expect(status).toMatchObject({
			running: true,
			controlPlane: { running: true, ready: true },
			agent: { running: true },
			nodes: [{ ready: true }],
			pods: { total: 3, running: 3 },
		});
		expect(await petrel.run("status")).toContain("3 running of 3");
	});

	it("is not started twice in one directory", async () => {
		const { code, stderr } = await petrel.try(["up", "--detach", "--no-example"]);
		expect(code).not.toBe(0);
		expect(stderr).toContain("Petrel already runs in");
		expect(await petrel.run("status")).toContain("3 running of 3");
	});

	it("stops without a trace, twice if asked", async () => {
		const state = petrel.data.runState();
		expect(await petrel.run("down")).toBe("Petrel is stopped.\n");
		for (const identity of [state?.supervisor, state?.controlPlane, state?.agent]) expect(identity !== undefined && isRunning(identity)).toBe(false);
		expect(processesOf(petrel.data.path)).toBe("");
		expect([...traces()].filter((trace) => !before.has(trace))).toEqual([]);
		expect(await petrel.run("down")).toContain("does not run");
	});

	it("comes back with its state", async () => {
		const kubeconfig = petrel.data.read("kubeconfig");
		await petrel.up("--no-example", "--runtime", runtime);
		expect(petrel.data.read("kubeconfig")).toBe(kubeconfig);
		await petrel.kubectl.run("rollout", "status", "deployment/hello", "--timeout=60s");
		expect((await petrel.kubectl.json<{ items: unknown[] }>("get", "pods", "-l", "app=hello")).items).toHaveLength(3);
	});
});

describe("petrel told something wrong", () => {
	const petrel = new Petrel();
	afterAll(() => petrel.dispose());

	it.each([
		[["up", "--port", "nowhere"], /"nowhere" is no port number\. Give a number/],
		[["up", "--runtime", "docker"], /no runtime "docker"\. Use containerd or process\./],
		[["up", "--data", "/proc/petrel"], /cannot be written.*--data/s],
		[["kubeconfig"], /no cluster in .*`petrel up`/],
		[["node", "token", "create"], /no cluster in .*`petrel up`/],
		[["status", "-o", "yaml"], /no output format "yaml"\. Use json\./],
		[["agent", "--server", "https://127.0.0.1:1"], /token/],
		[["sail"], /unknown command 'sail'/],
	])("%j ends with a sentence and an exit code", async (args, message) => {
		const { code, stderr } = await petrel.try(args);
		expect(stderr).toMatch(message);
		expect(stderr).not.toMatch(/^\s+at /m);
		expect(code).not.toBe(0);
	});

	it("leaves nothing behind when its port is in use", async () => {
		const server = createServer().listen(0, "127.0.0.1");
		await once(server, "listening");
		const { port } = server.address() as AddressInfo;
		const { code, stderr } = await petrel.try(["up", "--detach", "--port", String(port)]);
		server.close();
		expect(code).not.toBe(0);
		expect(stderr).toContain(`Port ${port} is in use. Choose another one with --port`);
		expect(existsSync(petrel.data.file("lock"))).toBe(false);
		expect(processesOf(petrel.data.path)).toBe("");
	});

	it("names what is missing from a data directory", async () => {
		await petrel.up("--no-example", "--runtime", "process");
		await petrel.run("down");
		rmSync(petrel.data.file("signing-key.json"));
		const { code, stderr } = await petrel.try(["up", "--detach"]);
		expect(code).not.toBe(0);
		expect(stderr).toMatch(/incomplete: signing-key\.json is missing\. Restore it/);
	});
});
