/** What a user does with running pods: logs, exec, attach, cp, port-forward, run. */
import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { get } from "node:http";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import type { Pod } from "../../src/core/schema/kubernetes.d.ts";
import { SamplePlugin } from "../support/device-plugin.ts";
import { useCluster } from "./support/cluster.ts";
import { deployment, EXAMPLE_IMAGE_REF, EXAMPLE_PORT, shellPod } from "./support/example.ts";
import { FollowedCommand } from "./support/followed-command.ts";
import { installedKubectls } from "./support/kubectl.ts";
import { eventually } from "./support/petrel.ts";
import { testableRuntimes } from "./support/runtimes.ts";

/** Older ones forward ports over SPDY alone. */
const OLDEST_FORWARDING_MINOR = 31;
const COUNTING = "trap 'exit 0' TERM; n=0; while :; do echo line $n; n=$((n+1)); sleep 0.2; done";
const READING = "echo ready; while read line; do echo heard $line; done; sleep 3000";

function twoContainers(): Pod {
	const pod = shellPod("shell", COUNTING);
	pod.spec?.containers.push({ name: "side", image: EXAMPLE_IMAGE_REF, stdin: true, command: ["/bin/sh", "-c", READING] });
	return pod;
}

const page = (port: string, host = "127.0.0.1"): Promise<string> =>
	new Promise((resolve, reject) => {
		get({ host, port, agent: false }, (response) => {
			let text = "";
			response.on("data", (chunk: Buffer) => {
				text += chunk.toString();
			});
			response.on("end", () => resolve(text));
			response.on("error", reject);
		}).on("error", reject);
	});

describe.each(testableRuntimes)("kubectl and pods of the %s runtime", (runtime) => {
	const petrel = useCluster(runtime);
	const { kubectl } = petrel;

	beforeAll(async () => {
		await kubectl.apply(twoContainers());
		await kubectl.apply(deployment("web", 2));
		await kubectl.run("wait", "--for=condition=Ready", "pod/shell", "--timeout=60s");
		await kubectl.run("rollout", "status", "deployment/web", "--timeout=60s");
	});

	it("get and describe show what runs", async () => {
		expect(await kubectl.run("get", "nodes", "-o", "wide")).toMatch(
			new RegExp(`^\\S+ +Ready +<none> +\\S+ +v1\\.36\\.\\S+ +[0-9.]+ .* ${runtime}://\\S+ *$`, "m"),
		);
		expect(await kubectl.run("get", "pod", "shell", "-o", "wide")).toMatch(/^shell +2\/2 +Running +0 +\d+s +[0-9.]+ +\S+ +<none> +<none>$/m);
		const text = await kubectl.run("describe", "pod", "shell");
		expect(text).toMatch(/^Status: +Running$/m);
		expect(text).toMatch(new RegExp(`Container ID: +${runtime}://`));
		expect(text).toMatch(/^ {2}Ready +True *$/m);
		expect(text).toMatch(/Normal +Scheduled +\S+ +default-scheduler +Successfully assigned default\/shell to /);
		expect(text).toMatch(/Normal +Started +\S+ .*kubelet/);
		const node = await kubectl.run("describe", "nodes");
		expect(node).toMatch(/^ {2}Ready +True .* KubeletReady +kubelet is posting ready status$/m);
		expect(node).toMatch(/^ {2}default +shell +0 \(0%\)/m);
	});

	it("logs: of a container, the last lines, with times, with limits", async () => {
		expect(await kubectl.run("logs", "shell", "-c", "side")).toBe("ready\n");
		expect(await kubectl.run("logs", "shell", "-c", "main", "--tail=1")).toMatch(/^line \d+\n$/);
		expect(await kubectl.run("logs", "shell", "-c", "main", "--limit-bytes=10")).toBe("line 0\nlin");
		expect(await kubectl.run("logs", "shell", "-c", "side", "--timestamps")).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z ready\n$/);
		expect(await kubectl.run("logs", "shell", "--all-containers", "--tail=1", "--prefix")).toMatch(/^\[pod\/shell\/side\] ready$/m);
		expect(await kubectl.run("logs", "deployment/web")).toMatch(/^web-\S+ listens on port/);
		expect(await kubectl.run("logs", "-l", "app=web", "--prefix")).toMatch(/^(\[pod\/web-\S+\/main\] web-\S+ listens on port \d+\n){2}$/);
		expect(await kubectl.fails(["logs", "shell", "-c", "nope"])).toBe("error: container nope is not valid for pod shell\n");
		expect(await kubectl.fails(["logs", "shell", "-c", "main", "--previous"])).toContain('previous terminated container "main" in pod "shell" not found');
		expect(await kubectl.fails(["logs", "nope"])).toContain('pods "nope" not found');
	});

	it("logs -f until the container ends", async () => {
		const following = kubectl.follow("logs", "-f", "shell", "-c", "main", "--tail=1");
		await following.until(/^line \d+\nline \d+\nline \d+\n/);
		await following.stop();
		await kubectl.apply({
			...shellPod("brief", "echo one; sleep 1; echo two"),
			spec: { ...shellPod("brief", "echo one; sleep 1; echo two").spec, restartPolicy: "Never" },
		});
		await kubectl.run("wait", "--for=jsonpath={.status.phase}=Running", "pod/brief", "--timeout=60s");
		const ending = kubectl.follow("logs", "-f", "brief");
		expect(await ending.finish()).toBe(0);
		expect(ending.text).toBe("one\ntwo\n");
		await kubectl.run("wait", "--for=jsonpath={.status.phase}=Succeeded", "pod/brief", "--timeout=60s");
		expect(await kubectl.run("get", "pod", "brief")).toMatch(/brief +0\/1 +Completed +0/);
	});

	it("logs --previous of a container that restarts", async () => {
		await kubectl.run("run", "crash", `--image=${EXAMPLE_IMAGE_REF}`, "--command", "--", "sh", "-c", "echo boom; exit 3");
		await kubectl.run("wait", "--for=jsonpath={.status.containerStatuses[0].restartCount}=1", "pod/crash", "--timeout=60s");
		await kubectl.run("wait", "--for=jsonpath={.status.containerStatuses[0].state.waiting.reason}=CrashLoopBackOff", "pod/crash", "--timeout=60s");
		expect(await kubectl.run("logs", "crash", "--previous")).toBe("boom\n");
		expect(await kubectl.run("get", "pod", "crash")).toMatch(/crash +0\/1 +CrashLoopBackOff +1 \(\d+s ago\)/);
		expect(await kubectl.run("describe", "pod", "crash")).toMatch(/Last State: +Terminated\n +Reason: +Error\n +Exit Code: +3\n/);
		await kubectl.run("delete", "pod", "crash");
	});

	it("exec: input, both outputs, the exit code", async () => {
		expect(await kubectl.pipe("hello\n", "exec", "-i", "shell", "-c", "main", "--", "cat")).toBe("hello\n");
		const failed = await kubectl.try(["exec", "shell", "-c", "main", "--", "sh", "-c", "echo out; echo err >&2; exit 7"]);
		expect(failed).toEqual({ code: 7, stdout: "out\n", stderr: "err\ncommand terminated with exit code 7\n" });
		const large = "0123456789abcdef\n".repeat(60_000);
		expect(await kubectl.pipe(large, "exec", "-i", "shell", "-c", "main", "--", "cat")).toBe(large);
		expect(await kubectl.run("exec", "deployment/web", "--", "sh", "-c", "echo $HOSTNAME")).toMatch(/^web-/);
		expect(await kubectl.fails(["exec", "shell", "-c", "main", "--", "nope"])).toContain('exec: "nope": executable file not found in $PATH');
		expect(await kubectl.fails(["exec", "shell", "-c", "nope", "--", "true"])).toBe(
			"Error from server (BadRequest): container nope is not valid for pod shell\n",
		);
		expect(await kubectl.fails(["exec", "nope", "--", "true"])).toBe('Error from server (NotFound): pods "nope" not found\n');
	});

	it.runIf(hasScript())("exec -it has a terminal of the user's size", async () => {
		// The size follows the terminal, as with any kubelet: the shell asks until it is there.
		const inside = 'test -t 0 && echo terminal; until stty size 2>/dev/null | grep "33 101"; do sleep 0.1; done';
		const command = `stty rows 33 cols 101; '${kubectl.path}' exec -it shell -c main -- sh -c '${inside}'`;
		const child = new FollowedCommand(kubectl.spawn("script", "-qec", command, "/dev/null"));
		await child.until(/terminal\r?\n33 101\r?\n/);
		expect(await child.finish()).toBe(0);
	});

	it("attach hears and is heard", async () => {
		const watching = kubectl.follow("attach", "shell", "-c", "main");
		await watching.until(/line \d+\nline \d+\n/);
		await watching.stop();
		const typing = kubectl.follow("attach", "-i", "shell", "-c", "side");
		typing.send("one\n");
		await typing.until(/heard one\n/);
		typing.send("two\n");
		await typing.until(/heard two\n/);
		await typing.stop();
		expect(await kubectl.run("logs", "shell", "-c", "side")).toBe("ready\nheard one\nheard two\n");
	});

	it("debug: a container beside the others, with their processes where it aims at one", async () => {
		const script = "while read word; do echo heard $word; ps; done";
		const args = ["debug", "-i", "shell", `--image=${EXAMPLE_IMAGE_REF}`, "--target=main", "--container=looker", "--", "sh", "-c", script];
		const debugging = kubectl.follow(...args);
		debugging.send("typed\n");
		await debugging.until(runtime === "containerd" ? /heard typed\n[\s\S]* 1 .*trap/ : /heard typed\n/);
		expect(await kubectl.run("get", "pod", "shell", "-o", "jsonpath={.status.ephemeralContainerStatuses[0].state.running.startedAt}")).not.toBe("");
		await debugging.stop();
		expect(await kubectl.run("logs", "shell", "-c", "looker")).toContain("heard typed\n");
		expect(await kubectl.run("describe", "pod", "shell")).toMatch(/Ephemeral Containers:\n +looker:/);
		expect(await kubectl.run("get", "pod", "shell")).toMatch(/shell +2\/2 +Running +0/);
	});

	it.runIf(runtime === "containerd")("debug node: a pod with the node's own namespaces and files", async () => {
		const name = await kubectl.run("get", "nodes", "-o", "jsonpath={.items[0].metadata.name}");
		const script = "while read word; do cat /host/etc/os-release; test -d /proc/2 && echo sees the host; done";
		const debugging = kubectl.follow("debug", "-i", `node/${name}`, `--image=${EXAMPLE_IMAGE_REF}`, "--", "sh", "-c", script);
		debugging.send("go\n");
		await debugging.until(/PRETTY_NAME=[\s\S]*sees the host/);
		await debugging.stop();
	});

	it("resize: a running container gets other limits", async () => {
		const pod = shellPod("sized", "sleep 3000");
		const [container] = pod.spec?.containers ?? [];
		const resources = (memory: string) => ({ limits: { cpu: "500m", memory }, requests: { cpu: "50m", memory } });
		await kubectl.apply({ ...pod, spec: { ...pod.spec, containers: [{ name: "main", ...container, resources: resources("64Mi") }] } });
		await kubectl.run("wait", "--for=condition=Ready", "pod/sized", "--timeout=60s");
		const patch = JSON.stringify({ spec: { containers: [{ name: "main", resources: resources("96Mi") }] } });
		await kubectl.run("patch", "pod", "sized", "--subresource=resize", "--patch", patch);
		await kubectl.run("wait", "--for=jsonpath={.status.containerStatuses[0].resources.limits.memory}=96Mi", "pod/sized", "--timeout=60s");
		expect(await kubectl.run("get", "pod", "sized")).toMatch(/sized +1\/1 +Running +0/);
		const limit = "cat /sys/fs/cgroup/memory.max 2>/dev/null || cat /sys/fs/cgroup/memory/memory.limit_in_bytes";
		if (runtime === "containerd") expect(await kubectl.run("exec", "sized", "--", "sh", "-c", limit)).toBe(`${96 * 1024 * 1024}\n`);
		const wide = JSON.stringify({ spec: { containers: [{ name: "main", resources: { requests: { cpu: "5000" }, limits: { cpu: "6000" } } }] } });
		await kubectl.run("patch", "pod", "sized", "--subresource=resize", "--patch", wide);
		await kubectl.run("wait", "--for=condition=PodResizePending", "pod/sized", "--timeout=60s");
		expect(await kubectl.run("describe", "pod", "sized")).toMatch(
			/ResizeInfeasible +\S+ +kubelet +Pod resize Infeasible: .*Node didn't have enough capacity: cpu/,
		);
	});

	it("a static pod runs from its manifest, shows in the API and outlives its deletion there", async () => {
		const folder = join(petrel.data.path, "manifests");
		mkdirSync(folder, { recursive: true });
		const pod = shellPod("static", "echo static; sleep 3000");
		writeFileSync(join(folder, "static.json"), JSON.stringify({ ...pod, metadata: { name: "static" } }));
		const node = await kubectl.run("get", "nodes", "-o", "jsonpath={.items[0].metadata.name}");
		const name = `static-${node}`;
		await eventually("the mirror", () => kubectl.run("get", "pod", name).catch(() => undefined));
		await kubectl.run("wait", "--for=condition=Ready", `pod/${name}`, "--timeout=60s");
		expect(await kubectl.run("logs", name)).toBe("static\n");
		const { metadata, status } = await kubectl.json<Pod>("get", "pod", name);
		expect(metadata.ownerReferences).toMatchObject([{ kind: "Node", name: node, controller: true }]);
		await kubectl.run("delete", "pod", name, "--wait=false");
		const again = await eventually("the next mirror", async () => {
			const found = await kubectl.json<Pod>("get", "pod", name).catch(() => undefined);
			return found !== undefined && found.metadata.uid !== metadata.uid && found.status?.containerStatuses?.[0]?.ready ? found : undefined;
		});
		expect(again.status?.containerStatuses?.[0]?.containerID).toBe(status?.containerStatuses?.[0]?.containerID);
		rmSync(join(folder, "static.json"));
		await kubectl.run("wait", "--for=delete", `pod/${name}`, "--timeout=60s");
	});

	it("a device plugin's devices: the node has them, and a pod what its plugin gives for one", async () => {
		const root = (petrel.data.read("node/kubelet-root") ?? "").trim();
		const grant = (ids: readonly string[]) => ({
			envs: { GADGETS: ids.join(",") },
			devices: ids.map((id) => ({ hostPath: "/dev/null", containerPath: `/dev/gadget-${id}`, permissions: "rw" })),
		});
		const plugin = new SamplePlugin({ directory: join(root, "device-plugins"), resource: "example.com/gadget", devices: { a: true, b: false }, grant });
		await plugin.start();
		const of = async (list: string): Promise<string> => kubectl.run("get", "nodes", "-o", `jsonpath={.items[0].status.${list}.example\\.com/gadget}`);
		await eventually("the node's devices", async () => ((await of("capacity")) === "2" && (await of("allocatable")) === "1" ? true : undefined));
		const files = runtime === "containerd" ? "ls /dev/gadget-*; " : "";
		const pod = shellPod("gadgeteer", `echo $GADGETS; ${files}sleep 3000`);
		for (const container of pod.spec?.containers ?? []) container.resources = { limits: { "example.com/gadget": "1" } };
		await kubectl.apply(pod);
		await kubectl.run("wait", "--for=condition=Ready", "pod/gadgeteer", "--timeout=60s");
		expect(await kubectl.run("logs", "gadgeteer")).toBe(runtime === "containerd" ? "a\n/dev/gadget-a\n" : "a\n");
		plugin.change({ a: false, b: false });
		await eventually("its device's ill health", async () => {
			const { status } = await kubectl.json<Pod>("get", "pod", "gadgeteer");
			const [told] = status?.containerStatuses?.[0]?.allocatedResourcesStatus ?? [];
			return told?.name === "example.com/gadget" && told.resources?.[0]?.health === "Unhealthy" ? true : undefined;
		});
		expect(await of("allocatable")).toBe("0");
		await kubectl.run("delete", "pod", "gadgeteer");
		await plugin.stop();
	});

	// Without a container there is no handler to choose.
	if (runtime === "containerd") {
		it("a RuntimeClass's handler runs its pods; one that the runtime has not is told", async () => {
			const classOf = (name: string, handler: string) => ({ apiVersion: "node.k8s.io/v1", kind: "RuntimeClass", metadata: { name }, handler });
			const podOf = (name: string): Pod => {
				const pod = shellPod(name, "sleep 3000");
				return { ...pod, spec: { ...(pod.spec as NonNullable<Pod["spec"]>), runtimeClassName: name } };
			};
			await Promise.all([kubectl.apply(classOf("plain", "runc")), kubectl.apply(classOf("exotic", "exotic-handler"))]);
			await Promise.all([kubectl.apply(podOf("plain")), kubectl.apply(podOf("exotic"))]);
			await kubectl.run("wait", "--for=condition=Ready", "pod/plain", "--timeout=60s");
			const told = await eventually("an event", async () => {
				const text = await kubectl.run("events", "--for=pod/exotic", "--types=Warning");
				return text.includes("FailedCreatePodSandBox") ? text : undefined;
			});
			expect(told).toMatch(/FailedCreatePodSandBox +Pod\/exotic +Failed to create pod sandbox: .*no runtime for "exotic-handler" is configured/);
			await kubectl.run("delete", "pod", "plain", "exotic");
		});
	}

	it("run -i --rm ends with its pod's output and exit code", async () => {
		const args = ["run", "once", "-i", "--rm", "--restart=Never", `--image=${EXAMPLE_IMAGE_REF}`, "--command", "--", "sh", "-c"];
		expect(await kubectl.pipe("typed\n", ...args, "cat; echo bye")).toMatch(/^typed\nbye\npod "once" deleted/m);
		expect(await kubectl.fails(["get", "pod", "once"])).toContain("not found");
	});

	it("cp: files and directories, both ways", async () => {
		const at = (...names: string[]): string => join(petrel.data.path, "copies", ...names);
		const there = await kubectl.run("exec", "shell", "-c", "main", "--", "pwd").then((text) => text.trim());
		mkdirSync(at("tree", "sub"), { recursive: true });
		const bytes = Buffer.from(Array.from({ length: 300_000 }, (_, i) => (i * 7_919) % 251));
		writeFileSync(at("tree", "bytes"), bytes);
		writeFileSync(at("tree", "sub", "text"), "text\n");
		await kubectl.run("cp", at("tree"), `shell:${there}/copied`, "-c", "main");
		expect(await kubectl.run("exec", "shell", "-c", "main", "--", "cat", "copied/sub/text")).toBe("text\n");
		await kubectl.run("cp", `shell:${there}/copied`, at("back"), "-c", "main");
		expect(readFileSync(at("back", "bytes")).equals(bytes)).toBe(true);
		expect(readFileSync(at("back", "sub", "text"), "utf8")).toBe("text\n");
	});

	it.each(installedKubectls().filter(({ minor }) => minor >= OLDEST_FORWARDING_MINOR))("port-forward of kubectl 1.$minor", async ({ path }) => {
		const other = kubectl.with({ path });
		await kubectl
			.run("expose", "deployment", "web", "--port=80", `--target-port=${EXAMPLE_PORT}`, "--dry-run=client", "-o", "yaml")
			.then((yaml) => kubectl.pipe(yaml, "apply", "-f", "-"));
		for (const target of ["deployment/web", "service/web"]) {
			const forward = other.follow("port-forward", target, target.startsWith("service") ? ":80" : `:${EXAMPLE_PORT}`);
			const port = (await forward.until(/127\.0\.0\.1:(\d+) -> /))[1] ?? "";
			const answers = await Promise.all([page(port), page(port), page(port)]);
			for (const answer of answers) expect(answer).toMatch(/^Hello from web-/);
			await forward.stop();
		}
		expect(await other.fails(["port-forward", "shell", ":nope"])).toContain("does not have a named port 'nope'");
	});

	it("a Service answers on every node's port", async () => {
		await kubectl.run("expose", "deployment", "web", "--name=web-outside", "--type=NodePort", "--port=80", `--target-port=${EXAMPLE_PORT}`);
		const port = await kubectl.run("get", "service", "web-outside", "-o", "jsonpath={.spec.ports[0].nodePort}");
		const address = await kubectl.run("get", "nodes", "-o", 'jsonpath={.items[0].status.addresses[?(@.type=="InternalIP")].address}');
		expect(await eventually("an answer", () => page(port, address).catch(() => undefined))).toMatch(/^Hello from web-/);
		expect(await kubectl.run("describe", "service", "web-outside")).toMatch(/^Endpoints: +[0-9.]+:\d+,[0-9.]+:\d+$/m);
		expect(await kubectl.run("get", "endpointslices", "-l", "kubernetes.io/service-name=web-outside")).toMatch(/ IPv4 +8080 +[0-9.]+,[0-9.]+ /);
	});

	it("get -w sees a pod come and go", async () => {
		const watch = kubectl.follow("get", "pods", "-w", "-l", "app=watched");
		await kubectl.apply(shellPod("watched", "trap 'exit 0' TERM; while :; do sleep 0.1; done"));
		await watch.until(/watched +0\/1 +Pending (.*\n)*watched +0\/1 +ContainerCreating (.*\n)*watched +1\/1 +Running/);
		expect(await kubectl.run("delete", "pod", "watched")).toMatch(/^pod "watched" deleted/);
		await watch.until(/watched +1\/1 +Terminating/);
		await watch.stop();
	});
});

function hasScript(): boolean {
	try {
		execFileSync("script", ["-qec", "true", "/dev/null"], { stdio: "ignore" });
		return true;
	} catch {
		return false;
	}
}
