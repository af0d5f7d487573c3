/** Services by nftables: one table per node, whose maps change in one transaction. */
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { type NetworkRow, networkRowKey, type ServiceEntry } from "../../core/protocol/agent-protocol.ts";
import { forgetStaleFlows } from "./connection-tracking.ts";
import { HealthCheckPorts } from "./health-check-ports.ts";
import { forwardPackets } from "./forwarding.ts";
import { applyNft, deleteTable } from "./nft.ts";
import { DEFAULT_FAMILY_NETWORK, type FamilyNetwork } from "./nft-family.ts";
import { localEndpointCount, type NodeView, type ServiceElements, serviceElements } from "./nft-rules.ts";
import { serviceInFamily } from "./service-families.ts";
import type { ServiceProxy } from "./service-proxy.ts";
import { baseTable, ServiceTable } from "./service-table.ts";

const run = promisify(execFile);
/** Marks of sticky ports count from here: unlikely to be anybody else's. */
const STICKY_MARK_BASE = 0x5e70_0000;

type Backends = Map<string, Set<string>>;

export class NftProxy implements ServiceProxy {
	readonly tableName: string;
	readonly #network: FamilyNetwork;
	/** Who answers at health-check node ports: one of the proxies of a node. */
	readonly #answersHealth: boolean;
	readonly #table: ServiceTable;
	readonly #services = new Map<string, ServiceEntry>();
	readonly #zones = new Map<string, string>();
	readonly #marks = new Map<string, string>();
	readonly #health: HealthCheckPorts;
	readonly #node: NodeView;
	readonly #log: (message: string) => void;
	#started = false;

	/** `instance` tells this node's table from others' on the machine. */
	constructor(options: { instance: string; nodeName: string; network?: FamilyNetwork; answersHealth?: boolean; log?: (message: string) => void }) {
		this.tableName = `petrel-${options.instance}-services`;
		this.#network = options.network ?? DEFAULT_FAMILY_NETWORK;
		this.#answersHealth = options.answersHealth ?? true;
		this.#table = new ServiceTable(this.tableName, this.#network.family);
		const told = new Set<string>();
		const log = options.log ?? (() => undefined);
		this.#log = (message) => {
			if (told.has(message)) return;
			told.add(message);
			log(message);
		};
		this.#health = new HealthCheckPorts(this.#log);
		this.#node = { name: options.nodeName, family: this.#network.family, zoneOf: (node) => this.#zones.get(node), stickyMark: (key) => this.#stickyMark(key) };
	}

	#stickyMark(key: string): string {
		const mark = this.#marks.get(key) ?? `0x${(STICKY_MARK_BASE + this.#marks.size + 1).toString(16)}`;
		this.#marks.set(key, mark);
		return mark;
	}

	async start(): Promise<void> {
		if (this.#started) return;
		await forwardPackets(this.#network.family, { toLoopback: true });
		await this.#remake([]);
		this.#started = true;
	}

	async apply(rows: readonly NetworkRow[]): Promise<void> {
		await this.start();
		const changed = this.#take(rows);
		const next = new Map<string, ServiceElements | undefined>();
		const [before, after]: Backends[] = [new Map(), new Map()];
		for (const key of changed) {
			const service = this.#services.get(key);
			next.set(key, service && serviceElements(service, this.#node, this.#log));
			for (const [frontend, backends] of this.#table.elementsOf(key)?.backends ?? []) before?.set(frontend, backends);
			for (const [frontend, backends] of next.get(key)?.backends ?? []) after?.set(frontend, backends);
			this.#checkHealth(key, service);
		}
		await this.#change(next);
		await forgetStaleFlows(before ?? new Map(), after ?? new Map(), this.#log, this.#network.family);
		await this.#forgetAffinities(before ?? new Map(), after ?? new Map());
	}

	/** The keys of Services that must be looked at again. */
	#take(rows: readonly NetworkRow[]): Set<string> {
		const changed = new Set<string>();
		let zonesChanged = false;
		for (const row of rows) {
			if (row.kind === "service") {
				changed.add(networkRowKey(row));
				const own = row.service && serviceInFamily(row.service, this.#network.family);
				if (own) this.#services.set(networkRowKey(row), own);
				else this.#services.delete(networkRowKey(row));
			}
			if (row.kind !== "node" || this.#zones.get(row.name) === row.node?.zone) continue;
			zonesChanged = true;
			if (row.node?.zone) this.#zones.set(row.name, row.node.zone);
			else this.#zones.delete(row.name);
		}
		if (zonesChanged) for (const [key, { trafficDistribution }] of this.#services) if (trafficDistribution) changed.add(key);
		return changed;
	}

	#checkHealth(key: string, service: ServiceEntry | undefined): void {
		if (!this.#answersHealth) return;
		const port = service?.healthCheckNodePort;
		const { namespace = "", name = "" } = service ?? {};
		this.#health.set(key, service && port ? { namespace, name, port, localEndpoints: localEndpointCount(service, this.#node) } : undefined);
	}

	async #change(next: ReadonlyMap<string, ServiceElements | undefined>): Promise<void> {
		const statements = this.#table.change(next);
		if (statements.length === 0) return;
		try {
			await applyNft(`${statements.join("\n")}\n`);
		} catch (error) {
			this.#log(`the Service table is made anew: ${(error as Error).message}`);
			await this.#remake(this.#table.all());
		}
	}

	async #remake(statements: readonly string[]): Promise<void> {
		const table = `table ${this.#network.family} ${this.tableName}`;
		await applyNft(`${table} {}\ndelete ${table}\n${baseTable(this.tableName, this.#network)}${statements.join("\n")}\n`);
	}

	/** Clients that were sent to an endpoint which is gone are sent to another. */
	async #forgetAffinities(before: Backends, after: Backends): Promise<void> {
		const gone = new Map<number, Set<string>>();
		for (const [frontend, backends] of before) {
			const mark = this.#marks.get(frontend);
			const lost = [...backends].filter((backend) => !after.get(frontend)?.has(backend));
			if (mark !== undefined && lost.length > 0) gone.set(Number(mark), new Set(lost));
		}
		if (gone.size === 0) return;
		const { stdout } = await run("nft", ["-j", "list", "map", this.#network.family, this.tableName, "affinity"], { maxBuffer: 256 * 1024 * 1024 });
		const stale = affinitiesIn(stdout).filter(({ mark, endpoint }) => gone.get(mark)?.has(endpoint));
		if (stale.length === 0) return;
		await applyNft(
			`delete element ${this.#network.family} ${this.tableName} affinity { ${stale.map(({ client, mark }) => `${client} . 0x${mark.toString(16)}`).join(", ")} }\n`,
		);
	}

	async stop({ removeAll }: { removeAll: boolean }): Promise<void> {
		this.#health.stop();
		if (removeAll) await deleteTable(this.tableName, this.#network.family);
		this.#started = false;
	}
}

interface Affinity {
	client: string;
	mark: number;
	endpoint: string;
}

type Concat<T> = { concat: T };
type ListedElement = [{ elem: { val: Concat<[string, number]> } }, Concat<[string, number]>];

function affinitiesIn(json: string): Affinity[] {
	const { nftables } = JSON.parse(json) as { nftables: { map?: { elem?: ListedElement[] } }[] };
	return nftables.flatMap(({ map }) =>
		(map?.elem ?? []).map(([{ elem }, { concat }]) => ({ client: elem.val.concat[0], mark: elem.val.concat[1], endpoint: concat.join(" . ") })),
	);
}
