/** What a user does with kubectl, with real containers under it. */
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { get } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Deployment, Pod, PodList } from "../../src/core/schema/kubernetes.d.ts";
import { deployment, EXAMPLE_IMAGE_REF, EXAMPLE_PORT, shellPod } from "./support/example.ts";
import { eventually, Petrel, testableRuntimes } from "./support/petrel.ts";

const page = (url: string): Promise<string> =>
	new Promise((resolve, reject) => {
		get(url, { agent: false }, (response) => {
			let text = "";
			response.on("data", (chunk: Buffer) => {
				text += chunk.toString();
			});
			response.on("end", () => resolve(text));
		}).on("error", reject);
	});

describe.each(testableRuntimes())("kubectl with the %s runtime", (runtime) => {
	const petrel = new Petrel();
	const { kubectl } = petrel;
	const directory = mkdtempSync(join(tmpdir(), "petrel-kubectl-"));
	const apply = (object: unknown, ...args: string[]): Promise<string> => kubectl.pipe(JSON.stringify(object), "apply", ...args, "-f", "-");

	beforeAll(async () => {
		await petrel.up("--no-example", "--runtime", runtime);
		await apply(deployment("web", 2));
		await kubectl.run("rollout", "status", "deployment/web", "--timeout=90s");
		await apply(shellPod("shell", "trap 'exit 0' TERM; n=0; while :; do echo line $n; n=$((n+1)); sleep 0.2; done"));
		await kubectl.run("wait", "--for=condition=Ready", "pod/shell", "--timeout=60s");
	});
	afterAll(async () => {
		await petrel.dispose();
		rmSync(directory, { recursive: true, force: true });
	});

	it("tells its version and its resources", async () => {
		expect(await kubectl.run("version")).toMatch(/Server Version: v1\.\d+/);
		const resources = await kubectl.run("api-resources");
		for (const name of ["pods", "deployments", "replicasets", "services", "configmaps", "secrets", "nodes", "namespaces", "events", "leases", "endpointslices"])
			expect(resources).toMatch(new RegExp(`^${name} `, "m"));
		expect(await kubectl.run("explain", "deployment.spec.replicas")).toContain("integer");
	});

	it("gets in every form", async () => {
		expect(await kubectl.run("get", "pods")).toMatch(/^NAME +READY +STATUS +RESTARTS +AGE\n/);
		expect(await kubectl.run("get", "pods", "-o", "wide")).toMatch(/IP +NODE/);
		expect(await kubectl.run("get", "deployment", "web", "-o", "yaml")).toContain("kind: Deployment");
		expect(await kubectl.run("get", "deploy", "web", "-o", "name")).toBe("deployment.apps/web\n");
		expect(await kubectl.run("get", "deploy/web", "-o", "jsonpath={.spec.replicas}")).toBe("2");
		expect(await kubectl.run("get", "pods", "-l", "app=web", "-o", "custom-columns=N:.metadata.name", "--no-headers")).toMatch(/^web-\S+\nweb-\S+\n$/);
		expect(await kubectl.run("get", "all")).toContain("deployment.apps/web");
		expect(await kubectl.run("get", "pods", "-A", "--field-selector", "metadata.name=shell")).toContain("shell");
	});

	it("describes pods, deployments and nodes", async () => {
		expect(await kubectl.run("describe", "pod", "shell")).toMatch(/Status: +Running/);
		expect(await kubectl.run("describe", "deployment", "web")).toContain("ScalingReplicaSet");
		expect(await kubectl.run("describe", "nodes")).toContain("Ready");
		expect(await kubectl.run("events")).toContain("Scheduled");
	});

	it("follows logs", async () => {
		const child = kubectl.start("logs", "-f", "--tail=1", "shell");
		let text = "";
		child.stdout?.on("data", (chunk: Buffer) => {
			text += chunk.toString();
		});
		await eventually("three lines", async () => (text.split("\n").length > 3 ? text : undefined));
		child.kill();
		await once(child, "close");
		expect(text).toMatch(/^line \d+\nline \d+\n/);
	});

	it("executes with input, output and an exit code", async () => {
		expect(await kubectl.pipe("hello\n", "exec", "-i", "shell", "--", "cat")).toBe("hello\n");
		const failed = await kubectl.try(["exec", "shell", "--", "sh", "-c", "echo out; echo err >&2; exit 7"]);
		expect(failed).toMatchObject({ code: 7, stdout: "out\n" });
		expect(failed.stderr).toContain("err");
	});

	it("copies files in and out", async () => {
		const source = join(directory, "source");
		const target = join(directory, "target");
		writeFileSync(source, "x".repeat(300_000));
		await kubectl.run("cp", source, "shell:copied");
		await kubectl.run("cp", "shell:copied", target);
		expect(readFileSync(target, "utf8")).toBe(readFileSync(source, "utf8"));
	});

	it("forwards a port", async () => {
		const child = kubectl.start("port-forward", "deployment/web", `0:${EXAMPLE_PORT}`);
		let text = "";
		child.stdout?.on("data", (chunk: Buffer) => {
			text += chunk.toString();
		});
		const port = await eventually("a forwarded port", async () => /127\.0\.0\.1:(\d+)/.exec(text)?.[1]);
		expect(await page(`http://127.0.0.1:${port}/`)).toMatch(/^Hello from web-/);
		child.kill();
		await once(child, "close");
	});

	it("attaches", async () => {
		const child = kubectl.start("attach", "shell");
		let text = "";
		child.stdout?.on("data", (chunk: Buffer) => {
			text += chunk.toString();
		});
		await eventually("attached output", async () => (/line \d+\n/.test(text) ? text : undefined));
		child.kill();
		await once(child, "close");
	});

	it("watches", async () => {
		const child = kubectl.start("get", "pods", "-w", "-l", "app=watched");
		let text = "";
		child.stdout?.on("data", (chunk: Buffer) => {
			text += chunk.toString();
		});
		await apply(shellPod("watched", "sleep 300"));
		await eventually("the pod running", async () => (/watched +1\/1 +Running/.test(text) ? text : undefined));
		await kubectl.run("delete", "pod", "watched", "--wait=false");
		await eventually("the pod terminating", async () => (/watched +\d\/1 +(Terminating|Completed|Error)/.test(text) ? text : undefined));
		child.kill();
		await once(child, "close");
	});

	it("applies on both sides, twice without a change, and shows differences", async () => {
		const object = { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "settings" }, data: { colour: "blue" } };
		expect(await apply(object)).toBe("configmap/settings created\n");
		expect(await apply(object)).toBe("configmap/settings unchanged\n");
		const changed = { ...object, data: { colour: "green" } };
		const diff = await kubectl.try(["diff", "-f", "-"], JSON.stringify(changed));
		expect(diff).toMatchObject({ code: 1, stdout: expect.stringContaining("+  colour: green") });
		expect(await apply(changed)).toBe("configmap/settings configured\n");
		const other = { ...object, metadata: { name: "served" } };
		expect(await apply(other, "--server-side")).toBe("configmap/served serverside-applied\n");
		const conflict = await kubectl.try(["apply", "--server-side", "--field-manager=another", "-f", "-"], JSON.stringify({ ...other, data: { colour: "red" } }));
		expect(conflict.code).not.toBe(0);
		expect(conflict.stderr).toContain("conflict");
		await kubectl.run("delete", "configmap", "settings", "served");
	});

	it("creates what it has generators for", async () => {
		await kubectl.run("create", "namespace", "made");
		await kubectl.run("create", "configmap", "c", "-n", "made", "--from-literal=a=1");
		await kubectl.run("create", "secret", "generic", "s", "-n", "made", "--from-literal=password=secret");
		await kubectl.run("create", "deployment", "d", "-n", "made", `--image=${EXAMPLE_IMAGE_REF}`, "--replicas=0");
		expect(await kubectl.run("get", "secret", "s", "-n", "made", "-o", "jsonpath={.data.password}")).toBe(Buffer.from("secret").toString("base64"));
		expect(await kubectl.run("get", "deployment", "d", "-n", "made", "-o", "jsonpath={.spec.replicas}")).toBe("0");
		await kubectl.run("delete", "namespace", "made", "--timeout=60s");
		expect((await kubectl.try(["get", "namespace", "made"])).stderr).toContain('namespaces "made" not found');
	});

	it("labels, annotates, patches and edits", async () => {
		await kubectl.run("label", "pod", "shell", "tier=front");
		await kubectl.run("annotate", "pod", "shell", "note=seen");
		await kubectl.run("patch", "pod", "shell", "--type=json", "-p", '[{"op":"add","path":"/metadata/labels/patched","value":"json"}]');
		await kubectl.run("patch", "deployment", "web", "--type=merge", "-p", '{"metadata":{"labels":{"patched":"merge"}}}');
		await kubectl.run("patch", "deployment", "web", "-p", '{"metadata":{"labels":{"also":"strategic"}}}');
		const pod = await kubectl.json<Pod>("get", "pod", "shell");
		expect(pod.metadata).toMatchObject({ labels: { tier: "front", patched: "json" }, annotations: { note: "seen" } });
		const { labels } = (await kubectl.json<Deployment>("get", "deployment", "web")).metadata ?? {};
		expect(labels).toMatchObject({ patched: "merge", also: "strategic" });
	});

	it("scales, changes the image, and undoes it", async () => {
		await kubectl.run("scale", "deployment", "web", "--replicas=3");
		await kubectl.run("rollout", "status", "deployment/web", "--timeout=60s");
		await kubectl.run("set", "env", "deployment/web", "COLOUR=blue");
		await kubectl.run("rollout", "status", "deployment/web", "--timeout=60s");
		expect((await kubectl.run("rollout", "history", "deployment/web")).split("\n").filter((line) => /^\d/.test(line))).toHaveLength(2);
		await kubectl.run("set", "image", "deployment/web", "main=petrel.dev/no/such:1");
		await eventually("a pod without its image", async () =>
			/ErrImage|ImagePullBackOff/.test(await kubectl.run("get", "pods", "-l", "app=web")) ? true : undefined,
		);
		await kubectl.run("rollout", "undo", "deployment/web");
		await kubectl.run("rollout", "status", "deployment/web", "--timeout=60s");
		await kubectl.run("rollout", "pause", "deployment/web");
		await kubectl.run("rollout", "resume", "deployment/web");
		await kubectl.run("rollout", "restart", "deployment/web");
		await kubectl.run("rollout", "status", "deployment/web", "--timeout=60s");
		const pods = await eventually("three pods", async () => {
			const list = await kubectl.json<PodList>("get", "pods", "-l", "app=web");
			return list.items.length === 3 ? list : undefined;
		});
		expect(pods.items.every((pod) => pod.spec?.containers[0]?.env?.some((entry) => entry.name === "COLOUR"))).toBe(true);
	});

	it("serves a Service", async () => {
		await kubectl.run("expose", "deployment", "web", "--port=80", `--target-port=${EXAMPLE_PORT}`, "--type=NodePort");
		const port = await kubectl.run("get", "service", "web", "-o", "jsonpath={.spec.ports[0].nodePort}");
		const address = await kubectl.run("get", "nodes", "-o", "jsonpath={.items[0].status.addresses[?(@.type=='InternalIP')].address}");
		const text = await eventually("an answer", () => page(`http://${address}:${port}/`).catch(() => undefined));
		expect(text).toMatch(/^Hello from web-/);
	});

	it("refuses a wrong token and a wrong object in Kubernetes' words", async () => {
		const anonymous = await kubectl.try(["get", "pods", "--token=wrong"]);
		expect(anonymous.code).not.toBe(0);
		expect(anonymous.stderr).toMatch(/Unauthorized|must be logged in/);
		const invalid = await kubectl.try(["apply", "-f", "-"], JSON.stringify({ ...deployment("Bad_Name", 1) }));
		expect(invalid.code).not.toBe(0);
		expect(invalid.stderr).toMatch(/metadata\.name: Invalid value: "Bad_Name"/);
	});
});
