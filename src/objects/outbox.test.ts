import { describe, expect, it } from "vitest";
import { NodeSql } from "../../test/support/node-sql.ts";
import { testSeal } from "../../test/support/test-keys.ts";
import type { MessageBody } from "../core/protocol/messages.ts";
import { migrate } from "../store/migrate.ts";
import { RevisionClock } from "../store/revision-clock.ts";
import { Outbox } from "./outbox.ts";
import type { CorePorts, Delivery } from "./ports.ts";

const NODE = { object: "node", name: "n1" } as const;
const network = (sequence: number): MessageBody => ({ type: "network", sequence, rows: [] });
const taints: MessageBody = { type: "nodeTaints", node: "n1", exists: true, taints: [], nodeUid: "n" };

/** An outbox whose deliveries are noted, each as what its messages say. */
function newOutbox() {
	const sql = new NodeSql();
	migrate(sql);
	const clock = { nowMs: 1_000_000 };
	const deliveries: (string | number)[][] = [];
	const receiver: { refuses: boolean; onDelivery: () => void } = { refuses: false, onDelivery: () => {} };
	const ports: CorePorts = {
		sql,
		seal: testSeal(sql),
		nowMs: () => clock.nowMs,
		random: () => 0,
		uuid: () => "",
		deliver: async (_to, { messages }: Delivery) => {
			receiver.onDelivery();
			if (receiver.refuses) throw new Error("the receiver is away");
			deliveries.push(messages.map((message) => (message.type === "network" ? message.sequence : message.type)));
		},
		callOutside: async () => [],
		setAlarm: () => {},
		logError: () => {},
	};
	const outbox = new Outbox(ports, { object: "cluster" }, new RevisionClock(0));
	const send = async (...bodies: MessageBody[]): Promise<void> => {
		for (const body of bodies) outbox.post({ to: NODE, body });
		await outbox.flush();
	};
	return { outbox, send, clock, deliveries, receiver };
}

describe("Outbox", () => {
	it("tells a node of the network at once, and what changes soon after in one message", async () => {
		const { outbox, send, clock, deliveries } = newOutbox();
		await send(network(1));
		await send(network(2));
		await send(network(3));
		expect(deliveries).toEqual([[1]]);
		clock.nowMs = outbox.nextDueMs() ?? 0;
		await outbox.flush();
		expect(deliveries).toEqual([[1], [2, 3]]);
		expect(outbox.nextDueMs()).toBeUndefined();
	});

	it("lets the network wait for nothing that is urgent, and keeps the order", async () => {
		const { send, deliveries } = newOutbox();
		await send(network(1));
		await send(network(2), taints);
		expect(deliveries).toEqual([[1], [2, "nodeTaints"]]);
	});

	it("sends what was posted while it was sending", async () => {
		const { outbox, send, deliveries, receiver } = newOutbox();
		receiver.onDelivery = () => {
			receiver.onDelivery = () => {};
			outbox.post({ to: NODE, body: taints });
		};
		await send(network(1));
		expect(deliveries).toEqual([[1], ["nodeTaints"]]);
	});

	it("tries a receiver that is away less and less often, and loses nothing", async () => {
		const { outbox, send, clock, deliveries, receiver } = newOutbox();
		receiver.refuses = true;
		await send(taints);
		const waits: number[] = [];
		for (let attempt = 0; attempt < 4; attempt++) {
			const dueMs = outbox.nextDueMs() ?? 0;
			waits.push(dueMs - clock.nowMs);
			await send(taints);
			clock.nowMs = dueMs;
			await outbox.flush();
		}
		expect(waits).toEqual([100, 200, 400, 800]);
		receiver.refuses = false;
		clock.nowMs = outbox.nextDueMs() ?? 0;
		await outbox.flush();
		expect(deliveries).toEqual([Array.from({ length: 5 }, () => "nodeTaints")]);
		expect(outbox.nextDueMs()).toBeUndefined();
	});
});
