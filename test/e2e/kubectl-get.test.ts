/** kubectl get in every form, watches, describe and events, of objects that need no node. */
import { beforeAll, describe, expect, it } from "vitest";
import type { Deployment } from "../../src/core/schema/kubernetes.d.ts";
import { deployment, EXAMPLE_IMAGE_REF } from "./support/example.ts";
import { useControlPlane } from "./support/cluster.ts";

describe("kubectl get", () => {
	const { kubectl } = useControlPlane();

	beforeAll(async () => {
		await kubectl.apply(deployment("web", 2));
		await kubectl.run("wait", "--for=jsonpath={.status.replicas}=2", "deployment/web");
		await kubectl.run("create", "configmap", "settings", "--from-literal=colour=blue");
		await kubectl.run("label", "configmap", "settings", "tier=front");
	});

	it("prints tables", async () => {
		expect(await kubectl.run("get", "deployments")).toMatch(/^NAME +READY +UP-TO-DATE +AVAILABLE +AGE\nweb +0\/2 +2 +0 +\d+s\n$/);
		expect(await kubectl.run("get", "deploy", "-o", "wide")).toMatch(
			/^NAME +READY +UP-TO-DATE +AVAILABLE +AGE +CONTAINERS +IMAGES +SELECTOR\nweb .* main +petrel\.dev\S+ +app=web\n$/,
		);
		expect(await kubectl.run("get", "rs")).toMatch(/^NAME +DESIRED +CURRENT +READY +AGE\nweb-[a-z0-9]+ +2 +2 +0 +\d+s\n$/);
		expect(await kubectl.run("get", "pods", "-o", "wide")).toMatch(
			/^NAME +READY +STATUS +RESTARTS +AGE +IP +NODE +NOMINATED NODE +READINESS GATES\nweb-\S+ +0\/1 +Pending +0 +\d+s +<none> +<none> +<none> +<none>\n/,
		);
		expect(await kubectl.run("get", "namespaces")).toMatch(/^NAME +STATUS +AGE\ndefault +Active +\d+s\nkube-node-lease +Active/);
		expect(await kubectl.run("get", "configmap", "settings", "--no-headers")).toMatch(/^settings +1 +\d+s\n$/);
		expect(await kubectl.run("get", "secrets")).toBe("");
	});

	it("prints objects and parts of them", async () => {
		expect(await kubectl.run("get", "configmap", "settings", "-o", "yaml")).toMatch(
			/^apiVersion: v1\ndata:\n {2}colour: blue\nkind: ConfigMap\nmetadata:\n {2}creationTimestamp: "\d{4}-.*Z"\n {2}labels:\n {4}tier: front\n {2}name: settings\n {2}namespace: default\n {2}resourceVersion: "\d+"\n {2}uid: \S{36}\n$/,
		);
		expect((await kubectl.json<Deployment>("get", "deployment", "web")).spec).toMatchObject({
			replicas: 2,
			progressDeadlineSeconds: 600,
			revisionHistoryLimit: 10,
			strategy: { type: "RollingUpdate", rollingUpdate: { maxSurge: "25%", maxUnavailable: "25%" } },
		});
		expect(await kubectl.run("get", "deploy/web", "cm/settings", "-o", "name")).toBe("deployment.apps/web\nconfigmap/settings\n");
		expect(await kubectl.run("get", "deploy/web", "-o", "jsonpath={.spec.template.spec.containers[*].image}")).toBe(EXAMPLE_IMAGE_REF);
		expect(await kubectl.run("get", "cm", "-l", "tier=front", "-o", "custom-columns=NAME:.metadata.name,COLOUR:.data.colour")).toBe(
			"NAME       COLOUR\nsettings   blue\n",
		);
		expect(await kubectl.run("get", "cm", "settings", "-o", "go-template={{.metadata.name}} is {{.data.colour}}")).toBe("settings is blue");
		expect(await kubectl.run("get", "cm", "settings", "-o", "yaml", "--show-managed-fields")).toContain("manager: kubectl-create");
	});

	it("selects, sorts and labels", async () => {
		expect(await kubectl.run("get", "pods", "--show-labels", "--no-headers")).toMatch(/ app=web,pod-template-hash=[a-z0-9]+\n/);
		expect(await kubectl.run("get", "pods", "-L", "app")).toMatch(/^NAME .* APP\nweb-\S+ .* web\n/);
		expect((await kubectl.run("get", "pods", "-l", "app in (web,other),!nope", "-o", "name")).trim().split("\n")).toHaveLength(2);
		expect(await kubectl.run("get", "pods", "-l", "app!=web", "-o", "name")).toBe("");
		expect(await kubectl.run("get", "cm", "-A", "--field-selector", "metadata.name=settings")).toMatch(/^NAMESPACE +NAME +DATA +AGE\ndefault +settings /);
		const names = (await kubectl.run("get", "ns", "--sort-by={.metadata.name}", "-o", "name", "--chunk-size=1")).trim().split("\n");
		expect(names).toEqual(["namespace/default", "namespace/kube-node-lease", "namespace/kube-public", "namespace/kube-system"]);
		expect(await kubectl.run("get", "all")).toMatch(/^pod\/web-\S+ (.*\n)*deployment\.apps\/web (.*\n)*replicaset\.apps\/web-/m);
		expect((await kubectl.try(["get", "secrets"])).stderr).toBe("No resources found in default namespace.\n");
	});

	it("watches", async () => {
		const watch = kubectl.follow("get", "configmaps", "-w", "-l", "watched=yes", "--output-watch-events");
		const everywhere = kubectl.follow("get", "configmaps", "-A", "-w", "--no-headers");
		await everywhere.until(/default +settings/);
		await kubectl.apply({ apiVersion: "v1", kind: "ConfigMap", metadata: { name: "w", labels: { watched: "yes" } } });
		await watch.until(/ADDED +w +0/);
		await kubectl.run("patch", "configmap", "w", "-p", '{"data":{"a":"1"}}');
		await watch.until(/MODIFIED +w +1/);
		await kubectl.run("label", "configmap", "w", "watched-");
		await watch.until(/DELETED +w +1/);
		await kubectl.run("create", "namespace", "later");
		await kubectl.run("create", "configmap", "elsewhere", "-n", "later");
		await everywhere.until(/later +elsewhere +0/);
		await Promise.all([watch.stop(), everywhere.stop()]);
		await kubectl.run("delete", "namespace", "later");
		await kubectl.run("delete", "configmap", "w");
	});

	it("describes", async () => {
		const text = await kubectl.run("describe", "deployment", "web");
		expect(text).toMatch(/^Replicas: +2 desired \| 2 updated \| 2 total \| 0 available \| 2 unavailable$/m);
		expect(text).toMatch(/^NewReplicaSet: +web-[a-z0-9]+ \(2\/2 replicas created\)$/m);
		expect(text).toMatch(/Normal +ScalingReplicaSet +\S+ +deployment-controller +Scaled up replica set web-[a-z0-9]+ from 0 to 2/);
		expect(await kubectl.run("describe", "rs", "-l", "app=web")).toMatch(/^Pods Status: +0 Running \/ 2 Waiting \/ 0 Succeeded \/ 0 Failed$/m);
		const pod = await kubectl.run("describe", "pod", "-l", "app=web");
		expect(pod).toMatch(/^Controlled By: +ReplicaSet\/web-/m);
		expect(pod).toMatch(/Warning +FailedScheduling +\S+ +default-scheduler +no nodes available to schedule pods/);
		expect(await kubectl.run("describe", "namespace", "default")).toMatch(/^Status: +Active$/m);
		expect(await kubectl.run("describe", "configmap", "settings")).toMatch(/^colour:\n----\nblue\n/m);
	});

	it("lists events", async () => {
		expect(await kubectl.run("get", "events", "--field-selector", "involvedObject.kind=Deployment")).toMatch(
			/^LAST SEEN +TYPE +REASON +OBJECT +MESSAGE\n\d+s +Normal +ScalingReplicaSet +deployment\/web +Scaled up replica set/,
		);
		expect(await kubectl.run("events", "--for=deployment/web")).toMatch(/Normal +ScalingReplicaSet +Deployment\/web/);
		expect(await kubectl.run("events", "--types=Warning", "-A")).toMatch(/FailedScheduling +Pod\/web-/);
	});
});
