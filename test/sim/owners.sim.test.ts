/** Cluster-scoped owners of namespaced objects, through all three ways of deletion. */
import { expect, it } from "vitest";
import type { KubeObject } from "../../src/core/meta/object.ts";
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
