import { describe, expect, it } from "vitest";
import { node, pod } from "../../../test/controllers/clusters.ts";
import type { ClaimAllocation } from "../devices/device-ledger.ts";
import { poolsOf } from "../devices/device-pools.ts";
import type { Device, DeviceRequest, ResourceSlice, ResourceV1ResourceClaim as ResourceClaim } from "../schema/kubernetes.d.ts";
import { type Decisions, Scheduler } from "./scheduler.ts";

const DRIVER = "gpu.example.com";
const exactly: DeviceRequest = { name: "r", exactly: { deviceClassName: "gpu", allocationMode: "ExactCount", count: 1 } };

/** Two nodes, a and b, with these devices, and the claims `one` and `two`. */
class Cluster {
	readonly claims: ResourceClaim[];
	readonly scheduler: Scheduler;
	nowMs = 0;

	constructor(devices: Record<string, Device[]>, request = exactly) {
		this.claims = ["one", "two"].map((name) => ({
			apiVersion: "resource.k8s.io/v1",
			kind: "ResourceClaim",
			metadata: { name, namespace: "default", uid: `uid-${name}` },
			spec: { devices: { requests: [request] } },
		}));
		const slices = Object.entries(devices).map(
			([name, ofNode]): ResourceSlice => ({
				apiVersion: "resource.k8s.io/v1",
				kind: "ResourceSlice",
				metadata: { name },
				spec: { driver: DRIVER, nodeName: name, pool: { name, generation: 1, resourceSliceCount: 1 }, devices: ofNode },
			}),
		);
		const pools = poolsOf(slices);
		this.scheduler = new Scheduler(undefined, undefined, {
			claim: (_namespace, name) => this.claims.find(({ metadata }) => metadata.name === name),
			claims: () => this.claims,
			deviceClass: (name) => ({ apiVersion: "resource.k8s.io/v1", kind: "DeviceClass", metadata: { name }, spec: {} }),
			classOf: () => undefined,
			pools: () => pools,
		});
		for (const name of ["a", "b"]) this.scheduler.setNode(node(name), 0);
	}

	place(name: string, claim: string): Decisions {
		this.scheduler.ask({ pod: pod(name, { spec: { resourceClaims: [{ name: "gpu", resourceClaimName: claim }] } }) });
		return this.run();
	}

	run(): Decisions {
		return this.scheduler.run({ nowMs: this.nowMs, random: () => 0 }, 10);
	}

	/** The claim now says so, and the scheduler hears of it once the pod has paused. */
	write(name: string, status: ResourceClaim["status"]): Decisions {
		const claim = this.claims.find(({ metadata }) => metadata.name === name);
		if (claim) claim.status = status;
		this.nowMs += 60_000;
		this.scheduler.happened({ type: "objectChanged", resource: "resource.k8s.io/resourceclaims" }, this.nowMs);
		return this.run();
	}
}

const deviceOf = (claims: readonly ClaimAllocation[] | undefined) => claims?.map(({ allocation }) => allocation.devices?.results?.[0]?.device);

describe("devices", () => {
	it("prefers nodes that have what a request names first", () => {
		const cel = (model: string) => [{ cel: { expression: `device.attributes["${DRIVER}"].model == "${model}"` } }];
		const request: DeviceRequest = {
			name: "r",
			firstAvailable: ["big", "small"].map((name) => ({ name, deviceClassName: "gpu", allocationMode: "ExactCount", count: 1, selectors: cel(name) })),
		};
		const device = (model: string): Device => ({ name: model, attributes: { model: { string: model } } });
		expect(new Cluster({ a: [device("small")], b: [device("big")] }, request).place("p", "one").bindings).toMatchObject([{ node: "b" }]);
		expect(new Cluster({ a: [device("big")], b: [device("small")] }, request).place("p", "one").bindings).toMatchObject([{ node: "a" }]);
	});

	it("gives back devices where the pod cannot go, if nobody else uses them", () => {
		const cluster = new Cluster({ a: [{ name: "gpu-0" }], b: [] });
		const [claim] = cluster.claims;
		const lost = { nodeSelectorTerms: [{ matchFields: [{ key: "metadata.name", operator: "In", values: ["gone"] }] }] };
		if (claim) claim.status = { allocation: { devices: { results: [{ request: "r", driver: DRIVER, pool: "gone", device: "x" }] }, nodeSelector: lost } };
		const { unplaced, deviceReleases } = cluster.place("p", "one");
		expect(unplaced[0]?.message).toBe(
			"0/2 nodes are available: 2 resourceclaim not available on the node. deallocation of ResourceClaim completed, preemption: 0/2 nodes are available: 2 Preemption is not helpful for scheduling.",
		);
		expect(deviceReleases).toMatchObject([{ claims: ["one"] }]);
		expect(cluster.write("one", {}).bindings).toMatchObject([{ node: "a" }]);
	});
});

describe("devices that must be made ready", () => {
	const slow: Device = { name: "gpu-0", bindingConditions: ["ready"], bindingFailureConditions: ["broken"] };
	const begun = () => {
		const cluster = new Cluster({ a: [slow], b: [] });
		const { bindings, devicePreparations } = cluster.place("p", "one");
		const [preparation] = devicePreparations;
		const says = (type: string): ResourceClaim["status"] => {
			const allocation = preparation?.claims[0]?.allocation;
			const conditions = [{ type, status: "True", reason: "Tried", message: "of no use", lastTransitionTime: "2026-01-01T00:00:00Z" }] as never;
			const reservedFor = [{ resource: "pods", name: "p", uid: preparation?.pod.uid ?? "" }];
			return { allocation: allocation ?? {}, reservedFor, devices: [{ driver: DRIVER, pool: "a", device: "gpu-0", conditions }] };
		};
		return { cluster, bindings, preparation, says };
	};

	it("are the pod's before it is bound, and nobody else's", () => {
		const { cluster, bindings, preparation, says } = begun();
		expect(bindings).toEqual([]);
		expect([preparation?.node, deviceOf(preparation?.claims)]).toEqual(["a", ["gpu-0"]]);
		expect(cluster.place("q", "two").unplaced[0]?.message).toContain("2 cannot allocate all claims");
		expect(cluster.write("one", says("starting")).bindings).toEqual([]);
		expect(cluster.write("one", says("ready")).bindings).toMatchObject([{ node: "a", ref: { name: "p" } }]);
	});

	it("are given back when that fails or takes too long", () => {
		const { cluster, says } = begun();
		const failed = cluster.write("one", says("broken"));
		expect(failed.unplaced[0]?.message).toBe('0/1 nodes are available: 1 claim one binding failed: reason=Tried, message="of no use".');
		expect(failed.deviceReleases).toMatchObject([{ pod: { name: "p" }, claims: ["one"] }]);
		const late = begun();
		late.cluster.nowMs += 600_000;
		expect(late.cluster.write("one", late.says("starting")).unplaced[0]?.message).toBe("0/1 nodes are available: 1 device binding timeout.");
	});

	it("stay the pod's when the scheduler starts anew", () => {
		const { cluster, preparation } = begun();
		const stored = cluster.scheduler.queue.get(preparation?.pod.uid ?? "")?.stored();
		const next = new Cluster({ a: [slow], b: [] });
		if (stored) next.scheduler.restore(stored, 0);
		expect(next.place("q", "two").unplaced.map(({ pod: { name } }) => name)).toEqual(["q"]);
	});
});
