/** kill -9 of the control plane in the middle of deliveries: of 10,000 changes each arrives, those of one object in their order. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { ConfigMap } from "../../src/core/schema/kubernetes.d.ts";
import { WebhookSink } from "../support/webhook-sink.ts";
import { ControlPlane } from "./support/control-plane.ts";

const OBJECTS = 100;
const CHANGES_EACH = 100;
const WRITERS = 16;
/** After so many deliveries the control plane is killed. */
const KILLED_AFTER = [2_000, 6_000];
/** For a test that hangs: a slow disk may take minutes for so many commits. */
const TIMEOUT_MS = 900_000;
const PATH = "/api/v1/namespaces/default/configmaps";

describe("a control plane killed in the middle of deliveries", () => {
	const control = new ControlPlane();
	let sink: WebhookSink;

	beforeAll(async () => {
		sink = await WebhookSink.start();
		await control.start({ allowsPrivateWebhookTargets: true });
	});
	afterAll(async () => {
		sink.stop();
		await control.dispose();
	});

	/** Resolved while the control plane answers. */
	let alive: Promise<void> = Promise.resolve();

	/** Writes until the write is acknowledged; one whose answer was lost may have been made as well. Returns the version. */
	async function written(method: string, path: string, body: object, type?: string): Promise<number> {
		for (;;) {
			const answer = await control.send<ConfigMap>(method, path, body, type).catch(() => undefined);
			if (answer !== undefined && answer.code < 300) return Number(answer.body.metadata?.resourceVersion);
			await alive;
		}
	}

	async function writeObject(name: string): Promise<number[]> {
		const object = { apiVersion: "v1", kind: "ConfigMap", metadata: { name, labels: { written: "yes" } } };
		const versions = [await written("PATCH", `${PATH}/${name}?fieldManager=test&force=true`, object, "application/apply-patch+yaml")];
		for (let i = 1; i < CHANGES_EACH; i++) {
			versions.push(await written("PATCH", `${PATH}/${name}`, { data: { change: String(i) } }, "application/merge-patch+json"));
		}
		return versions;
	}

	it(
		"loses none of 10,000 changes and keeps the order of each object's",
		async () => {
			const spec = {
				rules: [{ apiGroups: [""], resources: ["configmaps"] }],
				objectSelector: { matchLabels: { written: "yes" } },
				payload: { data: "Metadata" },
				delivery: { concurrency: 32 },
				target: { url: sink.url() },
			};
			await control.call("POST", "/apis/events.petrel.dev/v1/namespaces/default/webhooksubscriptions", {
				apiVersion: "events.petrel.dev/v1",
				kind: "WebhookSubscription",
				metadata: { name: "all" },
				spec,
			});
			const killer = (async () => {
				for (const after of KILLED_AFTER) {
					await sink.until((deliveries) => (deliveries.length >= after ? true : undefined));
					alive = control.crash();
					await alive;
				}
			})();
			const names = Array.from({ length: OBJECTS }, (_, i) => `written-${i}`);
			const acknowledged = new Map<string, number[]>();
			const queue = [...names];
			const writer = async (): Promise<void> => {
				for (let name = queue.shift(); name !== undefined; name = queue.shift()) acknowledged.set(name, await writeObject(name));
			};
			await Promise.all([killer, ...Array.from({ length: WRITERS }, writer)]);

			const wanted = new Set([...acknowledged].flatMap(([name, versions]) => versions.map((version) => `${name} ${version}`)));
			expect(wanted.size).toBe(OBJECTS * CHANGES_EACH);
			const arrived = new Set<string>();
			let looked = 0;
			await sink.until((deliveries) => {
				for (; looked < deliveries.length; looked++) {
					const { event } = deliveries[looked] as (typeof deliveries)[number];
					arrived.add(`${event["name"]} ${event["resourceversion"]}`);
				}
				return [...wanted].every((change) => arrived.has(change)) ? true : undefined;
			});

			const firsts = new Map<string, number[]>();
			const seen = new Set<string>();
			for (const { event } of sink.deliveries) {
				if (seen.has(event.id)) continue;
				seen.add(event.id);
				const name = String(event["name"]);
				firsts.set(name, [...(firsts.get(name) ?? []), Number(event["resourceversion"])]);
			}
			for (const versions of firsts.values()) expect(versions).toEqual(versions.toSorted((a, b) => a - b));
			console.log(
				`${wanted.size} changes, ${sink.deliveries.length} deliveries, ${sink.deliveries.length - seen.size} of them duplicates, ${KILLED_AFTER.length} kills`,
			);
		},
		TIMEOUT_MS,
	);
});
