/** Devices of ResourceClaims on a node: drivers prepare a claim for its first pod and unprepare it after its last, and containers get what they name of it. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { testPod } from "../../../test/support/agent-node.ts";
import { SampleDraDriver } from "../../../test/support/dra-driver.ts";
import { FakeClock } from "../../../test/support/fake-clock.ts";
import type { Pod, ResourceV1ResourceClaim as ResourceClaim } from "../../core/schema/kubernetes.d.ts";
import { type ApiAnswer, ControlPlaneError } from "../control-plane-client.ts";
import { silentLogger } from "../log.ts";
import { DraDrivers, WIPE_AFTER_MS } from "./dra-drivers.ts";
import { DynamicResources } from "./dynamic-resources.ts";

const DRIVER = "gpu.example.com";

let root: string;
let clock: FakeClock;
let drivers: DraDrivers;
let resources: DynamicResources;
let driver: SampleDraDriver;
let claims: Map<string, ResourceClaim>;
let requests: string[];
let away: boolean;

const api = {
	async request(method: string, path: string): Promise<ApiAnswer> {
		if (away) throw new ControlPlaneError("unreachable", "connection refused");
		requests.push(`${method} ${decodeURIComponent(path)}`);
		if (path.includes("/resourceslices")) return { code: 200, body: { items: [{ spec: { driver: DRIVER } }, { spec: { driver: "gone.example.com" } }] } };
		const claim = claims.get(path.split("/").at(-1) ?? "");
		return claim ? { code: 200, body: claim } : { code: 404, body: { message: "not found" } };
	},
};

function start(): void {
	drivers = new DraDrivers({ api, nodeName: "node-1", clock, log: silentLogger });
	resources = new DynamicResources({ drivers, api, path: join(root, "dra_manager_state") });
}

const register = () => drivers.register({ type: "DRAPlugin", name: DRIVER, endpoint: driver.socket, versions: ["v1.DRAPlugin"] });

beforeEach(async () => {
	root = mkdtempSync(join(tmpdir(), "petrel-dra-"));
	clock = new FakeClock();
	[claims, requests, away] = [new Map(), [], false];
	driver = new SampleDraDriver({
		name: DRIVER,
		root,
		devices: (claim) => [
			{ requestNames: ["big"], poolName: "pool", deviceName: `${claim}-0` },
			{ requestNames: ["small/first"], poolName: "pool", deviceName: `${claim}-1` },
		],
	});
	await driver.start();
	start();
});
afterEach(async () => {
	drivers.close();
	await driver.stop();
	rmSync(root, { recursive: true, force: true });
});

function claim(name: string, ...pods: string[]): void {
	claims.set(name, {
		apiVersion: "resource.k8s.io/v1",
		kind: "ResourceClaim",
		metadata: { name, namespace: "default", uid: `uid-of-${name}` },
		spec: {},
		status: {
			allocation: { devices: { results: [{ driver: DRIVER, request: "big", pool: "pool", device: `${name}-0` }] } },
			reservedFor: pods.map((pod) => ({ resource: "pods", name: pod, uid: `uid-${pod}` })),
		},
	});
}

const podWith = (name: string, claimName: string, request?: string): Pod =>
	testPod(
		{
			resourceClaims: [{ name: "card", resourceClaimName: claimName }],
			containers: [{ name: "app", image: "app:1", resources: { claims: [{ name: "card", ...(request ? { request } : {}) }] } }],
		},
		{ name },
	);
const given = (pod: Pod): string[] => resources.cdiDevices(pod, pod.spec?.containers?.[0] ?? { name: "" });

it("prepares a claim once for two pods, and unprepares it after the second", async () => {
	await register();
	claim("shared", "a", "b");
	const [a, b] = [podWith("a", "shared"), podWith("b", "shared")];
	await resources.prepare(a);
	await resources.prepare(b);
	expect(driver.calls).toEqual(["prepare shared"]);
	expect(given(b)).toEqual([`${DRIVER}/device=shared-0`, `${DRIVER}/device=shared-1`]);
	await resources.unprepare(a);
	expect(driver.calls).toEqual(["prepare shared"]);
	await resources.unprepare(b);
	expect(driver.calls).toEqual(["prepare shared", "unprepare shared"]);
	expect(given(b)).toEqual([]);
});

it("gives a container the devices of the request that it names, those of its subrequests among them", async () => {
	await register();
	claim("mine", "a");
	await resources.prepare(podWith("a", "mine"));
	expect(given(podWith("a", "mine", "big"))).toEqual([`${DRIVER}/device=mine-0`]);
	expect(given(podWith("a", "mine", "small"))).toEqual([`${DRIVER}/device=mine-1`]);
	expect(resources.allocatedTo(podWith("a", "mine"), podWith("a", "mine", "big").spec?.containers?.[0] ?? { name: "" })).toEqual([
		{
			claimName: "mine",
			claimNamespace: "default",
			claimResources: [{ cdiDevices: [{ name: `${DRIVER}/device=mine-0` }], driverName: DRIVER, poolName: "pool", deviceName: "mine-0" }],
		},
	]);
});

it("gives a container the devices that stand for its extended resources", async () => {
	await register();
	claim("made", "a");
	const owner = { apiVersion: "v1", kind: "Pod", name: "a", uid: "uid-a", controller: true };
	Object.assign(claims.get("made")?.metadata ?? {}, { ownerReferences: [owner] });
	const pod = testPod({ containers: ["app", "other"].map((name) => ({ name, image: "app:1" })) }, { name: "a" });
	pod.status = {
		extendedResourceClaimStatus: {
			resourceClaimName: "made",
			requestMappings: [{ containerName: "app", resourceName: "example.com/gpu", requestName: "big" }],
		},
	};
	await resources.prepare(pod);
	expect((pod.spec?.containers ?? []).map((container) => resources.cdiDevices(pod, container))).toEqual([[`${DRIVER}/device=made-0`], []]);
	await resources.unprepare(pod);
	expect(driver.calls).toEqual(["prepare made", "unprepare made"]);
});

it("says why a pod's claim cannot be used", async () => {
	const pod = podWith("a", "mine");
	await expect(resources.prepare(pod)).rejects.toThrow("failed to fetch ResourceClaim mine referenced by pod a: not found");
	claim("mine", "b");
	await expect(resources.prepare(pod)).rejects.toThrow("pod a(uid-a) is not allowed to use resource claim mine(uid-of-mine)");
	claim("mine", "a");
	await expect(resources.prepare(pod)).rejects.toThrow(`DRA driver ${DRIVER} is not registered`);
	await register();
	driver.refuses = "no power";
	await expect(resources.prepare(pod)).rejects.toThrow("NodePrepareResources failed for ResourceClaim mine: no power");
	driver.refuses = undefined;
	await resources.prepare(pod);
	expect(given(pod)).toHaveLength(2);
});

it("knows after a restart what containers have; without the control plane the claim is prepared again for a new sandbox", async () => {
	await register();
	claim("mine", "a");
	const pod = podWith("a", "mine");
	await resources.prepare(pod);
	drivers.close();
	start();
	await resources.load();
	expect(given(pod)).toHaveLength(2);
	away = true;
	await register();
	await resources.prepare(pod);
	expect(driver.calls).toEqual(["prepare mine", "prepare mine"]);
	await expect(resources.prepare(podWith("b", "mine"))).rejects.toThrow("connection refused");
	await resources.unprepare(pod);
	expect(driver.calls.at(-1)).toBe("unprepare mine");
});

it("refuses drivers that speak no version it knows", () => {
	const plugin = { type: "DRAPlugin", name: DRIVER, endpoint: driver.socket };
	expect(() => drivers.validate({ ...plugin, versions: [] })).toThrow("empty list");
	expect(() => drivers.validate({ ...plugin, versions: ["v9.DRAPlugin"] })).toThrow("[v9.DRAPlugin], supported: [v1.DRAPlugin v1beta1.DRAPlugin]");
	expect(() => drivers.validate({ ...plugin, versions: ["v1beta1.DRAPlugin", "v9"] })).not.toThrow();
});

it("takes back the slices of drivers that do not come back", async () => {
	const deletions = () => requests.filter((one) => one.startsWith("DELETE"));
	drivers.start();
	await register();
	await clock.advance(WIPE_AFTER_MS);
	const slices = "DELETE /apis/resource.k8s.io/v1/resourceslices?fieldSelector=spec.nodeName=node-1,spec.driver=";
	expect(deletions()).toEqual([`${slices}gone.example.com`]);
	await drivers.deregister({ type: "DRAPlugin", name: DRIVER, endpoint: driver.socket, versions: [] });
	await clock.advance(WIPE_AFTER_MS / 2);
	await register();
	await clock.advance(WIPE_AFTER_MS);
	expect(deletions()).toHaveLength(1);
	await drivers.deregister({ type: "DRAPlugin", name: DRIVER, endpoint: driver.socket, versions: [] });
	await clock.advance(WIPE_AFTER_MS);
	expect(deletions().at(-1)).toBe(`${slices}${DRIVER}`);
});
