/**
 * Owners under faults, through all three ways of deletion: nothing stays whose owners are all gone, nothing goes that has one left.
 * And cluster-scoped owners of namespaced objects.
 */
import { expect, it } from "vitest";
import type { KubeObject } from "../../src/core/meta/object.ts";
import { accidents, Client, startWorld, stormTest, weather } from "./storm.ts";
import { World } from "./world.ts";

const CLASS = { resource: "priorityclasses", group: "scheduling.k8s.io" };
const OWNED = { resource: "configmaps", namespace: "default", name: "owned" };

/** What is left of the owner and of what it owned after the owner's deletion. */
async function deleted(propagationPolicy: "Background" | "Foreground" | "Orphan"): Promise<(KubeObject | undefined)[]> {
	const world = new World(1);
	world.cluster();
	await world.settle({ object: "cluster" });
	await world.run(1_000);
	const owner = await world.api(
		{ verb: "create", ...CLASS },
		{ apiVersion: "scheduling.k8s.io/v1", kind: "PriorityClass", metadata: { name: "owner" }, value: 1 },
	);
	const ownerReferences = [{ apiVersion: "scheduling.k8s.io/v1", kind: "PriorityClass", name: "owner", uid: owner.metadata.uid, blockOwnerDeletion: true }];
	await world.api({ verb: "create", ...OWNED, name: "" }, { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "owned", ownerReferences } });
	await world.run(1_000);
	await world.api({ verb: "delete", ...CLASS, name: "owner", query: { raw: [], propagationPolicy } });
	await world.run(1_000);
	const found = [{ ...CLASS, name: "owner" }, OWNED].map((which) => world.api({ verb: "get", ...which }).catch(() => undefined));
	expect(world.logged).toEqual([]);
	return Promise.all(found);
}

it("in the background and in the foreground what is owned goes too", async () => {
	for (const policy of ["Background", "Foreground"] as const) expect(await deleted(policy)).toEqual([undefined, undefined]);
});

it("orphaned it stays, without its owner", async () => {
	const [owner, owned] = await deleted("Orphan");
	expect(owner).toBeUndefined();
	expect(owned?.metadata.name).toBe("owned");
	expect(owned?.metadata).not.toHaveProperty("ownerReferences");
});

const MAP = { resource: "configmaps", namespace: "default" };
const POLICIES = ["Background", "Foreground", "Orphan"] as const;

stormTest("owners", "what is owned lives exactly as long as one of its owners", async (seed) => {
	const { world, agents } = await startWorld(seed, ["n1"]);
	const client = new Client(world);
	const { random } = world;
	let serial = 0;
	const maps = () =>
		world
			.namespace("default")
			.core.server.store.list("configmaps")
			.filter(({ metadata }) => metadata.name?.startsWith("m"));
	const alive = () => maps().filter(({ metadata }) => !metadata.deletionTimestamp);
	const create = () => {
		const owners = [...new Set(random.chance(0.8) ? [random.pick(alive()), random.pick(alive())] : [])].filter((one) => one !== undefined);
		const ownerReferences = owners.map(({ metadata: { name, uid } }) => ({
			apiVersion: "v1",
			kind: "ConfigMap",
			name,
			uid,
			blockOwnerDeletion: random.chance(0.5),
		}));
		return client.create(MAP, { kind: "ConfigMap", metadata: { name: `m${++serial}`, ownerReferences } });
	};
	/** uids of what somebody has deleted. */
	const deleted = new Set<string>();
	const remove = async () => {
		const { name = "", uid = "" } = random.pick(alive())?.metadata ?? {};
		if (name === "") return;
		deleted.add(uid);
		await client.delete({ ...MAP, name }, random.pick(POLICIES));
	};
	/** What each object was last seen to be owned by. */
	const seen = new Map<string, string[]>();
	const never = () => {
		const uids = new Set(maps().map(({ metadata }) => metadata.uid));
		for (const [uid, owners] of seen)
			if (!uids.has(uid) && !deleted.has(uid))
				expect(owners.length > 0 && owners.every((owner) => deleted.has(owner) || !uids.has(owner)), `${uid} is gone, of ${owners}`).toBe(true);
		seen.clear();
		for (const { metadata } of maps())
			seen.set(
				metadata.uid ?? "",
				(metadata.ownerReferences ?? []).map(({ uid }) => uid),
			);
	};
	await weather(world, agents, {
		steps: 70,
		stepMs: 1_000,
		calmMs: 120_000,
		deeds: [...accidents(world, agents), create, create, create, create, create, create, remove, remove],
		never,
	});
	const uids = new Set(maps().map(({ metadata }) => metadata.uid));
	for (const { metadata } of maps()) {
		expect(metadata.deletionTimestamp, metadata.name).toBeUndefined();
		const owners = (metadata.ownerReferences ?? []).map(({ uid }) => uid);
		expect(owners.length === 0 || owners.some((uid) => uids.has(uid)), `${metadata.name} has an owner left`).toBe(true);
	}
});
