/** A cluster that is stopped and started again has its objects, its pods and its Services; one that is stopped has left the machine as it was. */
import { execFileSync, spawn } from "node:child_process";
import { get } from "node:http";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { packageRoot } from "../../src/cli/bundle.ts";
import type { ConfigMap, Deployment, Node, Pod, PodList, Service } from "../../src/core/schema/kubernetes.d.ts";
import { deployment, EXAMPLE_PORT, shellPod } from "./support/example.ts";
import { FollowedCommand } from "./support/followed-command.ts";
import { eventually, Petrel } from "./support/petrel.ts";
import { testableRuntimes } from "./support/runtimes.ts";
import { NO_TRACES, tracesOf } from "./support/traces.ts";

const page = (url: string): Promise<string | undefined> =>
	new Promise((resolve) => {
		get(url, { agent: false, timeout: 2_000 }, (response) => {
			let text = "";
			response.on("data", (chunk: Buffer) => (text += chunk.toString()));
			response.on("end", () => resolve(text));
		})
			.on("timeout", () => resolve(undefined))
			.on("error", () => resolve(undefined));
	});

const containerId = (pod: Pod | undefined): string | undefined => pod?.status?.containerStatuses?.[0]?.containerID;

/** In the foreground, as in a terminal. */
function foreground(petrel: Petrel, runtime: string): FollowedCommand {
	const args = [join(packageRoot, "bin", "petrel.mjs"), "up", "--no-example", "--runtime", runtime];
	return new FollowedCommand(spawn(process.execPath, args, { env: { ...process.env, PETREL_DATA: petrel.data.path }, stdio: ["pipe", "pipe", "pipe"] }));
}

describe.each(testableRuntimes)("a cluster with the %s runtime", (runtime) => {
	const petrel = new Petrel();
	const { kubectl } = petrel;
	const service: Service = {
		apiVersion: "v1",
		kind: "Service",
		metadata: { name: "web" },
		spec: { type: "NodePort", selector: { app: "web" }, ports: [{ port: 80, targetPort: EXAMPLE_PORT }] },
	};
	const configMap: ConfigMap = { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "settings" }, data: { colour: "blue" } };
	const reader = shellPod("reader", "trap 'exit 0' TERM; cat settings/colour; while :; do sleep 0.2; done");
	Object.assign(reader.spec ?? {}, {
		volumes: [
			{ name: "settings", configMap: { name: "settings" } },
			{ name: "space", emptyDir: { medium: "Memory" } },
		],
	});
	for (const container of reader.spec?.containers ?? []) {
		const volumeMounts = ["settings", "space"].map((name) => ({ name, mountPath: `/${name}` }));
		// The process runtime has no root of its own: paths are taken from the working directory.
		Object.assign(container, { workingDir: "/", volumeMounts });
	}

	const uid = async (kind: string, name: string): Promise<string> => kubectl.run("get", kind, name, "-o", "jsonpath={.metadata.uid}");
	const answers = async (): Promise<void> => {
		const { spec } = await kubectl.json<Service>("get", "service", "web");
		const url = `http://127.0.0.1:${spec?.ports?.[0]?.nodePort}/`;
		await eventually(url, async () => ((await page(url))?.includes("running on Petrel") ? true : undefined));
	};
	const state = async (): Promise<string[]> =>
		Promise.all([uid("deployment", "web"), uid("service", "web"), uid("configmap", "settings"), uid("pod", "reader"), uid("node", await nodeName())]);
	const nodeName = (): Promise<string> => kubectl.run("get", "nodes", "-o", "jsonpath={.items[0].metadata.name}");
	const list = async (): Promise<Pod[]> => (await kubectl.json<PodList>("get", "pods", "--sort-by={.metadata.name}")).items;
	const range = async (): Promise<string> => (await kubectl.json<Node>("get", "node", await nodeName())).spec?.podCIDR ?? "none";

	let command: FollowedCommand;
	beforeAll(async () => {
		command = foreground(petrel, runtime);
		await command.until(/Petrel runs\. Ctrl-C stops it/);
		await Promise.all([kubectl.apply(deployment("web", 2)), kubectl.apply(service), kubectl.apply(configMap)]);
		await kubectl.apply(reader);
		await kubectl.run("rollout", "status", "deployment/web", "--timeout=90s");
		await kubectl.run("wait", "--for=condition=Ready", "pod/reader", "--timeout=60s");
	});
	afterAll(() => petrel.dispose());

	it("leaves nothing behind on Ctrl-C, and comes back as it was", async () => {
		await answers();
		const [before, addresses] = [await state(), (await range()).replace(/\.0\/24$/, ".")];
		const pods = await list();

		command.child.kill("SIGINT");
		expect(await command.finish()).toBe(0);
		expect(command.text).toContain("Stopping ...");
		expect(tracesOf(petrel.data.path)).toEqual(NO_TRACES);
		expect(execFileSync("ip", ["route"], { encoding: "utf8" })).not.toContain(addresses);

		await petrel.up("--no-example", "--runtime", runtime);
		expect(await state()).toEqual(before);
		const again = await eventually("the pods' new containers", async () => {
			const now = await list();
			return now.every(({ status }, i) => status?.containerStatuses?.[0]?.ready && containerId(now[i]) !== containerId(pods[i])) ? now : undefined;
		});
		expect(again.map(({ metadata }) => metadata.uid)).toEqual(pods.map(({ metadata }) => metadata.uid));
		await kubectl.run("rollout", "status", "deployment/web", "--timeout=60s");
		expect((await kubectl.json<Deployment>("get", "deployment", "web")).status).toMatchObject({ readyReplicas: 2, replicas: 2 });
		expect(await kubectl.run("exec", "reader", "--", "cat", "settings/colour")).toBe("blue");
		await answers();
		await petrel.run("down");
		expect(tracesOf(petrel.data.path)).toEqual(NO_TRACES);
	});
});
