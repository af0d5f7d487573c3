/** What a user does with devices: classes and slices, claims and templates, extended resources, what a pod says that gets none, and sick devices. */
import { afterAll, beforeAll, expect, it } from "vitest";
import { SampleDraDriver } from "../support/dra-driver.ts";
import type { NodeList, Pod, ResourceClaimList } from "../../src/core/schema/kubernetes.d.ts";
import { useCluster } from "./support/cluster.ts";
import { shellPod } from "./support/example.ts";
import { eventually } from "./support/petrel.ts";

const API = "resource.k8s.io/v1";
const DRIVER = "gpu.example.com";
const EXTENDED = "example.com/gpu";
const IDLE = "trap 'exit 0' TERM; while :; do sleep 0.1; done";
const devices = { requests: [{ name: "gpu", exactly: { deviceClassName: "gpu" } }] };

const petrel = useCluster("process");
const { kubectl } = petrel;
let driver: SampleDraDriver;

beforeAll(async () => {
	const root = (petrel.data.read("node/kubelet-root") ?? "").trim();
	driver = new SampleDraDriver({ name: DRIVER, root, devices: () => [{ requestNames: [], poolName: "pool", deviceName: "gpu" }] });
	await driver.start();
});
afterAll(() => driver.stop());

function podWith(name: string, claim: Record<string, string> | undefined): Pod {
	const pod = shellPod(name, IDLE);
	const resources = claim ? { claims: [{ name: "gpu" }] } : { limits: { [EXTENDED]: "1" } };
	return {
		...pod,
		spec: {
			...pod.spec,
			...(claim ? { resourceClaims: [{ name: "gpu", ...claim }] } : {}),
			containers: (pod.spec?.containers ?? []).map((container) => ({ ...container, resources })),
		},
	} as Pod;
}

const runs = (pod: string): Promise<string> => kubectl.run("wait", "--for=condition=Ready", `pod/${pod}`, "--timeout=60s");
const claims = (): Promise<string> => kubectl.run("get", "resourceclaims", "--no-headers");
const whyNot = (pod: string): Promise<string> =>
	eventually(`why ${pod} waits`, async () => {
		const { status } = await kubectl.json<Pod>("get", "pod", pod);
		return status?.conditions?.find(({ type, status: value }) => type === "PodScheduled" && value === "False")?.message;
	});

it("pods get the devices that their claims ask for, wait for them, and pass them on", async () => {
	const [node] = (await kubectl.json<NodeList>("get", "nodes")).items.map(({ metadata }) => metadata.name ?? "");
	const selectors = [{ cel: { expression: `device.driver == "${DRIVER}" && device.attributes["${DRIVER}"].model == "big"` } }];
	await kubectl.apply({ apiVersion: API, kind: "DeviceClass", metadata: { name: "gpu" }, spec: { selectors, extendedResourceName: EXTENDED } });
	const device = (name: string, model: string) => ({ name, attributes: { model: { string: model } } });
	const pool = { name: node, generation: 1, resourceSliceCount: 1 };
	const spec = { driver: DRIVER, nodeName: node, pool, devices: [device("gpu-0", "big"), device("gpu-1", "big"), device("gpu-2", "small")] };
	await kubectl.apply({ apiVersion: API, kind: "ResourceSlice", metadata: { name: "slice" }, spec });
	expect(await kubectl.run("get", "resourceslices", "--no-headers")).toMatch(new RegExp(`^slice +${node} +${DRIVER} +${node} +\\S+\n$`));
	await kubectl.apply({ apiVersion: API, kind: "ResourceClaimTemplate", metadata: { name: "gpu" }, spec: { spec: { devices } } });
	await kubectl.apply({ apiVersion: API, kind: "ResourceClaim", metadata: { name: "shared" }, spec: { devices } });
	expect(await claims()).toMatch(/^shared +pending +\S+\n$/);

	await kubectl.apply(podWith("first", { resourceClaimName: "shared" }));
	await kubectl.apply(podWith("second", { resourceClaimName: "shared" }));
	await kubectl.apply(podWith("own", { resourceClaimTemplateName: "gpu" }));
	for (const pod of ["first", "second", "own"]) await runs(pod);
	expect(await claims()).toMatch(/^own-gpu-\w{5} +allocated,reserved +\S+\nshared +allocated,reserved +\S+\n$/);
	const { items } = await kubectl.json<ResourceClaimList>("get", "resourceclaims");
	expect(items.map(({ status }) => status?.allocation?.devices?.results?.[0]?.device).sort()).toEqual(["gpu-0", "gpu-1"]);
	expect(items[1]?.status?.reservedFor?.map(({ name }) => name)).toEqual(["first", "second"]);

	await kubectl.apply(podWith("plain", undefined));
	expect(await whyNot("plain")).toBe(
		"0/1 nodes are available: 1 cannot allocate all claims. no new claims to deallocate, preemption: 0/1 nodes are available: 1 Preemption is not helpful for scheduling.",
	);
	expect(await kubectl.run("describe", "pod", "plain")).toMatch(/Warning +FailedScheduling .*cannot allocate all claims/);
	await kubectl.run("delete", "pod", "own");
	await runs("plain");
	const { metadata, status } = await kubectl.json<Pod>("get", "pod", "plain");
	expect(status?.extendedResourceClaimStatus).toEqual({
		requestMappings: [{ containerName: "main", resourceName: EXTENDED, requestName: "container-0-request-0" }],
		resourceClaimName: expect.stringMatching(/^plain-extended-resources-\w{5}$/),
	});
	expect(await claims()).toMatch(/^plain-extended-resources-\w{5} +allocated,reserved +\S+\nshared +allocated,reserved +\S+\n$/);
	expect(metadata.name).toBe("plain");
});

it("pods leave a device that is sick, and its claim is free again", async () => {
	const taint = [{ op: "add", path: "/spec/devices/0/taints", value: [{ key: "example.com/sick", effect: "NoExecute" }] }];
	await kubectl.run("patch", "resourceslice", "slice", "--type=json", "-p", JSON.stringify(taint));
	await kubectl.run("wait", "--for=delete", "pod/first", "pod/second", "--timeout=60s");
	expect(await kubectl.run("get", "events", "--field-selector=reason=DeviceTaintManagerEviction")).toMatch(
		/Normal +DeviceTaintManagerEviction +pod\/first +Marking for deletion/,
	);
	await eventually("the claim to be free", async () => (/^shared +pending/m.test(await claims()) ? true : undefined));
	expect((await kubectl.json<Pod>("get", "pod", "plain")).metadata.deletionTimestamp).toBeUndefined();
});

it("administrators look at devices only from namespaces that allow it", async () => {
	const request = { name: "gpu", exactly: { deviceClassName: "gpu", adminAccess: true, allocationMode: "All" } };
	const claim = { apiVersion: API, kind: "ResourceClaim", metadata: { name: "watch" }, spec: { devices: { requests: [request] } } };
	await expect(kubectl.apply(claim)).rejects.toThrow(
		'The ResourceClaim "watch" is invalid: spec.devices.requests[0].adminAccess: Forbidden: admin access to devices requires the `resource.kubernetes.io/admin-access: true` label on the containing namespace',
	);
	await kubectl.run("label", "namespace", "default", "resource.kubernetes.io/admin-access=true");
	await kubectl.apply(claim);
	await kubectl.run("delete", "pods,resourceclaims", "--all");
});
