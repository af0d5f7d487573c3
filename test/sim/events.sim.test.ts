/** Events: repetitions are counted into one, and each goes an hour after it was written last, whoever wrote it. */
import { expect, it } from "vitest";
import type { Event } from "../../src/core/schema/kubernetes.d.ts";
import { Client, startWorld } from "./storm.ts";

const MINUTE_MS = 60_000;
const pod = { kind: "Pod", metadata: { name: "waits" }, spec: { nodeSelector: { none: "such" }, containers: [{ name: "c", image: "i" }] } };

it("count, and are gone after their hour", async () => {
	const { world } = await startWorld(1, ["n1"]);
	const client = new Client(world);
	const events = () =>
		world
			.namespace("default")
			.core.server.store.list<Event>("events")
			.filter(({ involvedObject }) => involvedObject.name === "waits");
	await client.create({ resource: "pods", namespace: "default" }, pod);
	const involvedObject = { kind: "Pod", name: "waits", namespace: "default" };
	const own = {
		kind: "Event",
		metadata: { name: "own" },
		involvedObject,
		reason: "Told",
		message: "by somebody",
		type: "Normal",
		source: { component: "sim" },
	};
	await client.create({ resource: "events", namespace: "default" }, own);
	// A pod that nothing happens for is tried again every five minutes.
	await world.run(31 * MINUTE_MS);
	const failed = events().filter(({ reason }) => reason === "FailedScheduling");
	expect(failed.map(({ count }) => (count ?? 0) >= 6)).toEqual([true]);
	expect(Date.parse(failed[0]?.lastTimestamp ?? "") - Date.parse(failed[0]?.firstTimestamp ?? "")).toBeGreaterThanOrEqual(25 * MINUTE_MS);
	await client.delete({ resource: "pods", namespace: "default", name: "waits" });
	await world.run(45 * MINUTE_MS);
	expect(events().map(({ reason }) => reason)).toEqual(["FailedScheduling"]);
	await world.run(45 * MINUTE_MS);
	expect(events()).toEqual([]);
	// Nothing is left that would wake the object for Events.
	expect(world.namespace("default").core.server.store.oldest("events")).toBeUndefined();
});
