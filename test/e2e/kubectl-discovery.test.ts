/** kubectl finds out what the server is and has. */
import { describe, expect, it } from "vitest";
import { deployment } from "./support/example.ts";
import { installedKubectls } from "./support/kubectl.ts";
import { useControlPlane } from "./support/cluster.ts";

/** Older ones are not tested; those before 1.30 speak SPDY alone to exec and attach, which no Worker can serve. */
const OLDEST_MINOR = 27;

describe("kubectl and what the server tells of itself", () => {
	const { kubectl } = useControlPlane();

	it("version, cluster-info and health", async () => {
		expect(await kubectl.run("version")).toMatch(/^Server Version: v1\.36\.\d+\+petrel$/m);
		expect(await kubectl.run("cluster-info")).toMatch(/Kubernetes control plane.* is running at .*https:\/\/127\.0\.0\.1:\d+/);
		expect(await kubectl.run("get", "--raw", "/healthz")).toBe("ok");
		expect(await kubectl.run("get", "--raw", "/readyz?verbose")).toMatch(/^\[\+\]ping ok\n(.*\n)*readyz check passed\n$/);
		expect(await kubectl.fails(["get", "--raw", "/nope"])).toBe("Error from server (NotFound): the server could not find the requested resource\n");
	});

	it("api-versions and api-resources", async () => {
		expect((await kubectl.run("api-versions")).split("\n")).toEqual(
			expect.arrayContaining(["apps/v1", "authentication.k8s.io/v1", "authorization.k8s.io/v1", "coordination.k8s.io/v1", "discovery.k8s.io/v1", "v1"]),
		);
		const resources = await kubectl.run("api-resources");
		for (const row of [
			/^configmaps +cm +v1 +true +ConfigMap$/m,
			/^endpoints +ep +v1 +true +Endpoints$/m,
			/^events +ev +v1 +true +Event$/m,
			/^namespaces +ns +v1 +false +Namespace$/m,
			/^nodes +no +v1 +false +Node$/m,
			/^pods +po +v1 +true +Pod$/m,
			/^secrets +v1 +true +Secret$/m,
			/^serviceaccounts +sa +v1 +true +ServiceAccount$/m,
			/^services +svc +v1 +true +Service$/m,
			/^deployments +deploy +apps\/v1 +true +Deployment$/m,
			/^replicasets +rs +apps\/v1 +true +ReplicaSet$/m,
			/^leases +coordination\.k8s\.io\/v1 +true +Lease$/m,
			/^endpointslices +discovery\.k8s\.io\/v1 +true +EndpointSlice$/m,
		])
			expect(resources).toMatch(row);
		expect(await kubectl.run("api-resources", "--api-group=apps", "--verbs=watch", "-o", "name")).toContain("deployments.apps\n");
	});

	it("explain, flat, recursive and wrong", async () => {
		const spec = await kubectl.run("explain", "deployment.spec");
		expect(spec).toMatch(/^GROUP: +apps\nKIND: +Deployment\nVERSION: +v1\n/);
		expect(spec).toContain("  replicas\t<integer>\n    Number of desired pods.");
		expect(spec).toContain("  template\t<PodTemplateSpec> -required-");
		expect(await kubectl.run("explain", "service.spec.type")).toMatch(/ENUM:\n +ClusterIP\n +ExternalName\n +LoadBalancer\n +NodePort\n/);
		expect(await kubectl.run("explain", "pods", "--recursive")).toMatch(/^ {2}spec\t<PodSpec>\n(.*\n)*? {4}containers\t<\[\]Container> -required-\n/m);
		expect(await kubectl.fails(["explain", "pod.spec.nope"])).toContain('field "nope" does not exist');
		expect(await kubectl.fails(["explain", "nope"])).toContain('the server doesn\'t have a resource type "nope"');
	});

	it("knows no such type, object or field", async () => {
		expect(await kubectl.fails(["get", "nope"])).toBe('error: the server doesn\'t have a resource type "nope"\n');
		expect(await kubectl.fails(["get", "pod", "nope"])).toBe('Error from server (NotFound): pods "nope" not found\n');
		expect(await kubectl.fails(["get", "pods", "--field-selector", "spec.nope=1"])).toContain("field label not supported: spec.nope");
	});

	it.each(installedKubectls().filter(({ minor }) => minor >= OLDEST_MINOR))("kubectl 1.$minor does the basics", async ({ path, minor }) => {
		const older = kubectl.with({ path });
		const namespace = `minor-${minor}`;
		const here = ["-n", namespace];
		expect(await older.run("create", "namespace", namespace)).toBe(`namespace/${namespace} created\n`);
		expect(await older.apply(deployment("web", 2), ...here)).toBe("deployment.apps/web created\n");
		expect(await older.apply(deployment("web", 2), ...here)).toBe("deployment.apps/web unchanged\n");
		expect(await older.apply(deployment("web", 3), "--server-side", "--force-conflicts", ...here)).toBe("deployment.apps/web serverside-applied\n");
		expect(await older.run("get", "deployments", ...here)).toMatch(/^NAME +READY +UP-TO-DATE +AVAILABLE +AGE\nweb +0\/3 /);
		expect(await older.run("create", "configmap", "settings", "--from-literal=a=1", ...here)).toBe("configmap/settings created\n");
		expect(await older.run("create", "service", "clusterip", "web", "--tcp=80:8080", ...here)).toBe("service/web created\n");
		expect(await older.run("create", "token", "default", ...here)).toMatch(/^[\w-]+\.[\w-]+\.[\w-]+$/);
		expect(await older.run("scale", "deployment/web", "--replicas=1", ...here)).toBe("deployment.apps/web scaled\n");
		expect(await older.run("label", "configmap", "settings", "a=b", ...here)).toBe("configmap/settings labeled\n");
		expect(await older.run("describe", "deployment", "web", ...here)).toContain("ScalingReplicaSet");
		expect(await older.run("auth", "can-i", "create", "pods", ...here)).toBe("yes\n");
		expect(await older.run("explain", "pod.spec.nodeName")).toMatch(/FIELD: +nodeName <string>/);
		const patch = ["--type=merge", "-p", '{"data":{"a":"before"}}'];
		expect(await older.run("patch", "configmap", "settings", ...patch, ...here)).toBe("configmap/settings patched\n");
		const editing = older.with({ environment: { KUBE_EDITOR: "sed -i s/before/after/" } });
		expect(await editing.run("edit", "configmap", "settings", ...here)).toBe("configmap/settings edited\n");
		expect(await older.run("get", "configmap", "settings", "-o", "jsonpath={.data.a}", ...here)).toBe("after");
		const differing = await older.try(["diff", "-f", "-", ...here], JSON.stringify(deployment("web", 4)));
		expect([differing.code, differing.stdout]).toEqual([1, expect.stringMatching(/^- {2}replicas: 1\n\+ {2}replicas: 4$/m)]);
		expect(await older.run("rollout", "history", "deployment/web", ...here)).toContain("REVISION  CHANGE-CAUSE\n1 ");
		expect(await older.run("rollout", "restart", "deployment/web", ...here)).toBe("deployment.apps/web restarted\n");
		expect(await older.run("wait", "--for=jsonpath={.spec.replicas}=1", "deployment/web", ...here)).toBe("deployment.apps/web condition met\n");
		expect(await older.run("delete", "namespace", namespace)).toContain(`namespace "${namespace}" deleted`);
		expect(await older.fails(["get", "namespace", namespace])).toBe(`Error from server (NotFound): namespaces "${namespace}" not found\n`);
	});
});
