import { describe, expect, it } from "vitest";
import type { StatusError } from "../../core/errors/status-error.ts";
import type { ApiRequest } from "../../core/api/request.ts";
import { World } from "../../../test/sim/world.ts";

const CONFIG_MAPS = { resource: "configmaps", namespace: "default" };
const configMap = (name: string, value: string) => ({ apiVersion: "v1", kind: "ConfigMap", metadata: { name, labels: { value } }, data: { value } });

async function worldWith(names: readonly string[]): Promise<World> {
	const world = new World(1);
	world.cluster();
	await world.settle({ object: "cluster" });
	await world.run(1_000);
	for (const name of names) await world.api({ ...CONFIG_MAPS, verb: "create" }, configMap(name, "1"));
	return world;
}

async function list(world: World, query: Partial<ApiRequest["query"]>) {
	const answer = await world.api({ ...CONFIG_MAPS, verb: "list", query: { raw: [], ...query } });
	const { resourceVersion = "", continue: token = "" } = answer.metadata as { resourceVersion?: string; continue?: string };
	const items = (answer.items ?? []).filter(({ metadata }) => metadata.name !== "kube-root-ca.crt");
	return { items: items.map((item) => `${item.metadata.name}=${(item as { data?: { value?: string } }).data?.value}`), resourceVersion, token };
}

describe("list", () => {
	it("shows later pages as they were when the first was taken", async () => {
		const world = await worldWith(["a", "b", "c", "d"]);
		const first = await list(world, { limit: 2 });
		await world.api({ ...CONFIG_MAPS, verb: "update", name: "c" }, configMap("c", "2"));
		await world.api({ ...CONFIG_MAPS, verb: "delete", name: "d" });
		await world.api({ ...CONFIG_MAPS, verb: "create" }, configMap("e", "2"));
		const second = await list(world, { limit: 9, continue: first.token });
		expect([...first.items, ...second.items]).toEqual(["a=1", "b=1", "c=1", "d=1"]);
		expect(second.resourceVersion).toBe(first.resourceVersion);
	});

	it("shows an exact resourceVersion, by the labels of then", async () => {
		const world = await worldWith(["a", "b"]);
		const { resourceVersion } = await list(world, {});
		await world.api({ ...CONFIG_MAPS, verb: "update", name: "a" }, configMap("a", "2"));
		const then = { resourceVersion, resourceVersionMatch: "Exact" };
		expect((await list(world, then)).items).toEqual(["a=1", "b=1"]);
		expect((await list(world, { ...then, labelSelector: "value=1" })).items).toEqual(["a=1", "b=1"]);
		expect((await list(world, { labelSelector: "value=1" })).items).toEqual(["b=1"]);
	});

	it("refuses a resourceVersion from the future, and one that is compacted away", async () => {
		const world = await worldWith(["a"]);
		await expect(list(world, { resourceVersion: String(Number.MAX_SAFE_INTEGER) })).rejects.toThrow("Too large resource version");
		const { resourceVersion } = await list(world, {});
		await world.api({ ...CONFIG_MAPS, verb: "delete", name: "a" });
		await world.run(20 * 60_000);
		await expect(list(world, { resourceVersion, resourceVersionMatch: "Exact" })).rejects.toMatchObject({ code: 410 });
	});

	it("lets a client whose first page is too old go on with what is there now", async () => {
		const world = await worldWith(["a", "b", "c"]);
		const { token } = await list(world, { limit: 1 });
		await world.api({ ...CONFIG_MAPS, verb: "update", name: "c" }, configMap("c", "2"));
		await world.run(20 * 60_000);
		const error = (await list(world, { limit: 1, continue: token }).catch((thrown) => thrown)) as StatusError;
		expect(error.status).toMatchObject({ code: 410, reason: "Expired", message: expect.stringMatching(/^The provided continue parameter is too old/) });
		const second = await list(world, { limit: 1, continue: error.status.metadata.continue ?? "" });
		expect(second.items).toEqual(["b=1"]);
		expect((await list(world, { limit: 1, continue: second.token })).items).toEqual(["c=2"]);
	});

	it("takes a version with a limit for exactly that version, as upstream", async () => {
		const world = await worldWith(["a"]);
		const { resourceVersion } = await list(world, {});
		await world.api({ ...CONFIG_MAPS, verb: "update", name: "a" }, configMap("a", "2"));
		expect((await list(world, { resourceVersion, limit: 5 })).items).toEqual(["a=1"]);
		expect((await list(world, { resourceVersion })).items).toEqual(["a=2"]);
	});
});
