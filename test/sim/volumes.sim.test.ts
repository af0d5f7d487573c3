/**
 * Volumes under faults: claims of the built-in class, claims of volumes that an administrator makes, StatefulSets, pods and the
 * deletion of any of them. No volume is ever two claims', no pod runs where its volume is not, no directory goes while its
 * claim is there; in the end every claim that can has its volume, and nothing is left of the others'.
 */
import { describe, expect, it } from "vitest";
import { CLAIMS } from "../../src/core/controllers/cluster-replica-controller.ts";
import { isFinished } from "../../src/core/controllers/pod-state.ts";
import { StatusError } from "../../src/core/errors/status-error.ts";
import { claimNames } from "../../src/core/scheduler/volume-objects.ts";
import type { Node, PersistentVolume, PersistentVolumeClaim, Pod } from "../../src/core/schema/kubernetes.d.ts";
import { isLocalPathVolume } from "../../src/core/volumes/local-path.ts";
import { Agent } from "./agent.ts";
import { seedsOf } from "./seeds.ts";
import { NO_FAULTS, World } from "./world.ts";

const FAULTS = { loss: 0.05, lostAnswer: 0.05, delayMs: 200, crash: 0.02 };
const NAMESPACES = ["default", "kube-public"];
const STEPS = 40;
const STEP_MS = 2_000;
const CALM_MS = 400_000;

class Storm {
	readonly world: World;
	readonly agents: Agent[];
	#serial = 0;

	constructor(seed: number) {
		this.world = new World(seed);
		this.agents = ["n1", "n2"].map((name) => new Agent(this.world, name));
		for (const agent of this.agents) agent.onVolumeDeleted = (name) => this.checkDeletion(name);
		this.world.onNodeCrash = (name) => this.agents.find((agent) => agent.name === name)?.pollAgain();
	}

	async run(): Promise<void> {
		for (const agent of this.agents) await agent.start();
		await this.world.run(5_000);
		this.world.faults = FAULTS;
		for (let step = 0; step < STEPS; step++) {
			await this.act();
			await this.world.run(STEP_MS);
			this.checkNever();
		}
		this.world.faults = NO_FAULTS;
		for (const agent of this.agents) agent.heal();
		await this.world.run(CALM_MS);
		this.checkNever();
	}

	async act(): Promise<void> {
		const { random } = this.world;
		const deeds = [
			() => this.createClaim({ storageClassName: "local-path" }),
			() => this.createClaim({}),
			() => this.createClaim({ storageClassName: "manual" }),
			() => this.createClaim({ storageClassName: "manual", volumeName: random.pick(this.volumes())?.metadata.name ?? "none" }),
			() => this.createVolume(),
			() => this.createVolume(),
			() => this.createPod(),
			() => this.createPod(),
			() => this.createSet(),
			() => this.remove("pods", this.pods()),
			() => this.remove(CLAIMS, this.claims()),
			() => this.remove("persistentvolumes", this.volumes()),
			() => (random.pick(this.agents) as Agent).restart(),
			() => this.world.crashOne(),
			() => this.world.crash({ object: "cluster" }),
		];
		await random.pick(deeds)?.();
	}

	async create(resource: string, group: string, namespace: string, object: unknown): Promise<void> {
		await this.world.api({ verb: "create", resource, group, namespace }, object).catch(notRefused);
	}

	async createClaim(spec: Record<string, unknown>): Promise<void> {
		const { random } = this.world;
		const size = `${random.between(1, 3)}Gi`;
		await this.create(CLAIMS, "", random.pick(NAMESPACES) as string, {
			apiVersion: "v1",
			kind: "PersistentVolumeClaim",
			metadata: { name: `claim-${random.between(1, 8)}` },
			spec: { accessModes: ["ReadWriteOnce"], resources: { requests: { storage: size } }, ...spec },
		});
	}

	async createVolume(): Promise<void> {
		const { random } = this.world;
		await this.create("persistentvolumes", "", "", {
			apiVersion: "v1",
			kind: "PersistentVolume",
			metadata: { name: `manual-${++this.#serial}` },
			spec: {
				storageClassName: "manual",
				capacity: { storage: `${random.between(1, 4)}Gi` },
				accessModes: ["ReadWriteOnce"],
				persistentVolumeReclaimPolicy: "Retain",
				hostPath: { path: "/data" },
				...(random.chance(0.3) ? { claimRef: { namespace: random.pick(NAMESPACES), name: `claim-${random.between(1, 8)}` } } : {}),
			},
		});
	}

	async createPod(): Promise<void> {
		const { random } = this.world;
		const claim = random.pick(this.claims());
		if (claim === undefined) return;
		const own = { name: "own", ephemeral: { volumeClaimTemplate: { spec: { accessModes: ["ReadWriteOnce"], resources: { requests: { storage: "1Gi" } } } } } };
		await this.create("pods", "", claim.metadata.namespace ?? "", {
			apiVersion: "v1",
			kind: "Pod",
			metadata: { name: `pod-${++this.#serial}` },
			spec: {
				terminationGracePeriodSeconds: 5,
				containers: [{ name: "c", image: "i" }],
				volumes: [{ name: "data", persistentVolumeClaim: { claimName: claim.metadata.name } }, ...(random.chance(0.3) ? [own] : [])],
			},
		});
	}

	async createSet(): Promise<void> {
		const { random } = this.world;
		await this.create("statefulsets", "apps", random.pick(NAMESPACES) as string, {
			apiVersion: "apps/v1",
			kind: "StatefulSet",
			metadata: { name: `set-${++this.#serial}` },
			spec: {
				replicas: random.between(1, 3),
				selector: { matchLabels: { a: "b" } },
				template: { metadata: { labels: { a: "b" } }, spec: { terminationGracePeriodSeconds: 5, containers: [{ name: "c", image: "i" }] } },
				volumeClaimTemplates: [{ metadata: { name: "data" }, spec: { accessModes: ["ReadWriteOnce"], resources: { requests: { storage: "1Gi" } } } }],
			},
		});
	}

	async remove(resource: string, objects: (Pod | PersistentVolume | PersistentVolumeClaim)[]): Promise<void> {
		const { namespace = "", name = "" } = this.world.random.pick(objects)?.metadata ?? {};
		if (name !== "") await this.world.api({ verb: "delete", resource, namespace, name }).catch(notRefused);
	}

	volumes(): PersistentVolume[] {
		return this.world.cluster().core.server.store.list<PersistentVolume>("persistentvolumes");
	}

	claims(): PersistentVolumeClaim[] {
		return NAMESPACES.flatMap((name) => this.world.namespace(name).core.server.store.list<PersistentVolumeClaim>(CLAIMS));
	}

	pods(): Pod[] {
		return NAMESPACES.flatMap((name) => this.world.namespace(name).core.server.store.list<Pod>("pods")).filter((pod) => !isFinished(pod));
	}

	/** The directory of a claim's volume is the claim's as long as there is the claim. */
	checkDeletion(volume: string): void {
		const claim = this.claims().find(({ metadata }) => `pvc-${metadata.uid}` === volume);
		expect(claim?.metadata.name, `the claim of the deleted volume ${volume}`).toBeUndefined();
	}

	checkNever(): void {
		const bound = this.claims().filter(({ status }) => status?.phase === "Bound");
		for (const [volume, claims] of Map.groupBy(bound, ({ spec }) => spec?.volumeName))
			expect(
				claims.map(({ metadata }) => metadata.uid),
				`claims that are bound to ${volume}`,
			).toHaveLength(1);
		const kept = this.volumes().filter(({ status }) => status?.phase === "Bound");
		for (const [uid, volumes] of Map.groupBy(kept, ({ spec }) => spec?.claimRef?.uid))
			expect(
				volumes.map(({ metadata }) => metadata.name),
				`volumes that are bound to the claim ${uid}`,
			).toHaveLength(1);
		for (const pod of this.pods().filter(({ spec }) => spec?.nodeName)) this.checkPlace(pod);
	}

	checkPlace(pod: Pod): void {
		for (const { name } of claimNames(pod)) {
			const claim = this.world.namespace(pod.metadata.namespace ?? "").core.server.store.get<PersistentVolumeClaim>(CLAIMS, name);
			const volume = this.volumes().find(({ metadata }) => metadata.name === claim?.spec?.volumeName);
			const [term] = volume?.spec?.nodeAffinity?.required?.nodeSelectorTerms ?? [];
			if (term) expect(term.matchExpressions?.[0]?.values, `where the volume of ${pod.metadata.name} is`).toEqual([pod.spec?.nodeName]);
		}
	}

	checkConverged(): void {
		for (const node of this.world.cluster().core.server.store.list<Node>("nodes")) expect(node.spec?.taints ?? [], node.metadata.name).toEqual([]);
		const known = this.world.cluster().core.runner.view.list<PersistentVolumeClaim>(CLAIMS);
		expect(known.map(({ metadata }) => metadata.uid).sort()).toEqual(
			this.claims()
				.map(({ metadata }) => metadata.uid)
				.sort(),
		);
		for (const claim of this.claims()) this.checkClaim(claim);
		for (const volume of this.volumes()) this.checkVolume(volume);
		for (const pod of this.pods()) if (!pod.spec?.nodeName) this.checkWaiting(pod);
	}

	checkClaim({ metadata, spec, status }: PersistentVolumeClaim): void {
		const volume = this.volumes().find(({ metadata: { name } }) => name === spec?.volumeName);
		if (status?.phase === "Bound") expect(volume?.spec?.claimRef?.uid, `the claim of ${spec?.volumeName}`).toBe(metadata.uid);
		if (status?.phase === "Lost") expect(volume?.spec?.claimRef?.uid).not.toBe(metadata.uid);
		if (status?.phase !== "Pending" || spec?.storageClassName !== "manual" || spec.volumeName) return;
		const free = this.volumes().filter((one) => one.status?.phase === "Available" && !one.spec?.claimRef && !one.metadata.deletionTimestamp);
		const wanted = Number.parseInt(spec.resources?.requests?.storage ?? "0", 10);
		const fits = free.filter((one) => one.spec?.storageClassName === "manual" && Number.parseInt(one.spec.capacity?.storage ?? "0", 10) >= wanted);
		expect(
			fits.map((one) => one.metadata.name),
			`volumes for ${metadata.name}, which waits`,
		).toEqual([]);
	}

	checkVolume(volume: PersistentVolume): void {
		const claim = this.claims().find(({ metadata }) => metadata.uid === volume.spec?.claimRef?.uid);
		const phase = volume.status?.phase;
		expect(phase, volume.metadata.name).not.toBe("Failed");
		if (phase === "Bound") expect(claim?.spec?.volumeName, `the volume of ${claim?.metadata.name}`).toBe(volume.metadata.name);
		if (volume.spec?.claimRef?.uid && claim === undefined) expect(phase, volume.metadata.name).toBe("Released");
		if (isLocalPathVolume(volume)) expect(phase, `${volume.metadata.name} of the built-in class`).toBe("Bound");
	}

	/** A pod waits only for a claim that cannot have a volume, or whose volume is on another node than its other one. */
	checkWaiting(pod: Pod): void {
		const names = claimNames(pod).map(({ name }) => name);
		const own = this.claims().filter(({ metadata }) => metadata.namespace === pod.metadata.namespace && names.includes(metadata.name ?? ""));
		const cannot = own.filter(
			({ metadata, spec, status }) =>
				metadata.deletionTimestamp || status?.phase === "Lost" || (status?.phase === "Pending" && spec?.storageClassName === "manual"),
		);
		const reason = JSON.stringify(pod.status?.conditions);
		if (own.length === names.length) expect(cannot.length, `claims of ${pod.metadata.name} without a volume, which waits: ${reason}`).toBeGreaterThan(0);
	}
}

function notRefused(error: unknown): void {
	if (!(error instanceof StatusError) || error.code >= 500) throw error;
}

describe("volumes under faults", () => {
	it.each(seedsOf("volumes"))("seed %d: a volume is one claim's", async (seed) => {
		const storm = new Storm(seed);
		await storm.run();
		storm.checkConverged();
	});
});
