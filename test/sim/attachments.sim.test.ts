/** CSI volumes under faults: none is ever attached to two nodes, and in the end each is attached where its pods are and nowhere else. */
import { expect } from "vitest";
import { isFinished } from "../../src/core/controllers/pod-state.ts";
import type { Node, Pod, VolumeAttachment } from "../../src/core/schema/kubernetes.d.ts";
import { accidents, Client, startWorld, stormTest, weather } from "./storm.ts";

const STORAGE = { group: "storage.k8s.io" };
const ATTACHMENTS = { ...STORAGE, resource: "volumeattachments" };
const DRIVER = "sample.example.com";
const VOLUMES = ["v1", "v2", "v3"];

const volume = (name: string) => ({
	kind: "PersistentVolume",
	metadata: { name },
	spec: { storageClassName: "", capacity: { storage: "1Gi" }, accessModes: ["ReadWriteOnce"], csi: { driver: DRIVER, volumeHandle: name } },
});
const claim = (name: string) => ({
	kind: "PersistentVolumeClaim",
	metadata: { name },
	spec: { storageClassName: "", volumeName: name, accessModes: ["ReadWriteOnce"], resources: { requests: { storage: "1Gi" } } },
});

stormTest("attachments", "a volume is attached to one node at a time, and where its pods are", async (seed) => {
	const { world, agents } = await startWorld(seed, ["n1", "n2", "n3"]);
	const client = new Client(world);
	const { random } = world;
	await client.create({ ...STORAGE, resource: "csidrivers" }, { kind: "CSIDriver", metadata: { name: DRIVER }, spec: { attachRequired: true } });
	for (const name of VOLUMES) {
		await client.create({ resource: "persistentvolumes" }, volume(name));
		await client.create({ resource: "persistentvolumeclaims", namespace: "default" }, claim(name));
	}
	await world.run(5_000);
	const cluster = () => world.cluster().core.server.store;
	const attachments = () => cluster().list<VolumeAttachment>("storage.k8s.io/volumeattachments");
	const pods = () =>
		world
			.namespace("default")
			.core.server.store.list<Pod>("pods")
			.filter((pod) => !isFinished(pod));
	let serial = 0;
	const create = () => {
		const volumes = [{ name: "data", persistentVolumeClaim: { claimName: random.pick(VOLUMES) } }];
		const spec = { terminationGracePeriodSeconds: 5, containers: [{ name: "c", image: "db:1" }], volumes };
		return client.create({ resource: "pods", namespace: "default" }, { kind: "Pod", metadata: { name: `p${++serial}` }, spec });
	};
	const remove = async () => {
		const name = random.pick(pods())?.metadata.name;
		if (name !== undefined) await client.delete({ resource: "pods", namespace: "default", name });
	};
	/** What the driver's external-attacher does. */
	const attach = async () => {
		const open = attachments().find(({ status }) => !status?.attached);
		if (open) await client.patch({ ...ATTACHMENTS, name: open.metadata.name ?? "", subresource: "status" }, { status: { attached: true } });
	};
	const never = () => {
		for (const [name, all] of Map.groupBy(attachments(), ({ spec }) => spec.source?.persistentVolumeName))
			expect(
				all.map(({ spec }) => spec.nodeName),
				`where ${name} is attached`,
			).toHaveLength(1);
	};
	const deeds = [...accidents(world, agents), create, create, create, remove, remove, attach, attach, attach];
	await weather(world, agents, { steps: 50, stepMs: 2_000, calmMs: 400_000, deeds, never });
	for (const _ of VOLUMES) {
		await attach();
		await world.run(1_000);
	}
	for (const name of VOLUMES) {
		const users = pods().filter(({ spec }) => spec?.nodeName && spec.volumes?.some(({ persistentVolumeClaim: used }) => used?.claimName === name));
		const where = attachments().filter(({ spec }) => spec.source?.persistentVolumeName === name);
		expect(where.length, `attachments of ${name}`).toBe(users.length > 0 ? 1 : 0);
		for (const { spec } of where) expect(users.map((pod) => pod.spec?.nodeName)).toContain(spec.nodeName);
	}
	for (const { metadata, status } of cluster().list<Node>("nodes")) {
		const here = attachments().filter(({ spec }) => spec.nodeName === metadata.name);
		const names = here.map(({ spec }) => `kubernetes.io/csi/${DRIVER}^${spec.source?.persistentVolumeName}`);
		expect((status?.volumesAttached ?? []).map(({ name }) => name).sort(), `what ${metadata.name} says is attached`).toEqual(names.sort());
	}
});
