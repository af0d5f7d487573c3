/** Two nodes that cannot reach each other, and the object where their agents meet. */
import { evictDurableObject } from "cloudflare:test";
import { describe, expect, it } from "vitest";
import {
	encodePackets,
	encodeTaken,
	RELAY_BEAT,
	RELAY_JOINED,
	RELAY_MESSAGE_BYTES_MAX,
	RELAY_PARTED,
	RELAY_WINDOW_BYTES,
} from "../../src/core/relay/relay-frame.ts";
import { relayObject } from "../../src/objects/addresses.ts";
import { env, fetchWorker } from "./support/bindings.ts";
import { TestAgent } from "./support/test-agent.ts";
import { eventually, TestCluster } from "./support/test-cluster.ts";

interface End {
	socket: WebSocket;
	/** Texts as they are, messages by their bytes. */
	heard: (string | Uint8Array)[];
}

async function dial(agent: TestAgent, peer: string): Promise<End> {
	const headers = { Upgrade: "websocket", authorization: `Bearer ${agent.credential}` };
	const { webSocket: socket, status } = await fetchWorker(`/clusters/${agent.cluster.name}/agent/v1/relays/${peer}`, { headers });
	if (!socket) throw new Error(`relay: ${status}`);
	const heard: End["heard"] = [];
	socket.binaryType = "arraybuffer";
	socket.addEventListener("message", ({ data }) => heard.push(typeof data === "string" ? data : new Uint8Array(data as ArrayBuffer)));
	socket.accept();
	return { socket, heard };
}

const hears = (end: End, count: number): Promise<End["heard"]> => eventually(async () => (end.heard.length >= count ? end.heard : undefined));
const packets = (...bytes: number[]): Uint8Array => encodePackets([Uint8Array.from(bytes)]);

async function twoNodes(): Promise<[TestAgent, TestAgent]> {
	const cluster = await TestCluster.create();
	const [left, right] = [new TestAgent(cluster, "left"), new TestAgent(cluster, "right")];
	for (const agent of [left, right]) await agent.join();
	return [left, right];
}

describe("a relay", () => {
	it("gives each of two nodes what the other sends, also after it slept, and says when the other comes and goes", async () => {
		const [left, right] = await twoNodes();
		const a = await dial(left, "right");
		a.socket.send(packets(1));
		const b = await dial(right, "left");
		expect([await hears(a, 1), await hears(b, 1)]).toEqual([[RELAY_JOINED], [RELAY_JOINED]]);
		a.socket.send(packets(2, 3));
		b.socket.send(encodeTaken(7));
		expect([(await hears(a, 2))[1], (await hears(b, 2))[1]]).toEqual([encodeTaken(7), packets(2, 3)]);
		await evictDurableObject(relayObject(env, left.cluster.id, ["right", "left"]) as unknown as DurableObjectStub);
		b.socket.send(packets(4));
		expect((await hears(a, 3))[2]).toEqual(packets(4));
		a.socket.send(RELAY_BEAT);
		expect((await hears(a, 4))[3]).toBe(RELAY_BEAT);
		b.socket.close(1000);
		expect((await hears(a, 5))[4]).toBe(RELAY_PARTED);
	});

	it("takes a node's new socket in the old one's place", async () => {
		const [left, right] = await twoNodes();
		const [old, other] = [await dial(left, "right"), await dial(right, "left")];
		await hears(other, 1);
		const closed = new Promise((resolve) => old.socket.addEventListener("close", ({ code }) => resolve(code)));
		const next = await dial(left, "right");
		expect([await hears(next, 1), (await hears(other, 2))[1]]).toEqual([[RELAY_JOINED], RELAY_JOINED]);
		other.socket.send(packets(5));
		expect((await hears(next, 2))[1]).toEqual(packets(5));
		expect(await closed).toBe(1001);
	});

	it("drops what is sent beyond twice the window, until some is taken in, and cuts off who sends what is no message", async () => {
		const [left, right] = await twoNodes();
		const [a, b] = [await dial(left, "right"), await dial(right, "left")];
		await hears(b, 1);
		const large = encodePackets([new Uint8Array(RELAY_MESSAGE_BYTES_MAX - 3)]);
		const room = (2 * RELAY_WINDOW_BYTES) / RELAY_MESSAGE_BYTES_MAX;
		for (let sent = 0; sent < room + 5; sent++) a.socket.send(large);
		a.socket.send(encodeTaken(1));
		const heard = await hears(b, room + 2);
		expect([heard.length, heard[room + 1]]).toEqual([room + 2, encodeTaken(1)]);
		b.socket.send(encodeTaken(large.length));
		await hears(a, 2);
		a.socket.send(packets(6));
		expect((await hears(b, room + 3))[room + 2]).toEqual(packets(6));
		const closed = new Promise((resolve) => a.socket.addEventListener("close", ({ code }) => resolve(code)));
		a.socket.send(Uint8Array.of(9));
		expect(await closed).toBe(1008);
		expect((await hears(b, room + 4))[room + 3]).toBe(RELAY_PARTED);
	});

	it("is the nodes' alone: nobody else's credential opens it, nor a node's to itself", async () => {
		const [left] = await twoNodes();
		const ask = (token: string, peer: string) =>
			fetchWorker(`/clusters/${left.cluster.name}/agent/v1/relays/${peer}`, { headers: { Upgrade: "websocket", authorization: `Bearer ${token}` } });
		expect((await ask(left.cluster.adminToken, "right")).status).toBe(403);
		expect((await ask(left.credential, "left")).status).toBe(400);
		expect((await ask(left.credential, "No_Name")).status).toBe(400);
		const another = new TestAgent(await TestCluster.create(), "right");
		await another.join();
		expect((await ask(another.credential, "right")).status).toBe(401);
	});
});
