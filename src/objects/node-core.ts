/**
 * The Node object, portable: the agent's mailbox (what should run there), its liveness, and the eviction of pods by taints.
 * A heartbeat is never a row: the object learns of a lost agent only by its held poll's socket closing.
 */
import { evictions } from "../core/controllers/taint-eviction.ts";
import {
	type AgentCommand,
	AGENT_PROTOCOL_VERSION,
	type DeletedVolume,
	type NetworkRow,
	networkRowKey,
	type NodeUsage,
	POLL_HOLD_MS,
	type PollRequest,
	type PollResponse,
	type VolumeDirectory,
} from "../core/protocol/agent-protocol.ts";
import type { MessageBody, ObjectMessage, PodRef } from "../core/protocol/messages.ts";
import type { ConfigMap, Pod, Secret, Taint } from "../core/schema/kubernetes.d.ts";
import { RevisionClock } from "../store/revision-clock.ts";
import { Alarm } from "./alarm.ts";
import { Outbox } from "./outbox.ts";
import type { CorePorts, Delivery } from "./ports.ts";

export type Cursors = Pick<PollRequest, "cursor" | "networkCursor" | "networkVersion">;

/** A held poll: answered by one message. */
export interface HeldPoll extends Cursors {
	answer(response: PollResponse): void;
}

/** How long after a held poll ended the next one must be there, in milliseconds. */
export const POLL_GAP_MS = 15_000;
/** A command that no poll took in this time is dropped, in milliseconds: its session has given up by then. */
const COMMAND_TTL_MS = 30_000;
const COMMANDS_MAX = 256;
/** Before a session's id, in the meta table. */
const SESSION = "session/";
/** Usage this old is given to whoever asks next, in milliseconds: autoscalers of many namespaces ask at about the same time. */
const USAGE_FRESH_MS = 10_000;
const UNREACHABLE_TAINTS = ["node.kubernetes.io/unreachable", "node.kubernetes.io/not-ready"];
const OUT_OF_SERVICE = "node.kubernetes.io/out-of-service";

const isLost = (taints: readonly Taint[]): boolean => taints.some((taint) => UNREACHABLE_TAINTS.includes(taint.key));

type DesiredRow = { uid: string; namespace: string; name: string; sequence: number; body: string };
type ReferencedRow = { resource: string; namespace: string; name: string; sequence: number; body: string };

const REFERENCED_RESOURCES = { configmaps: "configMaps", secrets: "secrets" } as const;
/** Of what no pod refers to: they belong to no namespace. */
const VOLUME_DIRECTORIES = "volume-directories";

export class NodeCore {
	readonly node: string;
	readonly outbox: Outbox;
	readonly #ports: CorePorts;
	readonly #clock: RevisionClock;
	readonly #held = new Set<HeldPoll>();
	/** Kept for a while after they are sent, for the poll that took them may be a dead agent's: an agent ignores an id it serves. */
	readonly #commands = new Map<string, { command: AgentCommand; atMs: number; sent: boolean }>();
	readonly #usageAsked = new Map<string, (usage: NodeUsage | null) => void>();
	#usage: { usage: NodeUsage; atMs: number } | undefined;
	readonly #alarm: Alarm;
	#connected: boolean;
	/** Nothing was heard of the agent since this object woke. */
	#unheard = true;
	#taints: Taint[];
	/** An agent whose cursor is older has not heard since its node was given up for lost. */
	#resyncSequence: number;
	#pollDueMs: number | undefined;
	/** When a poll that was held must be over: wakes an object whose sockets went with the whole control plane. */
	#lossDueMs: number | undefined;
	#evictionDueMs: number | undefined;

	constructor(node: string, ports: CorePorts) {
		this.node = node;
		this.#ports = ports;
		const newest = ports.sql.all<{ newest: number | null }>(
			"SELECT max(sequence) AS newest FROM (SELECT sequence FROM desired UNION ALL SELECT sequence FROM referenced)",
		)[0]?.newest;
		this.#clock = new RevisionClock(Math.max(newest ?? 0, Number(this.#meta("cursor") ?? 0)));
		this.outbox = new Outbox(ports, { object: "node", name: node }, this.#clock);
		this.#alarm = new Alarm(ports);
		this.#connected = this.#meta("connected") === "true";
		this.#taints = JSON.parse(this.#meta("taints") ?? "[]") as Taint[];
		this.#resyncSequence = Number(this.#meta("resync") ?? 0);
		if (this.#connected) this.#pollDueMs = ports.nowMs() + POLL_GAP_MS;
		if (this.#taints.length > 0) this.#evictionDueMs = ports.nowMs();
		ports.sql.transaction(() => this.#reseal());
	}

	/** Stores what the agent reports for delivery to whom it concerns. Call `settle` afterwards. */
	report({ statuses = [], stopped = [], volumesDeleted = [], node, usage, cursor }: PollRequest): void {
		if (usage !== undefined) this.#takeUsage(usage);
		this.#ports.sql.transaction(() => {
			for (const [name, group] of Map.groupBy(statuses, ({ pod }) => pod.namespace))
				this.#post({ to: { object: "namespace", name }, body: { type: "podStatus", node: this.node, statuses: group } });
			for (const [name, pods] of Map.groupBy(stopped, (pod) => pod.namespace))
				this.#post({ to: { object: "namespace", name }, body: { type: "podStopped", node: this.node, pods } });
			if (volumesDeleted.length > 0) this.#takeDeleted(volumesDeleted);
			if (node !== undefined) {
				this.#connect();
				this.#unheard = false;
				// A report may come from an agent whose next poll does not.
				if (this.#held.size === 0) this.#pollDueMs ??= this.#ports.nowMs() + POLL_GAP_MS;
				this.#tellCluster({ connected: true, ...node });
			}
			this.#ports.sql.run("DELETE FROM desired WHERE body = '' AND sequence <= ?", cursor);
		});
	}

	/** What changed since the agent's cursors, with the commands that wait for it. */
	poll({ cursor, networkCursor, networkVersion }: Cursors): PollResponse {
		const full = this.#isStranger(cursor);
		const since = full ? 0 : cursor;
		const desired = this.#ports.sql.all<DesiredRow>("SELECT * FROM desired WHERE sequence > ?", since);
		const referenced = this.#ports.sql.all<ReferencedRow>("SELECT * FROM referenced WHERE sequence > ?", since);
		const network = this.#networkSince(networkCursor);
		const parsed = (resource: string) => referenced.filter((row) => row.resource === resource).map((row) => JSON.parse(this.#opened(row)));
		const commands = this.#takeCommands();
		return {
			version: AGENT_PROTOCOL_VERSION,
			cursor: Math.max(cursor > this.#clock.cut() ? 0 : cursor, this.#clock.cut()),
			networkCursor: network.sequence,
			full,
			pods: desired.filter((row) => row.body !== "").map((row) => JSON.parse(row.body) as Pod),
			removed: full ? [] : desired.filter((row) => row.body === "").map(refOf),
			configMaps: parsed("configmaps") as ConfigMap[],
			secrets: parsed("secrets") as Secret[],
			volumesToDelete: parsed(VOLUME_DIRECTORIES) as VolumeDirectory[],
			...(networkVersion === undefined ? { network: this.#byNamespace(network.rows) } : { network: [], networkRows: network.rows }),
			commands,
		};
	}

	#networkSince(cursor: number): { sequence: number; rows: NetworkRow[] } {
		const found = this.#ports.sql.all<{ sequence: number; body: string }>("SELECT sequence, body FROM networks WHERE sequence > ? ORDER BY sequence", cursor);
		const rows = found.map(({ body }) => JSON.parse(body) as NetworkRow);
		return { sequence: found.at(-1)?.sequence ?? cursor, rows };
	}

	/** For an agent that knows no rows: the Services of each namespace in which one changed. */
	#byNamespace(rows: readonly NetworkRow[]): PollResponse["network"] {
		const namespaces = [...new Set(rows.flatMap((row) => (row.kind === "service" ? [row.namespace] : [])))];
		return namespaces.map((namespace) => {
			const all = this.#ports.sql.all<{ body: string }>("SELECT body FROM networks WHERE namespace LIKE ?", `service/${namespace}/%`);
			const services = all.map(({ body }) => JSON.parse(body) as NetworkRow).flatMap((row) => (row.kind === "service" && row.service ? [row.service] : []));
			return { namespace, services: services.filter(({ type }) => type !== "ExternalName") };
		});
	}

	/** Answers a held poll now if there is something to say, else keeps it. */
	hold(held: HeldPoll): void {
		this.#connect();
		this.#unheard = false;
		const nowMs = this.#ports.nowMs();
		this.#pollDueMs = undefined;
		this.#lossDueMs = nowMs + POLL_HOLD_MS + POLL_GAP_MS;
		// An agent keeps one held poll: an older one is a dead connection, and what it was answered would be lost.
		for (const older of this.#held) this.#held.delete(older);
		if (!this.#hasNews(held)) return void this.#held.add(held);
		held.answer(this.poll(held));
		// An answer on its way into a cut cable closes no socket: only the next poll tells that it came.
		this.#pollDueMs = nowMs + POLL_GAP_MS;
	}

	/** Takes up a held poll again after hibernation. */
	adopt(held: HeldPoll): void {
		this.#held.add(held);
		this.#pollDueMs = undefined;
	}

	/** A held poll's socket closed: by the front door after its time (`gone` false), or because the agent went away `silentMs` ago. */
	released(held: HeldPoll | undefined, gone: boolean, silentMs = 0): void {
		if (held !== undefined) this.#held.delete(held);
		if (this.#held.size > 0) return;
		if (gone) this.#disconnect(silentMs);
		else this.#pollDueMs = this.#ports.nowMs() + POLL_GAP_MS;
	}

	get connected(): boolean {
		return this.#connected;
	}

	/** Hands a command to the agent; false when no agent is connected. */
	command(command: AgentCommand): boolean {
		const nowMs = this.#ports.nowMs();
		this.#forgetOldCommands();
		if (!this.#connected || this.#commands.size >= COMMANDS_MAX) return false;
		this.#commands.set(command.id, { command, atMs: nowMs, sent: false });
		if (command.type === "session") this.#setMeta(SESSION + command.id, String(nowMs));
		this.#announce();
		return true;
	}

	/** The sessions that the agent was told of and that have not ended. */
	sessions(): string[] {
		return this.#ports.sql.all<{ key: string }>("SELECT key FROM meta WHERE key LIKE ?", `${SESSION}%`).map(({ key }) => key.slice(SESSION.length));
	}

	sessionEnded(id: string): void {
		this.#ports.sql.run("DELETE FROM meta WHERE key = ?", SESSION + id);
	}

	/** Answers at once with what is no older than USAGE_FRESH_MS, or with null where no agent is; else when the agent has said it. */
	askUsage(id: string, answer: (usage: NodeUsage | null) => void): void {
		const fresh = this.#usage !== undefined && this.#ports.nowMs() - this.#usage.atMs < USAGE_FRESH_MS;
		if (fresh && this.#usage) return answer(this.#usage.usage);
		this.#usageAsked.set(id, answer);
		if (!this.command({ type: "usage", id })) this.#answerUsage(null);
	}

	#takeUsage({ id, usage }: NonNullable<PollRequest["usage"]>): void {
		this.#commands.delete(id);
		this.#usage = { usage, atMs: this.#ports.nowMs() };
		this.#answerUsage(usage);
	}

	#answerUsage(usage: NodeUsage | null): void {
		const waiting = [...this.#usageAsked.values()];
		this.#usageAsked.clear();
		for (const answer of waiting) answer(usage);
	}

	#takeCommands(): AgentCommand[] {
		this.#forgetOldCommands();
		return [...this.#commands.values()].map((entry) => {
			entry.sent = true;
			return entry.command;
		});
	}

	#forgetOldCommands(): void {
		for (const [id, { atMs }] of this.#commands) if (atMs < this.#ports.nowMs() - COMMAND_TTL_MS) this.#commands.delete(id);
	}

	/** Takes in a delivery from another object. */
	receive({ clock, messages }: Delivery): void {
		this.#ports.sql.transaction(() => {
			this.#clock.observe(clock);
			for (const message of messages) this.#take(message);
			this.#evict();
			this.#giveUp();
		});
		this.#announce();
	}

	/** Sends what waits in the outbox and sets the alarm. */
	async settle(): Promise<void> {
		await this.outbox.flush();
		this.arm();
	}

	async wake(): Promise<void> {
		this.#alarm.rang();
		const nowMs = this.#ports.nowMs();
		this.#ports.sql.transaction(() => {
			// One that has slept since an answer is woken by the alarm that was set then: waiting anew each time, it would wait for ever.
			const isDue = this.#pollDueMs !== undefined && (this.#unheard || this.#pollDueMs <= nowMs);
			if (isDue && this.#held.size === 0) this.#disconnect();
			if (this.#lossDueMs !== undefined && this.#lossDueMs <= nowMs) this.#lossDueMs = undefined;
			if (this.#evictionDueMs !== undefined && this.#evictionDueMs <= nowMs) this.#evict();
		});
		await this.settle();
	}

	arm(): void {
		this.#alarm.arm([this.#pollDueMs, this.#lossDueMs, this.#evictionDueMs, this.outbox.nextDueMs()]);
	}

	#take(message: MessageBody): void {
		switch (message.type) {
			case "assign":
				for (const pod of message.pods) this.#want(pod);
				for (const configMap of message.configMaps) this.#refer("configmaps", configMap);
				for (const secret of message.secrets) this.#refer("secrets", secret);
				return;
			case "deleteVolumes":
				return this.#deleteVolumes(message.volumes);
			case "unassign":
				for (const pod of message.pods) this.#unwant(pod);
				return;
			case "network":
				for (const row of message.rows)
					this.#ports.sql.run(
						"INSERT OR REPLACE INTO networks (namespace, sequence, body) VALUES (?, ?, ?)",
						networkRowKey(row),
						message.sequence,
						JSON.stringify(row),
					);
				return;
			case "keysRotated":
				return;
			case "nodeTaints":
				return this.#taint(message.taints);
			default:
				return this.#ports.logError(`a Node object takes no message ${message.type}`, undefined);
		}
	}

	#want(pod: Pod): void {
		const body = JSON.stringify(pod);
		const uid = pod.metadata.uid ?? "";
		const old = this.#ports.sql.all<{ body: string }>("SELECT body FROM desired WHERE uid = ?", uid)[0]?.body;
		// A sender that died may have had a message under way, which comes after what its successor sent.
		if (old !== undefined && (old === "" || old === body || isNewer(JSON.parse(old) as Pod, pod))) return;
		this.#ports.sql.run(
			"INSERT OR REPLACE INTO desired (uid, namespace, name, sequence, body) VALUES (?, ?, ?, ?, ?)",
			uid,
			pod.metadata.namespace ?? "",
			pod.metadata.name ?? "",
			this.#next(),
			body,
		);
	}

	#unwant(pod: PodRef): void {
		this.#ports.sql.run("UPDATE desired SET body = '', sequence = ? WHERE uid = ? AND body <> ''", this.#next(), pod.uid);
		const left = this.#ports.sql.all("SELECT 1 FROM desired WHERE namespace = ? AND body <> '' LIMIT 1", pod.namespace);
		if (left.length === 0) this.#ports.sql.run("DELETE FROM referenced WHERE namespace = ?", pod.namespace);
	}

	#refer(resource: keyof typeof REFERENCED_RESOURCES, object: ConfigMap | Secret): void {
		const body = JSON.stringify(object);
		const { namespace = "", name = "" } = object.metadata;
		const old = this.#ports.sql.all<{ body: string }>(
			"SELECT body FROM referenced WHERE resource = ? AND namespace = ? AND name = ?",
			resource,
			namespace,
			name,
		)[0];
		if (old !== undefined && this.#opened({ resource, namespace, name, body: old.body }) === body) return;
		this.#ports.sql.run(
			"INSERT OR REPLACE INTO referenced (resource, namespace, name, sequence, body) VALUES (?, ?, ?, ?, ?)",
			resource,
			namespace,
			name,
			this.#next(),
			resource === "secrets" ? this.#ports.seal.seal(body, placeOf({ resource, namespace, name })) : body,
		);
	}

	#deleteVolumes(volumes: readonly VolumeDirectory[]): void {
		for (const volume of volumes)
			this.#ports.sql.run(
				"INSERT OR REPLACE INTO referenced (resource, namespace, name, sequence, body) VALUES (?, '', ?, ?, ?)",
				VOLUME_DIRECTORIES,
				volume.name,
				this.#next(),
				JSON.stringify(volume),
			);
	}

	/** Whether the directory is gone or cannot be removed: the agent is asked again only when the Cluster object asks again. */
	#takeDeleted(volumes: DeletedVolume[]): void {
		for (const { name } of volumes) this.#ports.sql.run("DELETE FROM referenced WHERE resource = ? AND name = ?", VOLUME_DIRECTORIES, name);
		this.#post({ to: { object: "cluster" }, body: { type: "volumesDeleted", node: this.node, volumes } });
	}

	#opened(row: Omit<ReferencedRow, "sequence">): string {
		if (row.resource === VOLUME_DIRECTORIES) return row.body;
		return this.#ports.seal.open(row.body, placeOf(row));
	}

	/** After a rotation of the keys: what the agent was given is sealed anew. Few rows: a node's Secrets. */
	#reseal(): void {
		const { seal, sql } = this.#ports;
		if (seal.outdatedPrefixes.length === 0) return;
		const rows = sql.all<ReferencedRow>("SELECT * FROM referenced WHERE resource = 'secrets'");
		for (const row of rows.filter(({ body }) => seal.outdatedPrefixes.some((prefix) => body.startsWith(prefix))))
			sql.run(
				"UPDATE referenced SET body = ? WHERE resource = ? AND namespace = ? AND name = ?",
				seal.seal(this.#opened(row), placeOf(row)),
				row.resource,
				row.namespace,
				row.name,
			);
		seal.forgetOutdated();
	}

	#taint(taints: Taint[]): void {
		const was = this.#taints;
		this.#taints = taints;
		this.#setMeta("taints", JSON.stringify(taints));
		if (!isLost(taints) || isLost(was)) return;
		this.#resyncSequence = this.#next();
		this.#setMeta("resync", String(this.#resyncSequence));
		for (const [name, pods] of Map.groupBy(this.#pods(), (pod) => pod.metadata.namespace ?? "")) {
			const running = pods.filter((pod) => pod.metadata.deletionTimestamp === undefined);
			this.#post({ to: { object: "namespace", name }, body: { type: "nodeLost", node: this.node, pods: running.map(podRef) } });
		}
	}

	/** Asks for the deletion of pods that do not tolerate the node's NoExecute taints, or no longer. */
	#evict(): void {
		this.#evictionDueMs = undefined;
		if (!this.#taints.some((taint) => taint.effect === "NoExecute")) return;
		const { evict, nextAtMs } = evictions(this.#pods(), this.#taints, this.#ports.nowMs());
		this.#evictionDueMs = nextAtMs;
		for (const [name, pods] of Map.groupBy(evict, (pod) => pod.namespace))
			this.#post({
				to: { object: "namespace", name },
				body: { type: "evictPods", node: this.node, pods, reason: "DeletionByTaintManager", message: "Taint manager: deleting due to NoExecute taint" },
			});
	}

	/** Of a lost node that is out of service, as an administrator says by a taint, nothing will ever report that a pod has ended. */
	#giveUp(): void {
		if (!this.#taints.some(({ key }) => key === OUT_OF_SERVICE) || !isLost(this.#taints)) return;
		const going = this.#pods().filter(({ metadata }) => metadata.deletionTimestamp !== undefined);
		for (const [name, pods] of Map.groupBy(going.map(podRef), (pod) => pod.namespace))
			this.#post({ to: { object: "namespace", name }, body: { type: "nodeOutOfService", node: this.node, pods } });
	}

	/** Whether the agent must be told everything: it is new, or its pods were given up for lost since and it must report them anew. */
	#isStranger(cursor: number): boolean {
		return cursor === 0 || cursor > this.#clock.cut() || cursor < this.#resyncSequence;
	}

	#pods(): Pod[] {
		return this.#ports.sql.all<DesiredRow>("SELECT * FROM desired WHERE body <> ''").map((row) => JSON.parse(row.body) as Pod);
	}

	#hasNews({ cursor, networkCursor }: Pick<HeldPoll, "cursor" | "networkCursor">): boolean {
		if (this.#isStranger(cursor) || [...this.#commands.values()].some(({ sent }) => !sent)) return true;
		const query =
			"SELECT 1 FROM desired WHERE sequence > ?1 UNION ALL SELECT 1 FROM referenced WHERE sequence > ?1 UNION ALL SELECT 1 FROM networks WHERE sequence > ?2 LIMIT 1";
		return this.#ports.sql.all(query, cursor, networkCursor).length > 0;
	}

	/** Answers held polls that now have something to hear. */
	#announce(): void {
		for (const held of this.#held) {
			if (!this.#hasNews(held)) continue;
			this.#held.delete(held);
			held.answer(this.poll(held));
		}
		if (this.#held.size === 0 && this.#connected) this.#pollDueMs = this.#ports.nowMs() + POLL_GAP_MS;
	}

	#connect(): void {
		if (this.#connected) return;
		this.#connected = true;
		this.#setMeta("connected", "true");
		this.#tellCluster({ connected: true });
	}

	#disconnect(silentMs = 0): void {
		this.#pollDueMs = undefined;
		if (!this.#connected) return;
		this.#connected = false;
		this.#setMeta("connected", "false");
		this.#tellCluster({ connected: false, silentMs });
	}

	#tellCluster(told: Omit<Extract<MessageBody, { type: "nodeStatus" }>, "type" | "node" | "sequence">): void {
		this.#post({ to: { object: "cluster" }, body: { type: "nodeStatus", node: this.node, sequence: this.#next(), ...told } });
	}

	#next(): number {
		const sequence = this.#clock.next(this.#ports.nowMs());
		this.#setMeta("cursor", String(sequence));
		return sequence;
	}

	#meta(key: string): string | undefined {
		return this.#ports.sql.all<{ value: string }>("SELECT value FROM meta WHERE key = ?", key)[0]?.value;
	}

	#setMeta(key: string, value: string): void {
		this.#ports.sql.run("INSERT OR REPLACE INTO meta (key, value) VALUES (?, ?)", key, value);
	}

	#post(message: ObjectMessage): void {
		this.outbox.post(message);
	}
}

/** For the seal. */
const placeOf = ({ resource, namespace, name }: Omit<ReferencedRow, "sequence" | "body">): string => `${resource}/${namespace}/${name}`;
const isNewer = (a: Pod, b: Pod): boolean => Number(a.metadata.resourceVersion ?? 0) > Number(b.metadata.resourceVersion ?? 0);

const refOf = ({ uid, namespace, name }: DesiredRow): PodRef => ({ uid, namespace, name });
const podRef = ({ metadata }: Pod): PodRef => ({ uid: metadata.uid ?? "", namespace: metadata.namespace ?? "", name: metadata.name ?? "" });
