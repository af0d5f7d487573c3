/** What pods find in the cluster's network: the API under its Service's name, and DNS. */
import { dirname } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import type { Service, StatefulSet } from "../../src/core/schema/kubernetes.d.ts";
import { useCluster } from "./support/cluster.ts";
import { deployment, EXAMPLE_PORT, shellPod } from "./support/example.ts";
import { installedKubectls } from "./support/kubectl.ts";
import { machinePod } from "./support/machine-pod.ts";
import { eventually } from "./support/petrel.ts";

const ACCOUNT = "/var/run/secrets/kubernetes.io/serviceaccount";
const SLEEP = "trap 'exit 0' TERM; while :; do sleep 0.2; done";

const headless = (name: string, part: Partial<NonNullable<Service["spec"]>> = {}): Service => ({
	apiVersion: "v1",
	kind: "Service",
	metadata: { name },
	spec: { clusterIP: "None", selector: { app: name }, ports: [{ name: "http", port: EXAMPLE_PORT }], ...part },
});

function statefulSet(name: string, replicas: number): StatefulSet {
	const { spec } = deployment(name, replicas);
	return {
		apiVersion: "apps/v1",
		kind: "StatefulSet",
		metadata: { name },
		spec: {
			serviceName: name,
			replicas,
			selector: spec?.selector ?? {},
			template: spec?.template ?? { spec: { containers: [] } },
			podManagementPolicy: "Parallel",
		},
	};
}

describe("the cluster's network", () => {
	const petrel = useCluster("containerd");
	const { kubectl } = petrel;
	const kubectlPath = installedKubectls()[0]?.path ?? "";
	const inPod = (...command: string[]): Promise<string> => kubectl.run("exec", "client", "--", ...command);
	const lookUp = async (...names: string[]): Promise<string[]> => {
		const text = await inPod("getent", "ahostsv4", ...names);
		return [...new Set(text.split("\n").flatMap((line) => line.split(/\s+/)[0] || []))].sort();
	};

	beforeAll(async () => {
		await kubectl.run("create", "clusterrolebinding", "pods-may-look", "--clusterrole=view", "--serviceaccount=default:default");
		await kubectl.apply(machinePod("client", SLEEP, [dirname(kubectlPath)]));
		await kubectl.apply(headless("db"));
		await kubectl.apply(statefulSet("db", 2));
		await kubectl.apply(deployment("web", 2));
		await kubectl.run("expose", "deployment/web", "--name=web", "--port=80", "--target-port=http");
		await kubectl.run("create", "service", "externalname", "alias", "--external-name=web.default.svc.cluster.local");
		await kubectl.run("wait", "--for=condition=Ready", "pod", "--all", "--timeout=90s");
	});

	it("has the kubernetes Service, which comes back", async () => {
		const show = () => kubectl.run("get", "service/kubernetes", "endpoints/kubernetes", "endpointslice/kubernetes", "-o", "name");
		expect(await kubectl.run("get", "service", "kubernetes", "-o", "jsonpath={.spec.clusterIP}:{.spec.ports[0].port}")).toBe("10.96.0.1:443");
		expect((await show()).trim().split("\n")).toHaveLength(3);
		await kubectl.run("delete", "service/kubernetes", "endpointslice/kubernetes");
		expect((await show()).trim().split("\n")).toHaveLength(3);
		expect(await kubectl.run("get", "service", "-n", "kube-system", "kube-dns", "-o", "jsonpath={.spec.clusterIP}")).toBe("10.96.0.10");
	});

	it("serves the API to a pod's own kubectl and to any client that trusts its CA, watches included", async () => {
		expect(await inPod(kubectlPath, "get", "pods", "-o", "name")).toContain("pod/client");
		const names = ["10.96.0.1", "kubernetes", "kubernetes.default", "kubernetes.default.svc", "kubernetes.default.svc.cluster.local"];
		for (const name of names) expect(await inPod("curl", "-sS", "--cacert", `${ACCOUNT}/ca.crt`, `https://${name}/version`)).toContain('"major"');
		const watch = kubectl.follow("exec", "client", "--", kubectlPath, "get", "configmaps", "-w", "-o", "name");
		await watch.until(/kube-root-ca/);
		await kubectl.run("create", "configmap", "seen-from-inside");
		await watch.until(/configmap\/seen-from-inside/);
		await watch.stop();
	});

	it("resolves Services, their pods, and aliases, by the search path as well", async () => {
		const address = await kubectl.run("get", "service", "web", "-o", "jsonpath={.spec.clusterIP}");
		for (const name of ["web", "web.default", "web.default.svc", "web.default.svc.cluster.local", "alias"]) expect(await lookUp(name), name).toEqual([address]);
		const ips = (await kubectl.run("get", "pods", "-l", "app=db", "-o", "jsonpath={.items[*].status.podIP}")).split(" ").sort();
		expect(await lookUp("db")).toEqual(ips);
		const first = await kubectl.run("get", "pod", "db-0", "-o", "jsonpath={.status.podIP}");
		expect(await lookUp("db-0.db")).toEqual([first]);
		expect(await lookUp(`${first.replaceAll(".", "-")}.default.pod.cluster.local`)).toEqual([first]);
		expect(await inPod("getent", "hosts", first)).toContain("db-0.db.default.svc.cluster.local");
		expect(await inPod("curl", "-sS", "http://web/")).toMatch(/^Hello from web-/);
		await expect(lookUp("none.default.svc.cluster.local")).rejects.toThrow();
	});

	it("follows what changes", async () => {
		await kubectl.run("scale", "statefulset/db", "--replicas=1");
		await eventually("one address", async () => ((await lookUp("db")).length === 1 ? true : undefined));
		await kubectl.run("delete", "service", "web");
		await eventually("no address", async () =>
			lookUp("web").then(
				() => undefined,
				() => true,
			),
		);
	});

	it("gives each pod the resolver that it asks for", async () => {
		const own = shellPod("own-dns", "cat /etc/resolv.conf");
		if (own.spec)
			Object.assign(own.spec, {
				restartPolicy: "Never",
				dnsPolicy: "None",
				dnsConfig: { nameservers: ["192.0.2.1"], searches: ["example"], options: [{ name: "ndots", value: "2" }] },
			});
		await kubectl.apply(own);
		await kubectl.run("wait", "--for=jsonpath={.status.phase}=Succeeded", "pod/own-dns", "--timeout=60s");
		expect(await kubectl.run("logs", "own-dns")).toBe("search example\nnameserver 192.0.2.1\noptions ndots:2\n");
		expect(await inPod("cat", "/etc/resolv.conf")).toMatch(
			/^search default\.svc\.cluster\.local svc\.cluster\.local cluster\.local.*\nnameserver 10\.96\.0\.10\n/,
		);
	});
});
