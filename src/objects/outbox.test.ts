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
const unassign: MessageBody = { type: "unassign", pods: [] };
const taints: MessageBody = { type: "nodeTaints", node: "n1", exists: true, taints: [], nodeUid: "n" };

/** An outbox whose deliveries are noted, each as what its messages say. */
function newOutbox() {
	const sql = new NodeSql();
	migrate(sql);
	const clock = { nowMs: 1_000_000 };
	const deliveries: (string | number)[][] = [];
	const receiver: { refuses: boolean; listens: boolean; slow?: Promise<void> | undefined; onDelivery: () => void } = {
		refuses: false,
		listens: true,
		onDelivery: () => {},
	};
	const ports: CorePorts = {
		sql,
		seal: testSeal(sql),
		nowMs: () => clock.nowMs,
		random: () => 0,
		uuid: () => "",
		deliver: async (_to, { messages }: Delivery) => {
			receiver.onDelivery();
			await receiver.slow;
			if (receiver.refuses) throw new Error("the receiver is away");
			deliveries.push(messages.map((message) => (message.type === "network" ? message.sequence : message.type)));
			return receiver.listens;
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
	const kept = (): number => sql.all<{ n: number }>("SELECT count(*) AS n FROM outbox")[0]?.n ?? 0;
	return { outbox, send, clock, deliveries, receiver, kept };
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

	it("tells a node that no agent serves of its pods once a second", async () => {
		const { outbox, send, clock, deliveries, receiver } = newOutbox();
		receiver.listens = false;
		await send(unassign);
		await send(unassign);
		await send(unassign);
		expect(deliveries).toEqual([["unassign"]]);
		const dueMs = outbox.nextDueMs() ?? 0;
		expect(dueMs - clock.nowMs).toBe(1_000);
		clock.nowMs = dueMs;
		receiver.listens = true;
		await outbox.flush();
		await send(unassign);
		expect(deliveries).toEqual([["unassign"], ["unassign", "unassign"], ["unassign"]]);
	});

	it("lets taints of such a node wait for nothing", async () => {
		const { send, deliveries, receiver } = newOutbox();
		receiver.listens = false;
		await send(unassign);
		await send(unassign, taints);
		expect(deliveries).toEqual([["unassign"], ["unassign", "nodeTaints"]]);
	});

	it("keeps nothing of what is delivered, and delivers it once while others are still under way", async () => {
		const { outbox, send, deliveries, receiver, kept } = newOutbox();
		let arrive = (): void => {};
		const arrived = new Promise<void>((resolve) => {
			arrive = resolve;
		});
		receiver.slow = arrived;
		outbox.post({ to: { object: "namespace", name: "slow" }, body: { type: "keysRotated" } });
		const slow = outbox.flush();
		receiver.slow = undefined;
		await send(taints);
		await send(unassign);
		expect(deliveries).toEqual([["nodeTaints"], ["unassign"]]);
		arrive();
		await slow;
		expect(deliveries.at(-1)).toEqual(["keysRotated"]);
		expect(kept()).toBe(0);
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
