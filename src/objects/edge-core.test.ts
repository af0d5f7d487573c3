import { describe, expect, it } from "vitest";
import { NodeSql } from "../../test/support/node-sql.ts";
import { testSeal } from "../../test/support/test-keys.ts";
import type { EdgeRow, EdgeService } from "../core/edge/edge-table.ts";
import type { MessageBody } from "../core/protocol/messages.ts";
import { migrate } from "../store/migrate.ts";
import { EdgeCore } from "./edge-core.ts";

const START_MS = Date.UTC(2026, 0, 1);
const endpoint = { uid: "u", ip: "10.244.0.1", port: 8080, node: "n1" };
const serviceRow = (name: string, service: EdgeService | null): EdgeRow => ({ row: "service", namespace: "default", name, service });
const serving = (sleepsAfterMs?: number): EdgeService => ({
	ports: [{ port: 80, name: "", endpoints: [endpoint] }],
	...(sleepsAfterMs ? { sleepsAfterMs } : {}),
});
const empty = (sleepsAfterMs: number): EdgeService => ({ ports: [{ port: 80, name: "", endpoints: [] }], sleepsAfterMs });

class World {
	nowMs = START_MS;
	alarmMs: number | undefined;
	leases = 0;
	ready: string[] = [];
	readonly delivered: MessageBody[] = [];
	readonly sql = new NodeSql();
	core: EdgeCore;

	constructor() {
		migrate(this.sql);
		this.core = this.make();
	}

	/** As after hibernation. */
	make(): EdgeCore {
		const seal = testSeal(this.sql);
		return new EdgeCore(
			{
				sql: this.sql,
				seal,
				nowMs: () => this.nowMs,
				random: () => 0,
				uuid: () => "uuid",
				deliver: async (_to, { messages }) => this.delivered.push(...messages) > 0,
				callOutside: async () => [],
				setAlarm: (atMs) => {
					this.alarmMs = atMs;
				},
				logError: (what, cause) => {
					throw new Error(what, { cause });
				},
			},
			{ count: () => this.leases, tellReady: (service) => this.ready.push(service) },
		);
	}

	async tell(...rows: EdgeRow[]): Promise<void> {
		this.core.receive({ from: { object: "namespace", name: "default" }, clock: 0, messages: [{ type: "edgeRows", rows }] });
		await this.core.settle();
	}

	/** Time passes; the alarm rings when it is due. */
	async pass(ms: number): Promise<void> {
		const untilMs = this.nowMs + ms;
		while (this.alarmMs !== undefined && this.alarmMs <= untilMs) {
			this.nowMs = Math.max(this.nowMs, this.alarmMs);
			this.alarmMs = undefined;
			await this.core.wake();
		}
		this.nowMs = untilMs;
	}

	scaled(): string[] {
		return this.delivered.splice(0).flatMap((body) => (body.type === "scaleService" ? [`${body.service} ${body.wanted}`] : []));
	}
}

describe("the edge's table", () => {
	it("gives what changed, all of it to who has none, and nothing to who has it", async () => {
		const world = new World();
		await world.tell(serviceRow("a", serving()), serviceRow("b", serving()));
		const all = world.core.table(0);
		expect([all?.full, all?.rows.length]).toEqual([true, 2]);
		expect(world.core.table(all?.version ?? 0)).toBeNull();
		await world.tell(serviceRow("a", serving()));
		expect(world.core.table(all?.version ?? 0)).toBeNull();
		await world.tell(serviceRow("a", null));
		const changed = world.make().table(all?.version ?? 0);
		expect(changed).toMatchObject({ full: false, rows: [serviceRow("a", null)] });
		expect(world.core.table(changed?.version ?? 0)).toBeNull();
		expect(world.core.table((changed?.version ?? 0) + 2)?.full).toBe(true);
	});

	it("keeps private keys for those who end TLS, and lets none lie open", async () => {
		const world = new World();
		const origin = { kind: "Ingress", namespace: "default", name: "web", createdMs: 0 };
		await world.tell({
			row: "routes",
			...origin,
			routes: [],
			certificates: [{ hosts: ["web.test"], certificate: "a certificate", privateKey: "a private key" }],
		});
		expect(JSON.stringify(world.core.table(0))).not.toContain("private key");
		expect(JSON.stringify(world.sql.all("SELECT * FROM networks"))).not.toContain("private key");
	});
});

describe("scale to zero", () => {
	it("tells a Service to sleep after its time without a request, and to wake at the next", async () => {
		const world = new World();
		await world.tell(serviceRow("web", serving(60_000)));
		await world.pass(59_000);
		expect(world.core.leased("service/default/web")).toBe(true);
		world.core.released("service/default/web");
		await world.core.settle();
		await world.pass(59_000);
		expect(world.scaled()).toEqual([]);
		await world.pass(1_000);
		expect(world.scaled()).toEqual(["web sleep"]);
		expect(world.alarmMs).toBeUndefined();

		await world.tell(serviceRow("web", empty(60_000)));
		await world.pass(3_600_000);
		world.ready = [];
		expect(world.core.leased("service/default/web")).toBe(false);
		expect(world.core.leased("service/default/web")).toBe(false);
		await world.core.settle();
		expect(world.scaled()).toEqual(["web wake"]);
		await world.tell(serviceRow("web", serving(60_000)));
		expect(world.ready).toEqual(["service/default/web"]);
	});

	it("lets nothing sleep under a request, and wakes what was told to sleep before its pods are gone", async () => {
		const world = new World();
		await world.tell(serviceRow("web", serving(60_000)));
		world.core.leased("service/default/web");
		world.leases = 1;
		await world.core.settle();
		await world.pass(600_000);
		expect(world.scaled()).toEqual([]);
		world.leases = 0;
		await world.pass(60_000);
		expect(world.scaled()).toEqual(["web sleep"]);
		expect(world.core.leased("service/default/web")).toBe(true);
		await world.core.settle();
		expect(world.scaled()).toEqual(["web wake"]);
		// Not for it any more.
		await world.tell(serviceRow("web", serving()));
		await world.pass(600_000);
		expect(world.scaled()).toEqual([]);
	});
});
