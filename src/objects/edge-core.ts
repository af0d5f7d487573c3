/**
 * The Edge object, portable: the routing table of one cluster's public HTTP, as its Namespace objects tell it. Gateways and
 * HTTPRoutes, which may be of different namespaces, are joined here: routes are made of them, and their status is told.
 */
import { bestCertificate } from "../core/edge/certificate-choice.ts";
import {
	type EdgeCertificate,
	edgeRowKey,
	type EdgeRow,
	type EdgeService,
	type EdgeTablePart,
	isEdgeRowGone,
	serviceKey,
	type ServiceRow,
} from "../core/edge/edge-table.ts";
import { attachAll, type GatewayEntry, type HttpRouteEntry } from "../core/edge/gateway-attachment.ts";
import type { MessageBody } from "../core/protocol/messages.ts";
import { RevisionClock } from "../store/revision-clock.ts";
import { Alarm } from "./alarm.ts";
import { EdgeSleep, hasEndpoints } from "./edge-sleep.ts";
import { Outbox } from "./outbox.ts";
import type { CorePorts, Delivery } from "./ports.ts";

/** Rows that are gone are told of until there are this many: who has an older table then gets it whole. */
const GONE_ROWS_MAX = 1_000;
/** In the meta table: who has a table older than this gets it whole. */
const FLOOR = "edge-floor";
/** For the seal: rows hold password hashes and private keys. */
const PLACE = "edge";
/** Before what a Gateway or route was told of its status last, in the meta table. */
const STATUS = "edge-status/";

type StoredRow = { namespace: string; sequence: number; body: string };
/** Requests under way for Services whose pods may sleep. */
export interface LeasePorts {
	count(service: string): number;
	/** Tells them that the Service has pods, or others than before. */
	tellReady(service: string): void;
}

type StatusMessage = Extract<MessageBody, { type: "gatewayStatus" | "httpRouteStatus" }>;

export class EdgeCore {
	readonly outbox: Outbox;
	readonly #ports: CorePorts;
	readonly #clock: RevisionClock;
	readonly #alarm: Alarm;
	readonly #sleep: EdgeSleep;
	readonly #leases: LeasePorts;

	constructor(ports: CorePorts, leases: LeasePorts) {
		this.#ports = ports;
		this.#leases = leases;
		this.#sleep = new EdgeSleep(ports, {
			openLeases: (namespace, name) => leases.count(serviceKey(namespace, name)),
			post: (message) => this.outbox.post(message),
		});
		this.#clock = new RevisionClock(ports.sql.all<{ newest: number | null }>("SELECT max(sequence) AS newest FROM networks")[0]?.newest ?? 0);
		this.outbox = new Outbox(ports, { object: "edge" }, this.#clock);
		this.#alarm = new Alarm(ports);
		ports.sql.transaction(() => this.#reseal());
	}

	/** Takes in a delivery from another object. Call `settle` afterwards. */
	receive({ clock, messages }: Delivery): void {
		this.#ports.sql.transaction(() => {
			this.#clock.observe(clock);
			const changed = messages.flatMap((message) => this.#take(message));
			for (const row of changed) if (row.row === "service") this.#serviceChanged(row);
			if (changed.some(({ row }) => row === "gateway" || row === "httpRoute")) this.#attach();
		});
	}

	/** Sends what waits in the outbox and sets the alarm. */
	async settle(): Promise<void> {
		await this.outbox.flush();
		this.arm();
	}

	async wake(): Promise<void> {
		this.#alarm.rang();
		this.#ports.sql.transaction(() => this.#sleep.check());
		await this.settle();
	}

	arm(): void {
		this.#alarm.arm([this.outbox.nextDueMs(), this.#sleep.nextDueMs()]);
	}

	/** A request for a Service whose pods may sleep has come; whether one of them is ready. Call `settle` afterwards. */
	leased(key: string): boolean {
		const [, namespace = "", name = ""] = key.split("/");
		const service = this.#service(key);
		this.#ports.sql.transaction(() => this.#sleep.leased(namespace, name, service));
		return hasEndpoints(service);
	}

	/** It is over. Call `settle` afterwards. */
	released(key: string): void {
		const [, namespace = "", name = ""] = key.split("/");
		this.#sleep.released(namespace, name);
	}

	#service(key: string): EdgeService | undefined {
		const stored = this.#ports.sql.all<StoredRow>("SELECT * FROM networks WHERE namespace = ? AND body != ''", key)[0];
		const row = stored && (JSON.parse(this.#opened(stored)) as EdgeRow);
		return row?.row === "service" ? (row.service ?? undefined) : undefined;
	}

	#serviceChanged({ namespace, name, service }: ServiceRow): void {
		this.#sleep.changed(namespace, name, service);
		if (hasEndpoints(service)) this.#leases.tellReady(serviceKey(namespace, name));
	}

	/** The rows that are others now. */
	#take(message: MessageBody): EdgeRow[] {
		if (message.type === "edgeRows") return message.rows.filter((row) => this.#change(row));
		if (message.type !== "keysRotated") this.#ports.logError(`the Edge object takes no message ${message.type}`, undefined);
		return [];
	}

	#change(row: EdgeRow): boolean {
		const key = edgeRowKey(row);
		const old = this.#ports.sql.all<StoredRow>("SELECT * FROM networks WHERE namespace = ?", key)[0];
		const [before, now] = [old ? this.#opened(old) : "", isEdgeRowGone(row) ? "" : JSON.stringify(row)];
		if (before === now) return false;
		const body = now === "" ? "" : this.#ports.seal.seal(now, PLACE);
		this.#ports.sql.run("INSERT OR REPLACE INTO networks (namespace, sequence, body) VALUES (?, ?, ?)", key, this.#clock.next(this.#ports.nowMs()), body);
		if (now === "") this.#forgetGone();
		return true;
	}

	#forgetGone(): void {
		const gone = this.#ports.sql.all<StoredRow>("SELECT * FROM networks WHERE body = ''");
		if (gone.length <= GONE_ROWS_MAX) return;
		this.#ports.sql.run("DELETE FROM networks WHERE body = ''");
		this.#ports.sql.run("INSERT OR REPLACE INTO meta VALUES (?, ?)", FLOOR, String(Math.max(...gone.map(({ sequence }) => sequence))));
	}

	/** What changed since that version, or everything; null for who has it as it is. Without private keys: they are for those who end TLS. */
	table(haveVersion: number): EdgeTablePart | null {
		const floor = Number(this.#ports.sql.all<{ value: string }>("SELECT value FROM meta WHERE key = ?", FLOOR)[0]?.value ?? 0);
		const newest = this.#ports.sql.all<{ newest: number | null }>("SELECT max(sequence) AS newest FROM networks")[0]?.newest ?? 0;
		const version = Math.max(newest, floor, 1);
		if (haveVersion === version) return null;
		const full = haveVersion < floor || haveVersion > version || haveVersion === 0;
		const rows = this.#ports.sql.all<StoredRow>("SELECT * FROM networks WHERE sequence > ? ORDER BY sequence", full ? 0 : haveVersion);
		return { version, full, rows: rows.flatMap((row) => (full && row.body === "" ? [] : this.#shown(row))) };
	}

	/** Of an Ingress or a Gateway's listener: a host that is named goes before a wildcard, and that before any. */
	certificate(host: string): EdgeCertificate | undefined {
		const rows = this.#ports.sql.all<StoredRow>("SELECT * FROM networks WHERE (namespace LIKE 'routes/%' OR namespace LIKE 'gateway/%') AND body != ''");
		const all = rows.flatMap((stored) => {
			const row = JSON.parse(this.#opened(stored)) as EdgeRow;
			if (row.row === "gateway") return row.gateway?.certificates ?? [];
			return row.row === "routes" ? (row.certificates ?? []) : [];
		});
		return bestCertificate(all, host);
	}

	#shown(row: StoredRow): EdgeRow[] {
		if (/^(gateway|httpRoute)\//.test(row.namespace)) return [];
		if (row.body === "") return [goneRow(row.namespace)];
		const shown = JSON.parse(this.#opened(row)) as EdgeRow;
		if (shown.row === "routes") delete shown.certificates;
		return [shown];
	}

	/** Works out anew what is served of Gateways and HTTPRoutes, and tells them. */
	#attach(): void {
		const gateways = this.#sources("gateway").flatMap((row) => (row.row === "gateway" && row.gateway ? [row.gateway] : []));
		const routes = this.#sources("httpRoute").flatMap((row) => (row.row === "httpRoute" && row.route ? [row.route] : []));
		const attachment = attachAll(gateways, routes);
		const told = new Set<string>();
		for (const route of routes) {
			const { routes: served = [], parents = [] } = attachment.routes.get(`${route.namespace}/${route.name}`) ?? {};
			this.#changeRoutes(route, served);
			this.#tell(told, route.namespace, { type: "httpRouteStatus", name: route.name, generation: route.generation, parents });
		}
		for (const gateway of gateways) this.#tellGateway(told, gateway, attachment.gateways.get(`${gateway.namespace}/${gateway.name}`) ?? []);
		this.#forgetRoutes(new Set(routes.map(({ namespace, name }) => `routes/HTTPRoute/${namespace}/${name}`)));
		for (const { key } of this.#ports.sql.all<{ key: string }>("SELECT key FROM meta WHERE key LIKE ?", `${STATUS}%`))
			if (!told.has(key)) this.#ports.sql.run("DELETE FROM meta WHERE key = ?", key);
	}

	#sources(kind: "gateway" | "httpRoute"): EdgeRow[] {
		const rows = this.#ports.sql.all<StoredRow>("SELECT * FROM networks WHERE namespace LIKE ? AND body != '' ORDER BY namespace", `${kind}/%`);
		return rows.map((row) => JSON.parse(this.#opened(row)) as EdgeRow);
	}

	#changeRoutes({ namespace, name, createdMs }: HttpRouteEntry, routes: NonNullable<Extract<EdgeRow, { row: "routes" }>["routes"]>): void {
		this.#change({ row: "routes", kind: "HTTPRoute", namespace, name, createdMs, routes: routes.length > 0 ? routes : null });
	}

	#forgetRoutes(known: ReadonlySet<string>): void {
		const rows = this.#ports.sql.all<StoredRow>("SELECT * FROM networks WHERE namespace LIKE 'routes/HTTPRoute/%' AND body != ''");
		for (const { namespace: key } of rows) if (!known.has(key)) this.#change(goneRow(key));
	}

	#tellGateway(
		told: Set<string>,
		{ namespace, name, generation }: GatewayEntry,
		listeners: Extract<StatusMessage, { type: "gatewayStatus" }>["listeners"],
	): void {
		this.#tell(told, namespace, { type: "gatewayStatus", name, generation, listeners });
	}

	/** A route that is nobody's here and never was is told nothing. */
	#tell(told: Set<string>, namespace: string, body: StatusMessage): void {
		const key = `${STATUS}${body.type}/${namespace}/${body.name}`;
		const before = this.#ports.sql.all<{ value: string }>("SELECT value FROM meta WHERE key = ?", key)[0]?.value;
		const text = JSON.stringify(body);
		if (before === undefined && body.type === "httpRouteStatus" && body.parents.length === 0) return;
		told.add(key);
		if (before === text) return;
		this.#ports.sql.run("INSERT OR REPLACE INTO meta VALUES (?, ?)", key, text);
		this.outbox.post({ to: { object: "namespace", name: namespace }, body });
	}

	#opened = ({ body }: StoredRow): string => (body === "" ? "" : this.#ports.seal.open(body, PLACE));

	/** After a rotation of the keys. */
	#reseal(): void {
		const { seal, sql } = this.#ports;
		if (seal.outdatedPrefixes.length === 0) return;
		for (const row of sql.all<StoredRow>("SELECT * FROM networks WHERE body != ''")) {
			if (!row.body.startsWith(seal.prefix)) sql.run("UPDATE networks SET body = ? WHERE namespace = ?", seal.seal(this.#opened(row), PLACE), row.namespace);
		}
		seal.forgetOutdated();
	}
}

/** A key in the words of edgeRowKey, of a row of routes or of a Service. */
function goneRow(key: string): EdgeRow {
	const [row = "", ...rest] = key.split("/");
	if (row === "service") return { row, namespace: rest[0] ?? "", name: rest[1] ?? "", service: null };
	const [kind = "", namespace = "", name = ""] = rest;
	return { row: "routes", kind, namespace, name, createdMs: 0, routes: null };
}
