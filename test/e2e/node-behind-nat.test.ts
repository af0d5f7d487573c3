/** Pods on a node that nothing reaches from outside, a router that translates its address before it: what they get, may, use and pull, and what is read of them. */
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { buildExampleImage } from "../../src/agent/image/example-image.ts";
import { containerdPaths } from "../../src/agent/runtime/containerd/daemon.ts";
import { createJoinToken } from "../../src/cli/tokens.ts";
import type { Container, NodeList, Pod, PodSpec } from "../../src/core/schema/kubernetes.d.ts";
import { SampleDraDriver } from "../support/dra-driver.ts";
import { useControlPlane } from "./support/cluster.ts";
import { EXAMPLE_IMAGE_REF, shellPod } from "./support/example.ts";
import { eventually } from "./support/petrel.ts";
import { Registry, REGISTRY_USER } from "./support/registry.ts";
import { RemoteNode, testAddress } from "./support/remote-node.ts";

const DRIVER = "gpu.petrel.dev";

/** A pod of one script that runs once. */
function once(name: string, script: string, spec: Partial<PodSpec> = {}, container: Partial<Container> = {}): Pod {
	const pod = shellPod(name, script);
	const [main] = pod.spec?.containers ?? [];
	return { ...pod, spec: { ...(pod.spec as PodSpec), restartPolicy: "Never", ...spec, containers: [{ ...(main as Container), ...container }] } };
}

describe("a node behind a router that translates addresses", () => {
	const plane = useControlPlane(testAddress(254));
	const { kubectl } = plane;
	const node = new RemoteNode("far", 1, { behindNat: true });
	const registryHost = testAddress(5);
	const [open, closed] = [new Registry(`${registryHost}:5000`), new Registry(`${registryHost}:5001`, { closed: true })];
	const { socket, registries } = containerdPaths(node.directory);

	const logsOf = async (pod: Pod): Promise<string> => {
		await kubectl.apply(pod);
		await kubectl.run("wait", "--for=jsonpath={.status.phase}=Succeeded", `pod/${pod.metadata.name}`, "--timeout=60s");
		return kubectl.run("logs", pod.metadata.name ?? "");
	};
	/** Why its container waits. */
	const waits = (pod: string, reason: string): Promise<string> =>
		kubectl.run("wait", `--for=jsonpath={.status.containerStatuses[0].state.waiting.reason}=${reason}`, `pod/${pod}`, "--timeout=60s");

	/** As an administrator tells containerd where a registry's images are. */
	function found(registry: string, url: string): void {
		mkdirSync(join(registries, registry), { recursive: true });
		writeFileSync(join(registries, registry, "hosts.toml"), `server = "https://${registry}"\n\n[host."${url}"]\n  capabilities = ["pull", "resolve"]\n`);
	}

	/** A plugin that knows the closed registry's password for images below plugin/. */
	function credentialProvider(): string[] {
		const directory = join(node.directory, "providers");
		mkdirSync(directory, { recursive: true });
		const apiVersion = "credentialprovider.kubelet.k8s.io/v1";
		const matchImages = [`${closed.address}/plugin`];
		const answer = { kind: "CredentialProviderResponse", apiVersion, cacheKeyType: "Image", auth: { [matchImages[0] ?? ""]: REGISTRY_USER } };
		writeFileSync(join(directory, "known"), `#!/bin/sh\ncat >${directory}/asked\necho '${JSON.stringify(answer)}'\n`);
		chmodSync(join(directory, "known"), 0o755);
		const providers = [{ name: "known", matchImages, defaultCacheDuration: "0s", apiVersion }];
		const config = join(directory, "config.json");
		writeFileSync(config, JSON.stringify({ apiVersion: "kubelet.config.k8s.io/v1", kind: "CredentialProviderConfig", providers }));
		return ["--image-credential-provider-config", config, "--image-credential-provider-bin-dir", directory];
	}

	beforeAll(async () => {
		await buildExampleImage({ dataDir: plane.data.path });
		for (const { address } of [open, closed]) found(address, `http://${address}`);
		found("mirrored.invalid", `http://${open.address}`);
		const token = await createJoinToken(plane.data.read("signing-key.json") ?? "", Date.now());
		await node.start(plane, plane.url, token, ...credentialProvider());
		await kubectl.run("wait", "--for=create", "node/far", "--timeout=60s");
		await kubectl.run("wait", "--for=condition=Ready", "node/far", "--timeout=60s");
		await kubectl.run("wait", "--for=create", "serviceaccount/default", "--timeout=60s");
	});
	afterAll(async () => {
		await Promise.all([open, closed].map((registry) => registry.stop()));
		await node.dispose();
	});

	it("gives containers their environment", async () => {
		await kubectl.run("create", "configmap", "settings", "--from-literal=colour=blue", "--from-literal=SIZE=9");
		await kubectl.run("create", "secret", "generic", "keys", "--from-literal=key=s3cret");
		await kubectl.run("create", "service", "clusterip", "shop", "--tcp=80:8080");
		const env = [
			{ name: "PLAIN", value: "a" },
			{ name: "EXPANDED", value: "$(PLAIN)-$(NODE)-$$(PLAIN)-$(NONE)" },
			{ name: "COLOUR", valueFrom: { configMapKeyRef: { name: "settings", key: "colour" } } },
			{ name: "KEY", valueFrom: { secretKeyRef: { name: "keys", key: "key" } } },
			{ name: "OPTIONAL", valueFrom: { secretKeyRef: { name: "none", key: "key", optional: true } } },
			{ name: "LIMIT", valueFrom: { resourceFieldRef: { resource: "limits.memory", divisor: "1Mi" } } },
			{ name: "NODE", valueFrom: { fieldRef: { fieldPath: "spec.nodeName" } } },
			{ name: "LABEL", valueFrom: { fieldRef: { fieldPath: "metadata.labels['app']" } } },
		];
		const envFrom = [{ prefix: "SET_", configMapRef: { name: "settings" } }];
		const script = 'echo "$PLAIN|$EXPANDED|$COLOUR|$KEY|$OPTIONAL|$LIMIT|$NODE|$LABEL|$SET_SIZE|$SHOP_SERVICE_PORT|$KUBERNETES_SERVICE_HOST"';
		const text = await logsOf(once("env", script, {}, { env, envFrom, resources: { limits: { memory: "32Mi" } } }));
		expect(text).toBe("a|a-$(NODE)-$(PLAIN)-$(NONE)|blue|s3cret||32|far|env|9|80|10.96.0.1\n");
		await kubectl.apply(once("no-key", "true", {}, { env: [{ name: "X", valueFrom: { configMapKeyRef: { name: "settings", key: "none" } } }] }));
		await waits("no-key", "CreateContainerConfigError");
		expect(await kubectl.run("events", "--for", "pod/no-key")).toContain("couldn't find key none in ConfigMap default/settings");
	});

	it("lets containers do what their security contexts allow, and no more", async () => {
		const script = `echo "$(id -u) $(id -g) $(id -G)"; touch /x 2>/dev/null || echo read-only
grep -E '^(CapEff|NoNewPrivs|Seccomp):' /proc/self/status | tr -d '\\t'; cat /proc/sys/net/ipv4/ip_unprivileged_port_start`;
		const securityContext = {
			runAsUser: 1000,
			runAsGroup: 2000,
			fsGroup: 3000,
			supplementalGroups: [4000],
			sysctls: [{ name: "net.ipv4.ip_unprivileged_port_start", value: "80" }],
		};
		const own = {
			readOnlyRootFilesystem: true,
			allowPrivilegeEscalation: false,
			capabilities: { drop: ["ALL"] },
			seccompProfile: { type: "RuntimeDefault" },
		};
		const text = await logsOf(once("secure", script, { securityContext }, { securityContext: own }));
		expect(text.trim().split("\n")).toEqual(["1000 2000 2000 3000 4000", "read-only", "CapEff:0000000000000000", "NoNewPrivs:1", "Seccomp:2", "80"]);
		const added = once(
			"bind",
			"grep CapEff: /proc/self/status | tr -d '\\t'",
			{},
			{ securityContext: { capabilities: { drop: ["ALL"], add: ["NET_BIND_SERVICE"] } } },
		);
		expect(await logsOf(added)).toBe("CapEff:0000000000000400\n");
	});

	it("runs no container that its security context forbids, and says why", async () => {
		await kubectl.apply(once("root", "true", { securityContext: { runAsNonRoot: true } }));
		await waits("root", "CreateContainerConfigError");
		expect(await kubectl.run("events", "--for", "pod/root")).toContain("container has runAsNonRoot and image will run as root");
		await kubectl.apply(once("unsafe", "true", { securityContext: { sysctls: [{ name: "kernel.msgmax", value: "65536" }] } }));
		await kubectl.run("wait", "--for=jsonpath={.status.reason}=SysctlForbidden", "pod/unsafe", "--timeout=60s");
	});

	it("holds containers to what they may use", async () => {
		const script = `cat /sys/fs/cgroup/memory/memory.limit_in_bytes 2>/dev/null || cat /sys/fs/cgroup/memory.max
cat /sys/fs/cgroup/cpu/cpu.cfs_quota_us 2>/dev/null || cut -d' ' -f1 /sys/fs/cgroup/cpu.max`;
		const resources = { limits: { cpu: "500m", memory: "64Mi" } };
		expect(await logsOf(once("limited", script, {}, { resources }))).toBe(`${64 * 1024 * 1024}\n50000\n`);
		expect(await logsOf(once("expendable", "cat /proc/self/oom_score_adj"))).toBe("1000\n");
	});

	it("pulls from registries, closed ones with a pod's Secret, a mirror or a plugin of kubelet's", async () => {
		await Promise.all([open, closed].map((registry) => registry.start()));
		open.push(socket, EXAMPLE_IMAGE_REF, "app:1");
		for (const name of ["app:1", "plugin/app:1"]) closed.push(socket, EXAMPLE_IMAGE_REF, name);
		const run = (name: string, image: string, secrets: string[] = []) =>
			once(name, "echo ran", { imagePullSecrets: secrets.map((secret) => ({ name: secret })) }, { image, imagePullPolicy: "IfNotPresent" });
		expect(await logsOf(run("open", `${open.address}/app:1`))).toBe("ran\n");
		expect(await logsOf(run("mirrored", "mirrored.invalid/app:1"))).toBe("ran\n");
		expect(await logsOf(run("plugin", `${closed.address}/plugin/app:1`))).toBe("ran\n");
		expect(JSON.parse(readFileSync(join(node.directory, "providers", "asked"), "utf8"))).toMatchObject({ image: `${closed.address}/plugin/app` });

		await kubectl.apply(run("refused", `${closed.address}/app:1`));
		await waits("refused", "ImagePullBackOff");
		expect(await kubectl.run("events", "--for", "pod/refused")).toMatch(/Failed to pull image "[^"]+app:1": .*401 Unauthorized$/m);
		const { username, password } = REGISTRY_USER;
		await kubectl.run("create", "secret", "docker-registry", "wrong", `--docker-server=${closed.address}`, "--docker-username=x", "--docker-password=y");
		await kubectl.run(
			...["create", "secret", "docker-registry", "right", `--docker-server=${closed.address}`],
			...[`--docker-username=${username}`, `--docker-password=${password}`],
		);
		expect(await logsOf(run("allowed", `${closed.address}/app:1`, ["wrong", "right"]))).toBe("ran\n");
		// It is here now, and still not for those who may not have it.
		await kubectl.apply(run("stranger", `${closed.address}/app:1`));
		await waits("stranger", "ImagePullBackOff");
		await kubectl.run("delete", "pod", "refused", "stranger");
	});

	it("has a driver of dynamic resources prepare what a pod claims, and take it back", async () => {
		const root = readFileSync(join(node.directory, "kubelet-root"), "utf8").trim();
		const devices = () => [{ requestNames: ["card"], poolName: "far", deviceName: "card-0" }];
		const driver = new SampleDraDriver({ name: DRIVER, root, devices });
		await driver.start();
		onTestFinished(() => driver.stop());
		const apiVersion = "resource.k8s.io/v1";
		const pool = { name: "far", generation: 1, resourceSliceCount: 1 };
		await kubectl.apply({
			apiVersion,
			kind: "DeviceClass",
			metadata: { name: "cards" },
			spec: { selectors: [{ cel: { expression: `device.driver == "${DRIVER}"` } }] },
		});
		const slice = { driver: DRIVER, nodeName: "far", pool, devices: [{ name: "card-0" }] };
		await kubectl.apply({ apiVersion, kind: "ResourceSlice", metadata: { name: "far-cards" }, spec: slice });
		const requests = [{ name: "card", exactly: { deviceClassName: "cards" } }];
		await kubectl.apply({ apiVersion, kind: "ResourceClaimTemplate", metadata: { name: "card" }, spec: { spec: { devices: { requests } } } });
		const claims = { resourceClaims: [{ name: "mine", resourceClaimTemplateName: "card" }] };
		driver.refuses = "the card is warming up";
		await kubectl.apply(once("gpu", "while :; do sleep 1; done", claims, { resources: { claims: [{ name: "mine" }] } }));
		await eventually("the driver's refusal", async () =>
			(await kubectl.run("events", "--for", "pod/gpu")).includes("Failed to prepare dynamic resources: NodePrepareResources failed for ResourceClaim gpu-mine")
				? true
				: undefined,
		);
		driver.refuses = undefined;
		await kubectl.run("wait", "--for=condition=Ready", "pod/gpu", "--timeout=60s");
		await kubectl.run("delete", "pod", "gpu");
		const [what, claim = ""] = driver.calls.at(-1)?.split(" ") ?? [];
		expect([what, claim]).toEqual(["unprepare", expect.stringMatching(/^gpu-mine-/)]);
		expect(readFileSync(join(root, "dra_manager_state"), "utf8")).not.toContain(claim);
	});

	it("is read like any other: logs, commands, statistics", async () => {
		await kubectl.apply(shellPod("steady", "echo up; trap 'exit 0' TERM; while :; do sleep 0.2; done"));
		await kubectl.run("wait", "--for=condition=Ready", "pod/steady", "--timeout=60s");
		expect(await kubectl.run("logs", "steady")).toBe("up\n");
		expect(await kubectl.run("exec", "steady", "--", "hostname")).toBe("steady\n");
		const proxy = (path: string): Promise<string> => kubectl.run("get", "--raw", `/api/v1/nodes/far/proxy/${path}`);
		expect(await proxy("stats/summary")).toContain('"name":"steady"');
		expect(await proxy("metrics/resource")).toMatch(/container_memory_working_set_bytes\{[^}]*pod="steady"/);
		expect(await proxy("metrics/cadvisor")).toMatch(/container_cpu_usage_seconds_total\{[^}]*pod="steady"/);
		const { items } = await kubectl.json<NodeList>("get", "nodes");
		expect(items[0]?.status?.nodeInfo).toMatchObject({ operatingSystem: "linux", containerRuntimeVersion: expect.stringMatching(/^containerd:/) });
	});
});
