/** A machine with neither containerd nor apt-get nor kubectl: the example answers all the same, and everybody is told what it runs on. */
import { get } from "node:http";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import type { NodeList, Service } from "../../src/core/schema/kubernetes.d.ts";
import { pathWithout } from "./support/machine-path.ts";
import { Petrel } from "./support/petrel.ts";
import { NO_TRACES, tracesOf } from "./support/traces.ts";

const page = (url: string): Promise<string> =>
	new Promise((resolve, reject) => {
		get(url, { agent: false }, (response) => {
			let text = "";
			response.on("data", (chunk: Buffer) => (text += chunk.toString()));
			response.on("end", () => resolve(text));
		}).on("error", reject);
	});

describe("a machine without containerd, apt-get and kubectl", () => {
	const petrel = new Petrel();
	const directory = mkdtempSync(join(tmpdir(), "petrel-path-"));
	afterAll(async () => {
		await petrel.dispose();
		rmSync(directory, { recursive: true, force: true });
		expect(tracesOf(petrel.data.path)).toEqual(NO_TRACES);
	});

	it("runs the example as processes", async () => {
		const env = { PATH: pathWithout(/^(containerd.*|ctr|runc|apt-get|kubectl.*)$/, directory) };
		const { code, stdout, stderr } = await petrel.try(["up", "--detach"], env);
		expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
		expect(stdout).toMatch(/Hello from hello-[a-z0-9]+-[a-z0-9]+, running on Petrel/);
		expect(stdout).toMatch(/there is no apt-get on PATH; for real containers, install: containerd/);
		expect(stdout).toContain("kubectl is not on the PATH: get it from https://kubernetes.io/docs/tasks/tools/");
		expect(petrel.data.read("logs/agent.log")).toMatch(/kind=process reason="not found on PATH: containerd.*without isolation"/);
		const { items } = await petrel.kubectl.json<NodeList>("get", "nodes");
		expect(items.map(({ status }) => status?.nodeInfo?.containerRuntimeVersion)).toEqual([expect.stringMatching(/^process:\/\//)]);
		const { spec } = await petrel.kubectl.json<Service>("get", "service", "hello");
		expect(await page(`http://127.0.0.1:${spec?.ports?.[0]?.nodePort}/`)).toContain("running on Petrel");
	});

	it("cannot be told to run containers", async () => {
		await petrel.run("down");
		const { code, stderr } = await petrel.try(["up", "--detach", "--runtime", "containerd"], { PATH: directory });
		expect(code).not.toBe(0);
		expect(stderr).toMatch(/The containerd runtime cannot be used: not found on PATH: containerd/);
		expect(tracesOf(petrel.data.path)).toEqual(NO_TRACES);
	});
});
