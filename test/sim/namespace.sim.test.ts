/** Namespaces under faults: a deleted one is emptied and goes, whatever is lost on the way; a new one of its name starts clean. */
import { describe, expect, it } from "vitest";
import { StatusError } from "../../src/core/errors/status-error.ts";
import { Agent } from "./agent.ts";
import { seedsOf } from "./seeds.ts";
import { NO_FAULTS, World } from "./world.ts";

const SETTLE_MS = 300_000;
const FAULTS = { loss: 0.1, lostAnswer: 0.1, delayMs: 200, crash: 0.02 };

const configMap = (name: string) => ({ apiVersion: "v1", kind: "ConfigMap", metadata: { name } });
const pod = (name: string) => ({ apiVersion: "v1", kind: "Pod", metadata: { name }, spec: { containers: [{ name: "c", image: "image" }] } });

async function world(seed: number): Promise<World> {
	const made = new World(seed);
	const agent = new Agent(made, "n1");
	made.onNodeCrash = () => agent.pollAgain();
	await agent.start();
	await made.api({ verb: "create", resource: "namespaces" }, { apiVersion: "v1", kind: "Namespace", metadata: { name: "team" } });
	await made.run(2_000);
	for (let i = 0; i < 5; i++) await made.api({ verb: "create", resource: "configmaps", namespace: "team" }, configMap(`c${i}`));
	for (let i = 0; i < 3; i++) await made.api({ verb: "create", resource: "pods", namespace: "team" }, pod(`p${i}`));
	await made.run(10_000);
	return made;
}

const gone = (made: World) =>
	made.api({ verb: "get", resource: "namespaces", name: "team" }).then(
		() => false,
		(error) => error instanceof StatusError && error.code === 404,
	);

describe("namespaces under faults", () => {
	it.each(seedsOf("namespace"))("seed %d: a deleted namespace is emptied and goes", async (seed) => {
		const made = await world(seed);
		made.faults = FAULTS;
		await made.api({ verb: "delete", resource: "namespaces", name: "team" });
		await made.run(SETTLE_MS);
		made.faults = NO_FAULTS;
		await made.run(SETTLE_MS);
		expect(await gone(made)).toBe(true);
		expect(made.namespace("team").core.server.store.resources()).toEqual([]);
	});

	it("refuses new content in a namespace that is going away", async () => {
		const made = await world(7);
		await made.api({ verb: "delete", resource: "namespaces", name: "team" });
		await made.run(100);
		await expect(made.api({ verb: "create", resource: "configmaps", namespace: "team" }, configMap("late"))).rejects.toThrow("because it is being terminated");
	});
});
