/**
 * The Durable Object of a whole deployment: its accounts and the clusters that they have. Requests to a cluster do not
 * pass here; only its making, its end, and a name that comes without an id do.
 */
import { DurableObject } from "cloudflare:workers";
import { alreadyExists, conflict, forbiddenError, type GroupResource, notFound, type StatusError } from "../core/errors/status-error.ts";
import type { WorkerEnv } from "../core/protocol/tokens.ts";
import { clusterObject } from "./addresses.ts";
import { logFault } from "./log.ts";
import type { Refusal } from "./rpc.ts";
import { statusOf } from "./answers.ts";
import { clusterIdOf } from "./tenancy.ts";

/** Clusters that an account may have unless it was given another limit. */
export const CLUSTERS_PER_ACCOUNT_DEFAULT = 10;
/** The highest limit that an account can be given; the deployment's owner has it too. */
export const CLUSTERS_PER_ACCOUNT_MAX = 1_000;
export const ACCOUNTS_MAX = 10_000;
export const TOKENS_PER_ACCOUNT_MAX = 20;
/** The account of the deployment's owner, who needs no token of it. */
export const OWNER_ACCOUNT = "owner";
/** How soon a deletion that failed half way is taken up again, in milliseconds. */
const DELETION_RETRY_MS = 10_000;
const ID_SUFFIX_BYTES = 5;

const CLUSTERS: GroupResource = { group: "petrel.dev", resource: "clusters" };
const ACCOUNTS: GroupResource = { group: "petrel.dev", resource: "accounts" };

export interface AccountRecord {
	name: string;
	creationTimestamp: string;
	maxClusters: number;
	/** By id: when each was made. The tokens themselves are nowhere, only their hashes. */
	tokens: Record<string, { creationTimestamp: string }>;
}

export interface ClusterRecord {
	name: string;
	id: string;
	account: string;
	creationTimestamp: string;
	phase: "Creating" | "Active" | "Terminating";
	authentication?: string;
}

export type Answer<T> = { ok: true; value: T } | Refusal;

const account = (name: string): string => `account/${name}`;
const cluster = (name: string): string => `cluster/${name}`;
const token = (hash: string): string => `token/${hash}`;
/** Enough of a hash to name it. */
const tokenId = (hash: string): string => hash.slice(0, 12);
const nowIso = (): string => `${new Date().toISOString().slice(0, 19)}Z`;

export class RegistryObject extends DurableObject<WorkerEnv> {
	/** `hash`: of the account's first token. */
	createAccount(name: string, maxClusters: number, hash: string): Promise<Answer<AccountRecord>> {
		return this.#answer(() => {
			if (this.#account(name) || name === OWNER_ACCOUNT) throw alreadyExists(ACCOUNTS, name);
			if (this.#list("account/").length >= ACCOUNTS_MAX) throw tooMany(`the deployment has its ${ACCOUNTS_MAX} accounts`);
			const record: AccountRecord = { name, creationTimestamp: nowIso(), maxClusters, tokens: {} };
			this.ctx.storage.kv.put(account(name), record);
			return this.#addToken(record, hash);
		});
	}

	accounts(): Promise<Answer<AccountRecord[]>> {
		return this.#answer(() => this.#list<AccountRecord>("account/"));
	}

	/** An account without clusters; its tokens go with it. */
	deleteAccount(name: string): Promise<Answer<AccountRecord>> {
		return this.#answer(() => {
			const record = this.#requireAccount(name);
			if (this.#clustersOf(name).length > 0) throw conflict(ACCOUNTS, name, "the account still has clusters: delete them first");
			for (const [key, holder] of this.ctx.storage.kv.list<string>({ prefix: "token/" })) if (holder === name) this.ctx.storage.kv.delete(key);
			this.ctx.storage.kv.delete(account(name));
			return record;
		});
	}

	addToken(name: string, hash: string): Promise<Answer<AccountRecord>> {
		return this.#answer(() => this.#addToken(this.#requireAccount(name), hash));
	}

	removeToken(name: string, id: string): Promise<Answer<AccountRecord>> {
		return this.#answer(() => {
			const record = this.#requireAccount(name);
			const found = [...this.ctx.storage.kv.list<string>({ prefix: token(id) })].find(([, holder]) => holder === name);
			if (record.tokens[id] === undefined || found === undefined) throw notFound({ group: "petrel.dev", resource: "tokens" }, id);
			this.ctx.storage.kv.delete(found[0]);
			const { [id]: _, ...tokens } = record.tokens;
			return this.#keepAccount({ ...record, tokens });
		});
	}

	/** Whose token it is; null when nobody's. */
	async accountOfToken(hash: string): Promise<string | null> {
		return this.ctx.storage.kv.get<string>(token(hash)) ?? null;
	}

	createCluster(owner: string, name: string): Promise<Answer<ClusterRecord>> {
		return this.#answer(async () => {
			if (this.#cluster(name)) throw alreadyExists(CLUSTERS, name);
			const max = owner === OWNER_ACCOUNT ? CLUSTERS_PER_ACCOUNT_MAX : this.#requireAccount(owner).maxClusters;
			if (this.#clustersOf(owner).length >= max) throw tooMany(`account ${JSON.stringify(owner)} has its ${max} clusters`);
			const suffix = Array.from(crypto.getRandomValues(new Uint8Array(ID_SUFFIX_BYTES)), (byte) => byte.toString(16).padStart(2, "0")).join("");
			const record: ClusterRecord = { name, id: clusterIdOf(name, suffix), account: owner, creationTimestamp: nowIso(), phase: "Creating" };
			this.ctx.storage.kv.put(cluster(name), record);
			try {
				await clusterObject(this.env, record.id).create();
			} catch (error) {
				await this.#remove(record);
				throw error;
			}
			return this.#keepCluster({ ...record, phase: "Active" });
		});
	}

	/** Of one account, or of all. */
	clusters(owner: string | null): Promise<Answer<ClusterRecord[]>> {
		return this.#answer(() => (owner === null ? this.#list<ClusterRecord>("cluster/") : this.#clustersOf(owner)));
	}

	/** Another account's cluster is not found, as one that is not there. */
	cluster(owner: string | null, name: string): Promise<Answer<ClusterRecord>> {
		return this.#answer(() => this.#requireCluster(owner, name));
	}

	/** Resolves once nothing is left of it, or, when something fails, with the cluster still Terminating: an alarm goes on with it. */
	deleteCluster(owner: string | null, name: string): Promise<Answer<ClusterRecord>> {
		return this.#answer(async () => {
			const record = this.#keepCluster({ ...this.#requireCluster(owner, name), phase: "Terminating" });
			await this.ctx.storage.setAlarm(Date.now() + DELETION_RETRY_MS);
			await this.#remove(record).catch((error: unknown) => logFault(`deletion of cluster ${name}`, error));
			return record;
		});
	}

	/** Whose tokens beside its own the cluster takes: an AuthenticationConfiguration as JSON, "" for none. */
	setAuthentication(owner: string | null, name: string, authentication: string): Promise<Answer<ClusterRecord>> {
		return this.#answer(() => this.#keepCluster({ ...this.#requireCluster(owner, name), authentication }));
	}

	/** The cluster that has this name now. */
	async clusterEntry(name: string): Promise<{ id: string; authentication: string } | null> {
		const found = this.#cluster(name);
		return found?.phase === "Active" ? { id: found.id, authentication: found.authentication ?? "" } : null;
	}

	override async alarm(): Promise<void> {
		const terminating = this.#list<ClusterRecord>("cluster/").filter(({ phase }) => phase === "Terminating");
		if (terminating.length > 0) await this.ctx.storage.setAlarm(Date.now() + DELETION_RETRY_MS);
		for (const record of terminating) await this.#remove(record).catch((error: unknown) => logFault(`deletion of cluster ${record.name}`, error));
	}

	async #remove(record: ClusterRecord): Promise<void> {
		await clusterObject(this.env, record.id).destroy();
		if (this.#cluster(record.name)?.id === record.id) this.ctx.storage.kv.delete(cluster(record.name));
	}

	#addToken(record: AccountRecord, hash: string): AccountRecord {
		if (Object.keys(record.tokens).length >= TOKENS_PER_ACCOUNT_MAX)
			throw tooMany(`account ${JSON.stringify(record.name)} has its ${TOKENS_PER_ACCOUNT_MAX} tokens`);
		this.ctx.storage.kv.put(token(hash), record.name);
		return this.#keepAccount({ ...record, tokens: { ...record.tokens, [tokenId(hash)]: { creationTimestamp: nowIso() } } });
	}

	#list<T>(prefix: string): T[] {
		return [...this.ctx.storage.kv.list<T>({ prefix })].map(([, value]) => value);
	}

	#account = (name: string): AccountRecord | undefined => this.ctx.storage.kv.get<AccountRecord>(account(name));
	#cluster = (name: string): ClusterRecord | undefined => this.ctx.storage.kv.get<ClusterRecord>(cluster(name));
	#clustersOf = (owner: string): ClusterRecord[] => this.#list<ClusterRecord>("cluster/").filter((record) => record.account === owner);

	#keepAccount(record: AccountRecord): AccountRecord {
		this.ctx.storage.kv.put(account(record.name), record);
		return record;
	}

	#keepCluster(record: ClusterRecord): ClusterRecord {
		this.ctx.storage.kv.put(cluster(record.name), record);
		return record;
	}

	#requireAccount(name: string): AccountRecord {
		const found = this.#account(name);
		if (found === undefined) throw notFound(ACCOUNTS, name);
		return found;
	}

	#requireCluster(owner: string | null, name: string): ClusterRecord {
		const found = this.#cluster(name);
		if (found === undefined || (owner !== null && found.account !== owner)) throw notFound(CLUSTERS, name);
		return found;
	}

	async #answer<T>(work: () => T | Promise<T>): Promise<Answer<T>> {
		try {
			return { ok: true, value: await work() };
		} catch (error) {
			return { ok: false, status: statusOf(error, "the registry") };
		}
	}
}

/** As a quota's refusal: nothing to wait for. */
const tooMany = (why: string): StatusError => forbiddenError(CLUSTERS, "", `exceeded quota: ${why}`);
