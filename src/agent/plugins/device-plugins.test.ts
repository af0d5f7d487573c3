import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { testPod } from "../../../test/support/agent-node.ts";
import { SamplePlugin, type SamplePluginOptions } from "../../../test/support/device-plugin.ts";
import { FakeClock } from "../../../test/support/fake-clock.ts";
import type { Container, Pod } from "../../core/schema/kubernetes.d.ts";
import { silentLogger } from "../log.ts";
import { GrpcClient } from "../runtime/containerd/grpc-client.ts";
import { DevicePlugins, ENDPOINT_STOP_GRACE_MS } from "./device-plugins.ts";
import { POD_RESOURCES } from "./pod-resources.ts";

const RESOURCE = "example.com/gadget";

let directory: string;
let clock: FakeClock;
let devices: DevicePlugins;
let plugins: SamplePlugin[];
/** Pods that should run. */
let pods: Pod[];
/** Pods whose devices changed. */
let touched: string[];

beforeEach(async () => {
	directory = mkdtempSync(join(tmpdir(), "petrel-devices-"));
	mkdirSync(join(directory, "device-plugins"));
	clock = new FakeClock();
	[plugins, pods, touched] = [[], [], []];
	await startDevices();
});
afterEach(async () => {
	await devices.stop();
	await Promise.all(plugins.map((plugin) => plugin.stop()));
	rmSync(directory, { recursive: true, force: true });
});

async function startDevices(): Promise<void> {
	devices = new DevicePlugins({
		directory: join(directory, "device-plugins"),
		podResourcesSocket: join(directory, "pod-resources", "kubelet.sock"),
		clock,
		log: silentLogger,
		active: () => pods,
		dynamicResources: () => [],
		onChange: (uids) => touched.push(...uids),
	});
	await devices.start();
}

async function plugin(devices: Record<string, boolean>, options: Partial<SamplePluginOptions> = {}): Promise<SamplePlugin> {
	const one = new SamplePlugin({ directory: join(directory, "device-plugins"), resource: RESOURCE, devices, ...options });
	plugins.push(one);
	await one.start();
	await has(Object.keys(devices).length, Object.values(devices).filter(Boolean).length);
	return one;
}

/** Resolves when the node has so many devices, and so many healthy ones. */
const has = (capacity: number, allocatable: number): Promise<void> =>
	vi.waitFor(() => expect(devices.resources).toEqual({ capacity: { [RESOURCE]: String(capacity) }, allocatable: { [RESOURCE]: String(allocatable) } }));

const asking = (name: string, count: number): Container => ({ name, image: "app:1", resources: { limits: { [RESOURCE]: String(count) } } });

function pod(name: string, count: number, spec: Partial<Pod["spec"]> = {}): Pod {
	const made = testPod({ containers: [asking("app", count)], ...spec }, { name });
	pods.push(made);
	return made;
}

const idsOf = (of: Pod, container = "app"): string[] => devices.allocatedTo(of.metadata.uid ?? "", container).flatMap(({ ids }) => ids);

describe("a node's devices", () => {
	it("are what their plugin lists, the healthy ones to be had; none once it is gone for long", async () => {
		const gadgets = await plugin({ a: true, b: true, c: false });
		gadgets.change({ a: true, b: false, c: false, d: true });
		await has(4, 2);
		await gadgets.stop();
		await has(4, 0);
		await clock.advance(ENDPOINT_STOP_GRACE_MS);
		await has(0, 0);
	});

	it("come from no plugin of another version or with a name that is none of an extended resource", async () => {
		const one = new SamplePlugin({ directory: join(directory, "device-plugins"), resource: RESOURCE, devices: {} });
		await expect(one.register({ version: "v1alpha1" })).rejects.toThrow(
			'requested API version "v1alpha1" is not supported by kubelet. Supported versions are ["v1beta1"]',
		);
		await expect(one.register({ resourceName: "gadget" })).rejects.toThrow('the ResourceName "gadget" is invalid');
		expect(devices.resources).toEqual({ capacity: {}, allocatable: {} });
	});

	it("may be offered by a socket of plugins_registry too", async () => {
		const one = new SamplePlugin({ directory, resource: RESOURCE, devices: { a: true } });
		plugins.push(one);
		const endpoint = join(directory, "gadgets.sock");
		await one.serve(endpoint);
		const found = { type: "DevicePlugin", name: RESOURCE, endpoint, versions: ["v1beta1"] };
		devices.validate(found);
		await devices.register(found);
		await has(1, 1);
		await devices.deregister(found);
		await has(1, 0);
	});
});

describe("a pod's devices", () => {
	it("are its own, with what the plugin gives for them", async () => {
		const grant = (ids: readonly string[]) => ({
			envs: { GADGETS: ids.join(",") },
			mounts: [{ containerPath: "/gadgets", hostPath: "/var/gadgets", readOnly: true }],
			devices: ids.map((id) => ({ containerPath: `/dev/${id}`, hostPath: "/dev/null", permissions: "rw" })),
			annotations: { "example.com/used": "yes" },
			cdiDevices: [{ name: "example.com/gadget=a" }],
		});
		await plugin({ a: true, b: true, c: true }, { grant });
		const [first, second] = [pod("first", 2), pod("second", 1)];
		await Promise.all([devices.allocate(first), devices.allocate(second)]);
		expect([idsOf(first), idsOf(second)]).toEqual([["a", "b"], ["c"]]);
		expect(await devices.prepare(second, asking("app", 1))).toEqual([
			{
				envs: { GADGETS: "c" },
				mounts: [{ containerPath: "/gadgets", hostPath: "/var/gadgets", readOnly: true }],
				devices: [{ containerPath: "/dev/c", hostPath: "/dev/null", permissions: "rw" }],
				annotations: { "example.com/used": "yes" },
				cdiDevices: ["example.com/gadget=a"],
			},
		]);
	});

	it("are refused in kubelet's words", async () => {
		const gadgets = await plugin({ a: true, b: false });
		await expect(devices.allocate(pod("greedy", 2))).rejects.toThrow(`requested number of devices unavailable for ${RESOURCE}. Requested: 2, Available: 1`);
		gadgets.refuses = "out of order";
		const refused = pod("refused", 1);
		await expect(devices.allocate(refused)).rejects.toThrow("rpc error: code = PermissionDenied desc = out of order");
		expect(idsOf(refused)).toEqual([]);
		gadgets.change({ a: false, b: false });
		await has(2, 0);
		await expect(devices.allocate(pod("late", 1))).rejects.toThrow(`no healthy devices present; cannot allocate unhealthy devices ${RESOURCE}`);
		await devices.allocate(pod("none", 0));
	});

	it("are those that the plugin prefers", async () => {
		const gadgets = await plugin({ a: true, b: true, c: true, d: true }, { prefers: (available, size) => available.toReversed().slice(0, size) });
		await devices.allocate(pod("picky", 2));
		expect(gadgets.allocated).toEqual([["d", "c"]]);
	});

	it("pass from an init container, which is over by then, to the others; those of a sidecar do not", async () => {
		const gadgets = await plugin({ a: true, b: true });
		const initContainers = [asking("setup", 1), { ...asking("sidecar", 1), restartPolicy: "Always" }];
		await devices.allocate(pod("reusing", 1, { initContainers }));
		await gadgets.stop();
		const [reusing] = pods as [Pod];
		expect([idsOf(reusing, "setup"), idsOf(reusing, "sidecar"), idsOf(reusing)]).toEqual([["a"], ["a"], ["b"]]);
	});

	it("stay its own when the agent is restarted, and are free again when it is over", async () => {
		const gadgets = await plugin({ a: true, b: true });
		const [kept, over] = [pod("kept", 1), pod("over", 1)];
		await devices.allocate(kept);
		await devices.allocate(over);
		await devices.stop();
		await gadgets.stop();
		await startDevices();
		expect(devices.resources).toEqual({ capacity: { [RESOURCE]: "0" }, allocatable: { [RESOURCE]: "0" } });
		await gadgets.start();
		await has(2, 2);
		expect((await devices.prepare(kept, asking("app", 1))).map(({ envs }) => envs)).toEqual([{ DEVICES: "a" }]);
		await expect(devices.allocate(pod("early", 1))).rejects.toThrow("Requested: 1, Available: 0");
		pods = pods.filter((one) => one !== over);
		const next = pod("next", 1);
		await devices.allocate(next);
		expect(idsOf(next)).toEqual(["b"]);
		devices.forget(next.metadata.uid ?? "");
		expect(idsOf(next)).toEqual([]);
	});

	it("are made ready by their plugin before each start", async () => {
		let broken = false;
		const started: (readonly string[])[] = [];
		const beforeStart = (ids: readonly string[]) => {
			if (broken) throw new Error("cannot be reset");
			started.push(ids);
		};
		await plugin({ a: true }, { beforeStart });
		const one = pod("one", 1);
		const container = asking("app", 1);
		await devices.allocate(one);
		await devices.prepare(one, container);
		expect(started).toEqual([["a"]]);
		broken = true;
		await expect(devices.prepare(one, container)).rejects.toThrow(
			"device plugin PreStartContainer rpc failed with err: rpc error: code = Unknown desc = cannot be reset",
		);
	});

	it("show their health in the container's status", async () => {
		const gadgets = await plugin({ a: true, b: true });
		const one = pod("one", 2);
		const uid = one.metadata.uid ?? "";
		await devices.allocate(one);
		const health = (...of: string[]) => [{ name: RESOURCE, resources: of.map((text, i) => ({ resourceID: "ab"[i], health: text })) }];
		expect(devices.statusOf(uid, "app")).toEqual(health("Healthy", "Healthy"));
		gadgets.change({ a: true, b: false });
		await has(2, 1);
		expect(devices.statusOf(uid, "app")).toEqual(health("Healthy", "Unhealthy"));
		expect(touched).toContain(uid);
		gadgets.change({ b: true });
		await has(1, 1);
		expect(devices.statusOf(uid, "app")).toEqual(health("Unknown", "Healthy"));
	});

	it("are told to who asks for podresources", async () => {
		await plugin({ a: true, b: true });
		const one = pod("one", 1);
		await devices.allocate(one);
		const client = new GrpcClient(join(directory, "pod-resources", "kubelet.sock"));
		const topology = { nodes: [{ ID: 0 }] };
		const ofOne = { name: "one", namespace: "default", containers: [{ name: "app", devices: [{ resourceName: RESOURCE, deviceIds: ["a"], topology }] }] };
		try {
			expect(await client.call(POD_RESOURCES.list, {}, 5_000)).toEqual({ podResources: [ofOne] });
			expect(await client.call(POD_RESOURCES.get, { podName: "one", podNamespace: "default" }, 5_000)).toEqual({ podResources: ofOne });
			expect(await client.call(POD_RESOURCES.getAllocatableResources, {}, 5_000)).toEqual({
				devices: [{ resourceName: RESOURCE, deviceIds: ["a", "b"], topology }],
			});
			await expect(client.call(POD_RESOURCES.get, { podName: "two", podNamespace: "default" }, 5_000)).rejects.toThrow(
				"pod two in namespace default not found",
			);
		} finally {
			client.close();
		}
	});
});
