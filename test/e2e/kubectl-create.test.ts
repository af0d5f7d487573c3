/** kubectl's generators, and how what they made goes again. */
import { beforeAll, describe, expect, it } from "vitest";
import type { Deployment, Pod, Secret, Service } from "../../src/core/schema/kubernetes.d.ts";
import { EXAMPLE_IMAGE_REF } from "./support/example.ts";
import { useControlPlane } from "./support/cluster.ts";

describe("kubectl create, run, expose and set", () => {
	const { kubectl } = useControlPlane();

	beforeAll(() => kubectl.run("create", "namespace", "made").then(() => kubectl.run("config", "set-context", "--current", "--namespace=made")));

	it.each([
		[["configmap", "c", "--from-literal=a=1"], "configmap/c"],
		[["secret", "generic", "s", "--from-literal=password=secret"], "secret/s"],
		[["secret", "docker-registry", "d", "--docker-server=x", "--docker-username=u", "--docker-password=p"], "secret/d"],
		[["serviceaccount", "robot"], "serviceaccount/robot"],
		[["role", "reader", "--verb=get,list", "--resource=pods,deployments.apps"], "role.rbac.authorization.k8s.io/reader"],
		[["rolebinding", "reads", "--role=reader", "--serviceaccount=made:robot"], "rolebinding.rbac.authorization.k8s.io/reads"],
		[["clusterrole", "reader", "--verb=get", "--resource=nodes"], "clusterrole.rbac.authorization.k8s.io/reader"],
		[["clusterrolebinding", "reads", "--clusterrole=reader", "--user=ann"], "clusterrolebinding.rbac.authorization.k8s.io/reads"],
		[["quota", "q", "--hard=pods=20"], "resourcequota/q"],
		[["priorityclass", "high", "--value=1000"], "priorityclass.scheduling.k8s.io/high"],
		[["service", "clusterip", "inner", "--tcp=80:8080"], "service/inner"],
		[["service", "nodeport", "outer", "--tcp=80:8080"], "service/outer"],
		[["service", "loadbalancer", "balanced", "--tcp=80:8080"], "service/balanced"],
		[["service", "externalname", "alias", "--external-name=example.com"], "service/alias"],
		[["deployment", "web", `--image=${EXAMPLE_IMAGE_REF}`, "--replicas=2", "--port=8080"], "deployment.apps/web"],
	])("create %j", async (args, name) => {
		expect(await kubectl.run("create", ...args)).toBe(`${name} created\n`);
		expect(await kubectl.fails(["create", ...args])).toContain("already exists");
	});

	it("what was created is what was asked for", async () => {
		expect((await kubectl.json<Secret>("get", "secret", "s")).data).toEqual({ password: Buffer.from("secret").toString("base64") });
		expect(await kubectl.run("describe", "secret", "s")).toContain("password:  6 bytes");
		const inner = (await kubectl.json<Service>("get", "service", "inner")).spec;
		expect(inner).toMatchObject({ type: "ClusterIP", clusterIP: expect.stringMatching(/^10\.96\./), ports: [{ port: 80, targetPort: 8080, protocol: "TCP" }] });
		expect((await kubectl.json<Service>("get", "service", "outer")).spec?.ports?.[0]?.nodePort).toBeGreaterThanOrEqual(30_000);
		expect(await kubectl.run("get", "services")).toMatch(/^alias +ExternalName +<none> +example\.com +<none> /m);
		expect(await kubectl.run("get", "services")).toMatch(/^balanced +LoadBalancer +10\.96\.\S+ +<pending> +80:3\d{4}\/TCP /m);
		expect(await kubectl.run("get", "rolebindings")).toMatch(/^reads +Role\/reader /m);
		expect(await kubectl.run("describe", "clusterrole", "reader")).toMatch(/nodes +\[\] +\[\] +\[get\]/);
		expect((await kubectl.json<Deployment>("get", "deployment", "web")).spec?.replicas).toBe(2);
	});

	it("run and expose", async () => {
		expect(await kubectl.run("run", "one", `--image=${EXAMPLE_IMAGE_REF}`, "--port=8080", "--labels=app=one", "--env=A=b", "--restart=Never")).toBe(
			"pod/one created\n",
		);
		const { managedFields = [] } = (await kubectl.json<Pod>("get", "pod", "one", "--show-managed-fields")).metadata ?? {};
		const written = managedFields.find(({ manager }) => manager === "kubectl-run")?.fieldsV1 as { "f:spec": Record<string, unknown> };
		// What admission adds belongs to nobody, so that a later apply may leave it out.
		expect(Object.keys(written["f:spec"]).sort()).toEqual([
			"f:containers",
			"f:dnsPolicy",
			"f:enableServiceLinks",
			"f:restartPolicy",
			"f:schedulerName",
			"f:securityContext",
			"f:terminationGracePeriodSeconds",
		]);
		expect(await kubectl.run("expose", "pod", "one", "--port=80", "--target-port=8080", "--name=one-service")).toBe("service/one-service exposed\n");
		expect(await kubectl.run("expose", "deployment", "web", "--port=80")).toBe("service/web exposed\n");
		expect(await kubectl.run("describe", "service", "web")).toMatch(/^Selector: +app=web$/m);
		expect(await kubectl.run("get", "pod", "one", "-o", "jsonpath={.spec.containers[0].env[0].value} {.spec.restartPolicy} {.spec.serviceAccountName}")).toBe(
			"b Never default",
		);
	});

	it("set", async () => {
		expect(await kubectl.run("set", "env", "deployment/web", "A=1")).toBe("deployment.apps/web env updated\n");
		expect(await kubectl.run("set", "env", "deployment/web", "--list")).toContain("A=1");
		expect(await kubectl.run("set", "resources", "deployment/web", "--limits=cpu=1,memory=64Mi")).toBe("deployment.apps/web resource requirements updated\n");
		expect(await kubectl.run("set", "serviceaccount", "deployment/web", "robot")).toBe("deployment.apps/web serviceaccount updated\n");
		expect(await kubectl.run("set", "selector", "service/inner", "app=web")).toBe("service/inner selector updated\n");
		expect(await kubectl.fails(["set", "image", "deployment/web", "nope=x"])).toContain('unable to find container named "nope"');
		const pod = (await kubectl.json<Deployment>("get", "deployment", "web")).spec?.template.spec;
		expect(pod).toMatchObject({
			serviceAccountName: "robot",
			containers: [{ env: [{ name: "A", value: "1" }], resources: { limits: { cpu: "1", memory: "64Mi" } } }],
		});
	});
});

describe("kubectl delete and wait", () => {
	const { kubectl } = useControlPlane();
	const create = (name: string): Promise<string> => kubectl.run("create", "deployment", name, `--image=${EXAMPLE_IMAGE_REF}`);
	const names = async (...args: string[]): Promise<string[]> => (await kubectl.run("get", ...args, "-o", "name")).split("\n").filter(Boolean);

	it("by name, by label, all, and what is not there", async () => {
		for (const name of ["a", "b", "c"]) await kubectl.run("create", "configmap", name);
		await kubectl.run("label", "configmap", "a", "b", "go=yes");
		expect(await kubectl.run("delete", "configmap", "-l", "go=yes")).toMatch(/^configmap "a" deleted.*\nconfigmap "b" deleted.*\n$/);
		expect(await kubectl.run("delete", "configmap/c")).toMatch(/^configmap "c" deleted/);
		expect(await kubectl.fails(["delete", "configmap", "c"])).toBe('Error from server (NotFound): configmaps "c" not found\n');
		expect(await kubectl.run("delete", "configmap", "c", "--ignore-not-found")).toBe("");
		expect(await kubectl.run("delete", "configmap", "-l", "go=yes")).toBe("No resources found\n");
	});

	it("cascades in the background and in the foreground, or leaves orphans", async () => {
		for (const mode of ["background", "foreground"]) {
			await create(mode);
			await kubectl.run("wait", "--for=create", "pod", "-l", `app=${mode}`, "--timeout=20s");
			expect(await kubectl.run("delete", "deployment", mode, `--cascade=${mode}`)).toMatch(new RegExp(`^deployment.apps "${mode}" deleted`));
			await kubectl.run("wait", "--for=delete", "rs,pod", "-l", `app=${mode}`, "--timeout=20s");
			expect(await names("rs,pods", "-l", `app=${mode}`)).toEqual([]);
		}
		await create("orphan");
		await kubectl.run("wait", "--for=jsonpath={.status.replicas}=1", "deployment/orphan");
		await kubectl.run("delete", "deployment", "orphan", "--cascade=orphan");
		const left = await names("rs,pods", "-l", "app=orphan");
		expect(left.map((name) => name.split("/")[0])).toEqual(["replicaset.apps", "pod"]);
		expect(await kubectl.run("get", "rs", "-l", "app=orphan", "-o", "jsonpath={.items[0].metadata.ownerReferences}")).toBe("");
		await kubectl.run("delete", "rs", "--all");
		await kubectl.run("wait", "--for=delete", "pod", "-l", "app=orphan", "--timeout=20s");
	});

	it("by force", async () => {
		await kubectl.run("run", "one", `--image=${EXAMPLE_IMAGE_REF}`);
		const { stdout, stderr } = await kubectl.try(["delete", "pod", "one", "--grace-period=0", "--force"]);
		expect(stdout).toMatch(/^pod "one" force deleted/);
		expect(stderr).toContain("Immediate deletion does not wait for confirmation");
		expect(await names("pods")).toEqual([]);
	});

	it("waits for finalizers", async () => {
		await kubectl.apply({ apiVersion: "v1", kind: "ConfigMap", metadata: { name: "held", finalizers: ["example.com/hold"] } });
		await kubectl.run("delete", "configmap", "held", "--wait=false");
		expect(await kubectl.run("get", "configmap", "held", "-o", "jsonpath={.metadata.deletionTimestamp}")).toMatch(/^\d{4}-/);
		expect(await kubectl.fails(["wait", "--for=delete", "configmap/held", "--timeout=1s"])).toContain("timed out waiting for the condition on configmaps/held");
		await kubectl.run("patch", "configmap", "held", "--type=json", "-p", '[{"op":"remove","path":"/metadata/finalizers"}]');
		await kubectl.run("wait", "--for=delete", "configmap/held", "--timeout=20s");
	});

	it("a namespace with all it holds", async () => {
		await kubectl.run("create", "namespace", "full");
		await kubectl.run("create", "deployment", "web", "-n", "full", `--image=${EXAMPLE_IMAGE_REF}`, "--replicas=3");
		await kubectl.run("create", "secret", "generic", "s", "-n", "full");
		await kubectl.run("create", "service", "clusterip", "web", "-n", "full", "--tcp=80");
		expect(await kubectl.run("delete", "namespace", "full")).toBe('namespace "full" deleted\n');
		expect(await kubectl.fails(["get", "namespace", "full"])).toBe('Error from server (NotFound): namespaces "full" not found\n');
		await kubectl.run("create", "namespace", "full");
		expect(await names("all,secrets,endpointslices", "-n", "full")).toEqual([]);
		expect(await kubectl.fails(["delete", "namespace", "default"])).toBe(
			'Error from server (Forbidden): namespaces "default" is forbidden: this namespace may not be deleted\n',
		);
	});

	it("refuses new content while a namespace goes", async () => {
		await kubectl.run("create", "namespace", "going");
		await kubectl.apply({ apiVersion: "v1", kind: "ConfigMap", metadata: { name: "held", namespace: "going", finalizers: ["example.com/hold"] } });
		await kubectl.run("delete", "namespace", "going", "--wait=false");
		expect(await kubectl.run("get", "namespace", "going")).toMatch(/going +Terminating/);
		expect(await kubectl.fails(["create", "configmap", "x", "-n", "going"])).toContain(
			'configmaps "x" is forbidden: unable to create new content in namespace going because it is being terminated',
		);
		await kubectl.run("patch", "configmap", "held", "-n", "going", "--type=merge", "-p", '{"metadata":{"finalizers":null}}');
		await kubectl.run("wait", "--for=delete", "namespace/going", "--timeout=30s");
	});

	it("wait ends with what it waits for", async () => {
		await create("waited");
		expect(await kubectl.run("wait", "--for=jsonpath={.spec.replicas}=1", "deployment/waited")).toBe("deployment.apps/waited condition met\n");
		expect(await kubectl.fails(["wait", "--for=condition=Available", "deployment/waited", "--timeout=1s"])).toBe(
			"error: timed out waiting for the condition on deployments/waited\n",
		);
		const waiting = kubectl.follow("wait", "--for=jsonpath={.metadata.labels.done}=yes", "deployment/waited");
		await kubectl.run("label", "deployment", "waited", "done=yes");
		expect(await waiting.finish()).toBe(0);
		expect(waiting.text).toBe("deployment.apps/waited condition met\n");
	});

	it("makes nothing that the namespace's quota or Pod Security level forbids", async () => {
		await kubectl.run("create", "namespace", "held");
		await kubectl.run("create", "quota", "few", "-n", "held", "--hard=count/configmaps=2,pods=1");
		await kubectl.run("create", "configmap", "one", "-n", "held");
		expect(await kubectl.fails(["create", "configmap", "two", "-n", "held"])).toBe(
			'error: failed to create configmap: configmaps "two" is forbidden: exceeded quota: few, requested: count/configmaps=1, used: count/configmaps=2, limited: count/configmaps=2\n',
		);
		expect(await kubectl.run("describe", "quota", "few", "-n", "held")).toMatch(/count\/configmaps +2 +2\npods +0 +1\n/);
		await kubectl.run("run", "old", "-n", "held", `--image=${EXAMPLE_IMAGE_REF}`);
		const { stderr } = await kubectl.try(["label", "namespace", "held", "pod-security.kubernetes.io/enforce=restricted"]);
		expect(stderr).toContain('Warning: existing pods in namespace "held" violate the new PodSecurity enforce level "restricted:latest"\n');
		expect(stderr).toContain("Warning: old: allowPrivilegeEscalation != false, unrestricted capabilities, runAsNonRoot != true, seccompProfile\n");
		expect(await kubectl.fails(["run", "new", "-n", "held", `--image=${EXAMPLE_IMAGE_REF}`])).toMatch(
			/^Error from server \(Forbidden\): pods "new" is forbidden: violates PodSecurity "restricted:latest": allowPrivilegeEscalation != false /,
		);
	});
});
