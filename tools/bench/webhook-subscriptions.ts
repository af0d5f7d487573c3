/**
 * How long it takes from the commit of a change to the arrival of its delivery, with 100 subscriptions on one namespace and a server
 * on loopback. The moment of a commit is that of the change's version, which the Durable Object reads when the request reaches it: a
 * little before the commit, so that the figures are rather too high than too low.
 */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { once } from "node:events";
import { momentOf } from "../../src/store/revision-clock.ts";
import { Client, percentile, type Target } from "./load.ts";

const SUBSCRIPTIONS = 100;
const CHANGES = 200;
const BASE = "/api/v1/namespaces/default";
const GOAL_MS = 200;

const configMap = (name: string, label: string): string =>
	JSON.stringify({ apiVersion: "v1", kind: "ConfigMap", metadata: { name, labels: { for: label } }, data: { text: "x".repeat(1024) } });

/** A server that notes how old each change is when it arrives. */
class Arrivals {
	readonly latencies: number[] = [];
	readonly server = createServer((request, response) => {
		const atMs = performance.timeOrigin + performance.now();
		this.latencies.push(atMs - momentOf(Number(request.headers["ce-resourceversion"])));
		request.resume().on("end", () => response.writeHead(204).end());
		if (this.latencies.length === this.#expected) this.#all();
	});
	#expected = 0;
	#all: () => void = () => {};

	async listen(): Promise<string> {
		await once(this.server.listen(0, "127.0.0.1"), "listening");
		return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}/`;
	}

	/** Resolves once so many have come since the last `clear`. */
	until(count: number): Promise<void> {
		this.#expected = count;
		return new Promise((resolve) => {
			this.#all = resolve;
			if (this.latencies.length >= count) resolve();
		});
	}

	stop(): void {
		this.server.closeAllConnections();
		this.server.close();
	}
}

async function subscribe(client: Client, url: string): Promise<void> {
	for (let i = 0; i < SUBSCRIPTIONS; i++) {
		const objectSelector = { matchExpressions: [{ key: "for", operator: "In", values: [`s${i}`, "everybody"] }] };
		const rules = [{ apiGroups: [""], resources: ["configmaps"], changes: ["Created"] }];
		const spec = { rules, objectSelector, payload: { format: "Binary" }, target: { url } };
		const body = JSON.stringify({ apiVersion: "events.petrel.dev/v1", kind: "WebhookSubscription", metadata: { name: `s${i}` }, spec });
		await client.send({ method: "POST", path: "/apis/events.petrel.dev/v1/namespaces/default/webhooksubscriptions", body });
	}
}

export async function benchSubscriptions(target: Target): Promise<void> {
	const client = new Client(target, 4);
	const arrivals = new Arrivals();
	/** Writes one change after the other, each once the one before has arrived everywhere, and prints how long they took. */
	const measure = async (what: string, each: number, label: (index: number) => string): Promise<void> => {
		arrivals.latencies.length = 0;
		for (let i = 0; i < CHANGES; i++) {
			const arrived = arrivals.until((i + 1) * each);
			await client.send({ method: "POST", path: `${BASE}/configmaps`, body: configMap(`${what.replaceAll(" ", "-")}-${i}`, label(i)) });
			await arrived;
		}
		const [p50, p99] = [percentile(arrivals.latencies, 50), percentile(arrivals.latencies, 99)];
		console.log(`| ${what} | ${arrivals.latencies.length} | ${p50.toFixed(1)} | ${p99.toFixed(1)} | ${GOAL_MS} | ${p99 < GOAL_MS ? "met" : "missed"} |`);
	};
	try {
		await subscribe(client, await arrivals.listen());
		console.log(
			`\ncommit to arrival with ${SUBSCRIPTIONS} subscriptions\n\n| a change | deliveries | p50 ms | p99 ms | goal | |\n| --- | --- | --- | --- | --- | --- |`,
		);
		await measure("for one of them", 1, (i) => `s${i % SUBSCRIPTIONS}`);
		await measure("for all of them", SUBSCRIPTIONS, () => "everybody");
	} finally {
		client.close();
		arrivals.stop();
	}
}
