/** Deployments that roll, and nodes that are drained, with real containers. */
import { beforeAll, describe, expect, it } from "vitest";
import type { PodList } from "../../src/core/schema/kubernetes.d.ts";
import { useCluster } from "./support/cluster.ts";
import { deployment, EXAMPLE_IMAGE_REF } from "./support/example.ts";
import { testableRuntimes } from "./support/runtimes.ts";

describe.each(testableRuntimes)("kubectl and rollouts on the %s runtime", (runtime) => {
	const { kubectl } = useCluster(runtime);
	let node = "";
	const rolledOut = (name = "web"): Promise<string> => kubectl.run("rollout", "status", `deployment/${name}`, "--timeout=90s");
	const pods = async (): Promise<PodList["items"]> => (await kubectl.json<PodList>("get", "pods", "-l", "app=web")).items;
	/** Those that are not on their way out. */
	const standing = async (): Promise<PodList["items"]> => (await pods()).filter((pod) => pod.metadata?.deletionTimestamp === undefined);

	beforeAll(async () => {
		await kubectl.apply(deployment("web", 2));
		await rolledOut();
		node = await kubectl.run("get", "nodes", "-o", "jsonpath={.items[0].metadata.name}");
	});

	it("rollout status tells how far it is", async () => {
		expect(await rolledOut()).toBe('deployment "web" successfully rolled out\n');
		expect(await kubectl.run("get", "deployment", "web")).toMatch(/^web +2\/2 +2 +2 +\d+s$/m);
	});

	it("scale, up and down", async () => {
		expect(await kubectl.run("scale", "deployment", "web", "--replicas=4")).toBe("deployment.apps/web scaled\n");
		expect(await rolledOut()).toMatch(/^Waiting for deployment "web" rollout to finish: \d of 4 updated replicas are available\.\.\.\n/);
		expect(await kubectl.fails(["scale", "deployment", "web", "--replicas=9", "--current-replicas=2"])).toBe("error: Expected replicas to be 2, was 4\n");
		await kubectl.run("scale", "deployment", "web", "--replicas=2");
		await kubectl.run("wait", "--for=jsonpath={.status.replicas}=2", "deployment/web", "--timeout=30s");
		expect(await standing()).toHaveLength(2);
	});

	it("set env, set image and undo", async () => {
		expect(await kubectl.run("set", "env", "deployment/web", "COLOUR=blue")).toBe("deployment.apps/web env updated\n");
		await rolledOut();
		expect(await kubectl.run("exec", "deployment/web", "--", "sh", "-c", "echo $COLOUR")).toBe("blue\n");
		expect(await kubectl.run("set", "image", "deployment/web", "main=petrel.dev/no/such:1")).toBe("deployment.apps/web image updated\n");
		const watch = kubectl.follow("get", "pods", "-w", "-l", "app=web");
		await watch.until(/0\/1 +(ErrImagePull|ImagePullBackOff)/);
		await watch.stop();
		expect(await kubectl.fails(["rollout", "status", "deployment/web", "--timeout=1s"])).toBe("error: timed out waiting for the condition\n");
		expect(await kubectl.run("rollout", "undo", "deployment/web")).toBe("deployment.apps/web rolled back\n");
		await rolledOut();
		expect(await kubectl.run("get", "deployment", "web", "-o", "jsonpath={.spec.template.spec.containers[0].image}")).toBe(EXAMPLE_IMAGE_REF);
		await kubectl.run("annotate", "deployment", "web", "kubernetes.io/change-cause=back again");
		expect(await kubectl.run("rollout", "history", "deployment/web")).toMatch(
			/^deployment.apps\/web \nREVISION +CHANGE-CAUSE\n1 +<none>\n3 +<none>\n4 +\S.*\n\n$/,
		);
		expect(await kubectl.run("rollout", "history", "deployment/web", "--revision=3")).toContain("petrel.dev/no/such:1");
		expect(await kubectl.run("rollout", "undo", "deployment/web", "--to-revision=1")).toBe("deployment.apps/web rolled back\n");
		await rolledOut();
		expect(await kubectl.fails(["rollout", "undo", "deployment/web", "--to-revision=99"])).toContain("unable to find specified revision 99 in history");
	});

	it("pause, resume and restart", async () => {
		expect(await kubectl.run("rollout", "pause", "deployment/web")).toBe("deployment.apps/web paused\n");
		expect(await kubectl.fails(["rollout", "pause", "deployment/web"])).toContain("is already paused");
		expect(await kubectl.fails(["rollout", "restart", "deployment/web"])).toContain("can't restart paused deployment (run rollout resume first)");
		const before = (await standing()).map((pod) => pod.metadata?.uid).sort();
		await kubectl.run("set", "env", "deployment/web", "COLOUR=red");
		await kubectl.run("wait", "--for=jsonpath={.status.observedGeneration}", "deployment/web");
		expect((await standing()).map((pod) => pod.metadata?.uid).sort()).toEqual(before);
		expect(await kubectl.run("rollout", "resume", "deployment/web")).toBe("deployment.apps/web resumed\n");
		await rolledOut();
		expect(await kubectl.run("rollout", "restart", "deployment/web")).toBe("deployment.apps/web restarted\n");
		await rolledOut();
		expect((await standing()).filter((pod) => before.includes(pod.metadata?.uid))).toEqual([]);
		expect(await standing()).toHaveLength(2);
	});

	it("cordon holds new pods back, uncordon lets them in", async () => {
		expect(await kubectl.run("cordon", node)).toBe(`node/${node} cordoned\n`);
		expect(await kubectl.run("get", "nodes")).toMatch(/ Ready,SchedulingDisabled /);
		await kubectl.run("create", "deployment", "later", `--image=${EXAMPLE_IMAGE_REF}`);
		const events = kubectl.follow("get", "events", "-w", "--field-selector", "reason=FailedScheduling");
		await events.until(/pod\/later-\S+ +0\/1 nodes are available: 1 node\(s\) were unschedulable/);
		await events.stop();
		expect(await kubectl.run("uncordon", node)).toBe(`node/${node} uncordoned\n`);
		await rolledOut("later");
		await kubectl.run("delete", "deployment", "later");
	});

	it("taints move what does not tolerate them", async () => {
		const before = (await standing()).map((pod) => pod.metadata?.uid);
		expect(await kubectl.run("taint", "node", node, "example.com/away=now:NoExecute")).toBe(`node/${node} tainted\n`);
		for (const uid of before) {
			const name = (await pods()).find((pod) => pod.metadata?.uid === uid)?.metadata?.name;
			if (name !== undefined) await kubectl.run("wait", "--for=delete", `pod/${name}`, "--timeout=60s");
		}
		expect((await standing()).every((pod) => pod.spec?.nodeName === undefined)).toBe(true);
		expect(await kubectl.run("taint", "node", node, "example.com/away-")).toBe(`node/${node} untainted\n`);
		await rolledOut();
		expect(await kubectl.fails(["taint", "node", node, "example.com/away-"])).toContain('taint "example.com/away" not found');
	});

	it("top shows what nodes, pods and containers use", async () => {
		expect(await kubectl.run("top", "nodes")).toMatch(new RegExp(`^${node} +\\d+m +\\d+% +\\d+Mi +\\d+% *$`, "m"));
		expect(await kubectl.run("top", "pods", "--containers", "-l", "app=web")).toMatch(/^web-\S+ +main +\d+m +\d+Mi *$/m);
		const summary = JSON.parse(await kubectl.run("get", "--raw", `/api/v1/nodes/${node}/proxy/stats/summary`)) as { pods: { podRef: { name: string } }[] };
		expect(summary.pods.some(({ podRef }) => podRef.name.startsWith("web-"))).toBe(true);
		expect(await kubectl.run("get", "--raw", `/api/v1/nodes/${node}/proxy/metrics/resource`)).toMatch(
			/^container_memory_working_set_bytes\{container="main",namespace="default",pod="web-\S+"\} \d+ \d+$/m,
		);
		expect(await kubectl.run("get", "--raw", `/api/v1/nodes/${node}/proxy/metrics/cadvisor`)).toMatch(
			/^container_cpu_usage_seconds_total\{container="main",id="[^"]+",image="[^"]+",name="[^"]+",namespace="default",pod="web-\S+"\} [\d.e-]+ \d+$/m,
		);
		expect(JSON.parse(await kubectl.run("get", "--raw", `/api/v1/nodes/${node}/proxy/configz`))).toMatchObject({ kubeletconfig: { maxPods: 110 } });
		expect(await kubectl.run("get", "pods.metrics.k8s.io")).toMatch(/^NAME +CPU +MEMORY +WINDOW\nweb-/);
	});

	it("autoscale makes as many as the pods' usage asks for, and says why", async () => {
		expect(await kubectl.run("autoscale", "deployment", "web", "--min=1", "--max=4", "--cpu-percent=80")).toBe(
			"horizontalpodautoscaler.autoscaling/web autoscaled\n",
		);
		await kubectl.run("wait", "--for=condition=ScalingActive=False", "hpa/web", "--timeout=30s");
		expect(await kubectl.run("describe", "hpa", "web")).toContain("missing request for cpu in container main of Pod web-");
		await kubectl.run("delete", "hpa", "web");
		await kubectl.apply({
			apiVersion: "autoscaling/v2",
			kind: "HorizontalPodAutoscaler",
			metadata: { name: "web" },
			spec: {
				scaleTargetRef: { apiVersion: "apps/v1", kind: "Deployment", name: "web" },
				minReplicas: 1,
				maxReplicas: 3,
				metrics: [{ type: "Resource", resource: { name: "memory", target: { type: "AverageValue", averageValue: "1Ki" } } }],
			},
		});
		await kubectl.run("wait", "--for=jsonpath={.status.desiredReplicas}=3", "hpa/web", "--timeout=40s");
		await rolledOut();
		expect(await standing()).toHaveLength(3);
		expect(await kubectl.run("describe", "hpa", "web")).toMatch(/SuccessfulRescale .* New size: 3; reason: memory resource above target/);
		await kubectl.run("delete", "hpa", "web");
		await kubectl.run("scale", "deployment", "web", "--replicas=2");
		await rolledOut();
	});

	it("drain waits for what a disruption budget does not allow", async () => {
		expect(await kubectl.run("create", "pdb", "web", "--selector=app=web", "--min-available=2")).toBe("poddisruptionbudget.policy/web created\n");
		await kubectl.run("wait", "--for=jsonpath={.status.currentHealthy}=2", "pdb/web", "--timeout=30s");
		const refused = await kubectl.fails(["drain", node, "--timeout=3s"]);
		expect(refused).toContain("Cannot evict pod as it would violate the pod's disruption budget.");
		expect(await kubectl.run("get", "pdb", "web")).toMatch(/^web +2 +N\/A +0 /m);
		expect(await standing()).toHaveLength(2);
		await kubectl.run("delete", "pdb", "web");
		await kubectl.run("uncordon", node);
	});

	it("create job --from=cronjob runs it now", async () => {
		await kubectl.run("create", "cronjob", "tick", `--image=${EXAMPLE_IMAGE_REF}`, "--schedule=@yearly", "--", "/bin/true");
		expect(await kubectl.run("create", "job", "now", "--from=cronjob/tick")).toBe("job.batch/now created\n");
		await kubectl.run("wait", "--for=condition=Complete", "job/now", "--timeout=60s");
		expect(await kubectl.run("get", "job", "now", "-o", "jsonpath={.metadata.annotations.cronjob\\.kubernetes\\.io/instantiate}")).toBe("manual");
		await kubectl.run("delete", "cronjob/tick", "job/now", "--ignore-not-found");
	});

	it("drain evicts, and refuses bare pods until forced", async () => {
		await kubectl.run("run", "bare", `--image=${EXAMPLE_IMAGE_REF}`);
		await kubectl.run("wait", "--for=condition=Ready", "pod/bare", "--timeout=60s");
		expect(await kubectl.fails(["drain", node, "--timeout=60s"])).toContain("Pods that declare no controller (use --force to override): default/bare");
		const output = await kubectl.run("drain", node, "--force", "--grace-period=1", "--timeout=60s");
		expect(output).toMatch(/^pod\/bare evicted$/m);
		expect(output).toMatch(/^pod\/web-\S+ evicted$/m);
		expect(output).toMatch(new RegExp(`^node/${node} drained$`, "m"));
		expect((await standing()).every((pod) => pod.spec?.nodeName === undefined)).toBe(true);
		await kubectl.run("uncordon", node);
		await rolledOut();
	});
});
