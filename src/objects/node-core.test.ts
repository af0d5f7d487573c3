import { describe, expect, it } from "vitest";
import { NodeSql } from "../../test/support/node-sql.ts";
import { testSeal } from "../../test/support/test-keys.ts";
import type { PollResponse } from "../core/protocol/agent-protocol.ts";
import type { MessageBody } from "../core/protocol/messages.ts";
import type { Pod } from "../core/schema/kubernetes.d.ts";
import { migrate } from "../store/migrate.ts";
import { NodeCore, POLL_GAP_MS } from "./node-core.ts";

const NOW_MS = Date.UTC(2026, 0, 1);
const UNREACHABLE = { key: "node.kubernetes.io/unreachable", effect: "NoExecute" } as const;
const pod: Pod = {
	apiVersion: "v1",
	kind: "Pod",
	metadata: { name: "p", namespace: "default", uid: "u1" },
	spec: { nodeName: "n1", containers: [], tolerations: [{ operator: "Exists" }] },
};

function newNode() {
	const sql = new NodeSql();
	migrate(sql);
	const sent: MessageBody[] = [];
	const clock = { nowMs: NOW_MS };
	const ports = {
		sql,
		seal: testSeal(sql),
		nowMs: () => clock.nowMs,
		random: () => 0,
		uuid: () => "",
		deliver: async (_to: unknown, { messages }: { messages: MessageBody[] }) => sent.push(...messages) > 0,
		callOutside: async () => [],
		setAlarm: () => {},
		logError: () => {},
	};
	return { node: new NodeCore("n1", ports), sent, clock, again: () => new NodeCore("n1", ports) };
}

const deliver = (node: NodeCore, ...messages: MessageBody[]) => node.receive({ from: { object: "cluster" }, clock: 0, messages });
const taints = (list: (typeof UNREACHABLE)[]): MessageBody => ({ type: "nodeTaints", node: "n1", exists: true, taints: list, nodeUid: "n" });

/** A held poll with this cursor: the answer, if it came at once. */
function answerTo(node: NodeCore, cursor: number): PollResponse | undefined {
	let answer: PollResponse | undefined;
	node.hold({ cursor, networkCursor: 0, answer: (response) => void (answer = response) });
	return answer;
}

describe("NodeCore", () => {
	it("tells an agent everything once its node was given up for lost, so that it reports its pods anew", async () => {
		const { node, sent, again } = newNode();
		deliver(node, { type: "assign", pods: [pod], configMaps: [], secrets: [] });
		const first = answerTo(node, 0);
		expect(answerTo(node, first?.cursor ?? 0)).toBeUndefined();

		deliver(node, taints([UNREACHABLE]));
		await node.settle();
		expect(sent.filter(({ type }) => type === "nodeLost")).toHaveLength(1);
		deliver(node, taints([]));

		const second = answerTo(again(), first?.cursor ?? 0);
		expect(second).toMatchObject({ full: true, pods: [{ metadata: { uid: "u1" } }] });
		expect(answerTo(node, second?.cursor ?? 0)).toBeUndefined();
	});

	it("misses an agent whose poll was answered at once and that does not come again", async () => {
		const { node, sent, clock } = newNode();
		deliver(node, { type: "assign", pods: [pod], configMaps: [], secrets: [] });
		expect(answerTo(node, 0)).toBeDefined();
		clock.nowMs += POLL_GAP_MS;
		await node.wake();
		expect(sent.filter(({ type }) => type === "nodeStatus")).toMatchObject([{ connected: true }, { connected: false }]);
	});

	it("misses it also when the object has slept since", async () => {
		const { node, sent, clock, again } = newNode();
		deliver(node, { type: "assign", pods: [pod], configMaps: [], secrets: [] });
		expect(answerTo(node, 0)).toBeDefined();
		await node.settle();
		clock.nowMs += POLL_GAP_MS;
		await again().wake();
		expect(sent.filter(({ type }) => type === "nodeStatus")).toMatchObject([{ connected: true }, { connected: false }]);
	});

	it("misses an agent that reported and does not poll", async () => {
		const { node, sent, clock } = newNode();
		node.report({ version: 1, cursor: 0, networkCursor: 0, node: { status: {}, labels: {} } } as never);
		clock.nowMs += POLL_GAP_MS;
		await node.wake();
		expect(sent.filter(({ type }) => type === "nodeStatus").at(-1)).toMatchObject({ connected: false });
	});

	it("hands a command to the poll that comes after one which died with it", () => {
		const { node } = newNode();
		const { cursor } = answerTo(node, 0) as PollResponse;
		let lost: PollResponse | undefined;
		node.hold({ cursor, networkCursor: 0, answer: (response) => void (lost = response) });
		expect(
			node.command({
				type: "session",
				id: "s1",
				pod: { namespace: "default", name: "p", uid: "u1" },
				container: "c",
				request: { kind: "portforward", subprotocol: "" },
			}),
		).toBe(true);
		expect(lost?.commands).toHaveLength(1);
		expect(node.poll({ cursor, networkCursor: 0 }).commands.map(({ id }) => id)).toEqual(["s1"]);
	});
});
