/**
 * Devices under faults: pods with claims of templates, a shared claim and extended resources, fewer devices than pods at times, and slices
 * that come and go.
 * No device is ever two claims'; in the end no claim is left over, and a pod waits only when every device is taken.
 */
import { expect } from "vitest";
import { isFinished } from "../../src/core/controllers/pod-state.ts";
import { resourceClaimsOf } from "../../src/core/controllers/pod-references.ts";
import { RESOURCE_CLAIMS } from "../../src/core/devices/pod-claims.ts";
import type { Pod, ResourceV1ResourceClaim as ResourceClaim } from "../../src/core/schema/kubernetes.d.ts";
import { Agent } from "./agent.ts";
import { notRefused, stormTest } from "./storm.ts";
import { NO_FAULTS, World } from "./world.ts";

const FAULTS = { loss: 0.05, lostAnswer: 0.05, delayMs: 200, crash: 0.02 };
const GROUP = "resource.k8s.io";
const API = `${GROUP}/v1`;
const NAMESPACES = ["default", "kube-public"];
const NODES = ["n1", "n2"];
const DEVICES_PER_NODE = 2;
/** What a driver says of devices that it must make ready. */
const READY = "example.com/ready";
const BROKEN = "example.com/broken";
/** What pods can ask for instead of claims. */
const EXTENDED = "example.com/gpu";
const STEPS = 30;
const STEP_MS = 2_000;
const CALM_MS = 400_000;
const CALM_ROUNDS = 10;

const devices = { requests: [{ name: "gpu", exactly: { deviceClassName: "gpu" } }] };

class Storm {
	readonly world: World;
	readonly agents: Agent[];
	#serial = 0;

	constructor(seed: number) {
		this.world = new World(seed);
		this.agents = NODES.map((name) => new Agent(this.world, name));
		for (const agent of this.agents) agent.lifeMs = () => (this.world.random.chance(0.5) ? 5_000 : undefined);
		this.world.onNodeCrash = (name) => this.agents.find((agent) => agent.name === name)?.pollAgain();
	}

	async run(): Promise<void> {
		for (const agent of this.agents) await agent.start();
		const selectors = [{ cel: { expression: 'device.attributes["gpu.example.com"].healthy' } }];
		await this.create("deviceclasses", "", { kind: "DeviceClass", metadata: { name: "gpu" }, spec: { selectors, extendedResourceName: EXTENDED } });
		for (const namespace of NAMESPACES) {
			await this.create("resourceclaimtemplates", namespace, { kind: "ResourceClaimTemplate", metadata: { name: "gpu" }, spec: { spec: { devices } } });
			await this.create("resourceclaims", namespace, { kind: "ResourceClaim", metadata: { name: "shared" }, spec: { devices } });
		}
		await this.publish("n1");
		await this.world.run(5_000);
		this.world.faults = FAULTS;
		for (let step = 0; step < STEPS; step++) {
			await this.act();
			await this.world.run(STEP_MS);
			this.checkNever();
		}
		this.world.faults = NO_FAULTS;
		for (const agent of this.agents) agent.heal();
		for (const node of NODES) {
			await this.remove(GROUP, "resourceslices", { metadata: { name: node } });
			await this.publish(node);
		}
		for (let round = 0; round < CALM_ROUNDS; round++) {
			for (const claim of this.claims()) await this.prepare(claim, READY);
			await this.world.run(CALM_MS / CALM_ROUNDS);
		}
		this.checkNever();
	}

	async act(): Promise<void> {
		const { random } = this.world;
		const deeds = [
			() => this.createPod({ resourceClaimTemplateName: "gpu" }),
			() => this.createPod({ resourceClaimTemplateName: "gpu" }),
			() => this.createPod({ resourceClaimName: "shared" }),
			() => this.createPod(),
			() => this.remove("", "pods", random.pick(this.pods())),
			() => this.remove(GROUP, "resourceclaims", random.pick(this.claims())),
			() => this.publish(random.pick(NODES) as string),
			() => this.remove(GROUP, "resourceslices", { metadata: { name: random.pick(NODES) as string } }),
			() => this.taint(),
			() => this.prepare(random.pick(this.claims()), random.chance(0.7) ? READY : BROKEN),
			() => (random.pick(this.agents) as Agent).restart(),
			() => this.world.crashOne(),
			() => this.world.crash({ object: "cluster" }),
		];
		await random.pick(deeds)?.();
	}

	async create(resource: string, namespace: string, object: object): Promise<void> {
		await this.world.api({ verb: "create", group: GROUP, resource, namespace }, { apiVersion: API, ...object }).catch(notRefused);
	}

	/** Pods on the first device of a node must leave it, until its slice is published anew. */
	async taint(): Promise<void> {
		const name = this.world.random.pick(NODES) as string;
		const effect = this.world.random.chance(0.5) ? "NoExecute" : "NoSchedule";
		const patch = [{ op: "add", path: "/spec/devices/0/taints", value: [{ key: "example.com/sick", effect }] }];
		await this.world.api({ verb: "patch", patchType: "json", group: GROUP, resource: "resourceslices", namespace: "", name }, patch).catch(notRefused);
	}

	/** The driver's: makes ready what a claim got, or fails to. */
	async prepare(claim: ResourceClaim | undefined, type: string): Promise<void> {
		const results = (claim?.status?.allocation?.devices?.results ?? []).filter(({ bindingConditions }) => bindingConditions);
		const { namespace = "", name = "" } = claim?.metadata ?? {};
		const conditions = [{ type, status: "True", reason: "Tried", message: "", lastTransitionTime: "2026-01-01T00:00:00Z" }];
		const status = { devices: results.map(({ driver, pool, device }) => ({ driver, pool, device, conditions })) };
		const target = { group: GROUP, resource: "resourceclaims", subresource: "status", namespace, name };
		if (results.length > 0) await this.world.api({ verb: "patch", patchType: "merge", ...target }, { status }).catch(notRefused);
	}

	publish(nodeName: string): Promise<void> {
		const slow = { bindingConditions: [READY], bindingFailureConditions: [BROKEN], bindsToNode: true };
		const named = Array.from({ length: DEVICES_PER_NODE }, (_, index) => ({
			name: `gpu-${index}`,
			attributes: { healthy: { bool: true } },
			...(index === 1 ? slow : {}),
		}));
		const pool = { name: nodeName, generation: 1, resourceSliceCount: 1 };
		const spec = { driver: "gpu.example.com", pool, nodeName, devices: [...named, { name: "broken", attributes: { healthy: { bool: false } } }] };
		return this.create("resourceslices", "", { kind: "ResourceSlice", metadata: { name: nodeName }, spec });
	}

	/** Without a claim the pod asks for the extended resource. */
	async createPod(claim?: Record<string, string>): Promise<void> {
		const namespace = this.world.random.pick(NAMESPACES) as string;
		const resources = claim ? { claims: [{ name: "gpu" }] } : { limits: { [EXTENDED]: "1" } };
		const spec = {
			restartPolicy: "Never",
			terminationGracePeriodSeconds: 5,
			...(claim ? { resourceClaims: [{ name: "gpu", ...claim }] } : {}),
			containers: [{ name: "c", image: "i", resources }],
		};
		const pod = { apiVersion: "v1", kind: "Pod", metadata: { name: `pod-${++this.#serial}` }, spec };
		await this.world.api({ verb: "create", resource: "pods", namespace }, pod).catch(notRefused);
	}

	async remove(group: string, resource: string, object: Pick<Pod, "metadata"> | undefined): Promise<void> {
		const { namespace = "", name = "" } = object?.metadata ?? {};
		if (name !== "") await this.world.api({ verb: "delete", group, resource, namespace, name }).catch(notRefused);
	}

	#list<T>(resource: string): T[] {
		return NAMESPACES.flatMap((name) => this.world.namespace(name).core.server.store.list(resource)) as T[];
	}

	pods(): Pod[] {
		return this.#list<Pod>("pods").filter((pod) => !isFinished(pod));
	}

	claims(): ResourceClaim[] {
		return this.#list<ResourceClaim>(RESOURCE_CLAIMS);
	}

	claimOf(pod: Pod): ResourceClaim | undefined {
		return this.claims().find(({ metadata }) => metadata.namespace === pod.metadata.namespace && resourceClaimsOf(pod).includes(metadata.name ?? ""));
	}

	taken(): string[] {
		return this.claims().flatMap(({ status }) => (status?.allocation?.devices?.results ?? []).map(({ pool, device }) => `${pool}/${device}`));
	}

	checkNever(): void {
		expect(this.taken().sort(), "devices of claims, each once").toEqual([...new Set(this.taken())].sort());
		expect(this.taken().filter((id) => id.endsWith("broken"))).toEqual([]);
		for (const pod of this.pods().filter(({ spec }) => spec?.nodeName)) {
			const { status } = this.claimOf(pod) ?? {};
			expect(
				status?.reservedFor?.map(({ uid }) => uid),
				`who the claim of ${pod.metadata.name} is for`,
			).toContain(pod.metadata.uid);
			const unready = (status?.allocation?.devices?.results ?? []).filter(
				({ device, bindingConditions }) =>
					bindingConditions && !status?.devices?.some((one) => one.device === device && one.conditions?.some(({ type }) => type === READY)),
			);
			expect(unready, `what ${pod.metadata.name} must still wait for`).toEqual([]);
			expect(status?.allocation?.devices?.results?.[0]?.pool, `where the device of ${pod.metadata.name} is`).toBe(pod.spec?.nodeName);
		}
	}

	checkConverged(): void {
		const users = new Set(this.pods().map(({ metadata }) => metadata.uid));
		for (const claim of this.claims()) {
			const reserved = claim.status?.reservedFor ?? [];
			expect(
				reserved.filter(({ uid }) => !users.has(uid)),
				`${claim.metadata.name} is kept for who is gone`,
			).toEqual([]);
			expect(claim.status?.allocation !== undefined, `${claim.metadata.name} has devices as it has users`).toBe(reserved.length > 0);
			const [owner] = claim.metadata.ownerReferences ?? [];
			if (owner) expect(users.has(owner.uid), `the pod of ${claim.metadata.name}`).toBe(true);
		}
		for (const pod of this.pods().filter(({ spec }) => !spec?.nodeName)) {
			const message = pod.status?.conditions?.find(({ type }) => type === "PodScheduled")?.message ?? "";
			const claim = this.claimOf(pod);
			if (!pod.spec?.resourceClaims) expect(this.taken(), `${pod.metadata.name} waits: ${message}`).toHaveLength(DEVICES_PER_NODE * NODES.length);
			else if (claim === undefined) expect(message).toContain('resourceclaim.resource.k8s.io "shared" not found');
			// It stays for those who use it and takes nobody else.
			else if (claim.metadata.deletionTimestamp) expect(message).toContain('resourceclaim "shared" is being deleted');
			else expect(this.taken(), `${pod.metadata.name} waits: ${message}`).toHaveLength(DEVICES_PER_NODE * NODES.length);
		}
	}
}

stormTest("devices", "a device is one claim's", async (seed) => {
	const storm = new Storm(seed);
	await storm.run();
	storm.checkConverged();
});
