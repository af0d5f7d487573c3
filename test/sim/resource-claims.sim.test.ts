/** ResourceClaims of templates under faults: each pod has the claim that was made for it and no other's, and none outlives its pod. */
import { expect } from "vitest";
import type { Pod, ResourceV1ResourceClaim as ResourceClaim } from "../../src/core/schema/kubernetes.d.ts";
import { accidents, Client, startWorld, stormTest, weather } from "./storm.ts";

const DEVICES = { group: "resource.k8s.io", namespace: "default" };
const request = { name: "gpu", exactly: { deviceClassName: "gpu.example.com" } };

stormTest("resource-claims", "each pod has its own claim, and none is left of a pod that went", async (seed) => {
	const { world, agents } = await startWorld(seed, ["n1"]);
	const client = new Client(world);
	const { random } = world;
	const template = () =>
		client.create(
			{ ...DEVICES, resource: "resourceclaimtemplates" },
			{ kind: "ResourceClaimTemplate", metadata: { name: "gpu" }, spec: { spec: { devices: { requests: [request] } } } },
		);
	const store = () => world.namespace("default").core.server.store;
	const pods = () => store().list<Pod>("pods");
	let serial = 0;
	const create = () => {
		const spec = { containers: [{ name: "c", image: "i" }], resourceClaims: [{ name: "gpu", resourceClaimTemplateName: "gpu" }] };
		return client.create({ resource: "pods", namespace: "default" }, { kind: "Pod", metadata: { name: `p${++serial}` }, spec });
	};
	const remove = async (resource: string, group = "") => {
		const name = random.pick(store().list(group ? `${group}/${resource}` : resource))?.metadata.name;
		if (name !== undefined) await client.delete({ namespace: "default", group, resource, name });
	};
	const deeds = [
		...accidents(world, agents),
		create,
		create,
		create,
		() => remove("pods"),
		() => remove("resourceclaims", "resource.k8s.io"),
		() => remove("resourceclaimtemplates", "resource.k8s.io"),
		template,
		template,
	];
	await weather(world, agents, { steps: 40, stepMs: 2_000, calmMs: 60_000, deeds });
	await template();
	await world.run(400_000);
	const claims = store().list<ResourceClaim>("resource.k8s.io/resourceclaims");
	const owners = claims.map(({ metadata }) => metadata.ownerReferences?.[0]?.uid);
	expect(owners.sort(), "whose claims there are").toEqual(
		pods()
			.map(({ metadata }) => metadata.uid)
			.sort(),
	);
	for (const { metadata, status } of pods()) {
		const own = claims.find((claim) => claim.metadata.ownerReferences?.[0]?.uid === metadata.uid);
		expect(status?.resourceClaimStatuses, metadata.name).toEqual([{ name: "gpu", resourceClaimName: own?.metadata.name }]);
	}
});
