/**
 * The API server of one Durable Object: what the verbs, the controllers and the watches of a Namespace or the Cluster
 * object share. Portable: no clock, network or platform of its own.
 */
import type { AdmissionView } from "../core/admission/admission.ts";
import type { UserInfo } from "../core/api/request.ts";
import { type Attributes, isPathRequest } from "../core/authz/attributes.ts";
import type { AuthorizerDecision } from "../core/cel/library/authorizer.ts";
import type { ObjectChange } from "../core/controllers/controller.ts";
import type { Allocation, AllocationRequest, HookContext, KindDefinition, KindRegistry } from "../core/kinds/define-kind.ts";
import { apiVersionOf, resourceOf } from "../core/kinds/define-kind.ts";
import type { KubeObject, ResourceName } from "../core/meta/object.ts";
import { suffixFrom } from "../core/meta/names.ts";
import { type ClusterNetwork, DEFAULT_NETWORK, serviceFamilies } from "../core/protocol/cluster-addresses.ts";
import type { Schema } from "../core/schema/types.ts";
import { Store, type Summary } from "../store/store.ts";
import type { Authorizer } from "./authorizer.ts";
import { inVersion, storageForm } from "./conversion.ts";
import { EventCorrelator } from "./event-correlator.ts";
import { Attempt } from "./attempt.ts";
import type { CorePorts } from "./ports.ts";

/** How long another namespace may take to decide, in seconds. */
const DECISION_SECONDS = 10;

/** A committed change, with what watches and controllers need of it. */
export interface CommittedChange extends ObjectChange {
	revision: number;
	name: string;
	summary: Summary;
	previous: Summary | null;
	/** The state a watcher is shown: the new one, or the final one of a deletion. */
	shown: KubeObject;
	/** Its JSON text. */
	text: string;
}

/** Thrown inside a transaction by a write that needs addresses: the caller gets them and tries again. */
export class AllocationNeeded extends Error {
	readonly request: AllocationRequest;
	readonly holder: string;
	readonly dryRun: boolean;

	constructor(request: AllocationRequest, holder: string, dryRun: boolean) {
		super("an allocation is needed before this write");
		this.request = request;
		this.holder = holder;
		this.dryRun = dryRun;
	}
}

/** A collection of another object's that this one holds a copy of, for its controllers to read. */
export interface Replica {
	get(name: string): KubeObject | undefined;
	list(): KubeObject[];
}

export interface ResourceServerOptions {
	ports: CorePorts;
	kinds: KindRegistry;
	schema: Schema;
	/** "" in the Cluster object. */
	namespace: string;
	/** What admission reads of this object; the rest of its view is the server's own. */
	admission: Omit<AdmissionView, "ask" | "canAsk" | "kinds" | "schema" | "convert" | "decide">;
	authorizer: Authorizer;
	/** Runs after every commit, inside its transaction, and may commit more. */
	afterCommit?(server: ResourceServer, kind: KindDefinition, old: KubeObject | undefined, next: KubeObject | undefined): void;
	/** By the collection's name in the store. */
	replicas?: Readonly<Record<ResourceName, Replica>>;
}

export class ResourceServer {
	readonly store: Store;
	readonly kinds: KindRegistry;
	readonly schema: Schema;
	readonly namespace: string;
	readonly admission: AdmissionView;
	readonly ports: CorePorts;
	readonly authorizer: Authorizer;
	readonly replicas: Readonly<Record<ResourceName, Replica>>;
	readonly events = new EventCorrelator();
	/** Got for the write that is being tried again. */
	allocation: Allocation | undefined;
	readonly #afterCommit: NonNullable<ResourceServerOptions["afterCommit"]>;
	/** The write that is under way. */
	attempt: Attempt;
	#committed: CommittedChange[] = [];
	/** The second since 1970 that `#secondIso` spells: most writes fall in the same as the one before. */
	#second = Number.NaN;
	#secondIso = "";

	constructor(options: ResourceServerOptions) {
		this.ports = options.ports;
		this.kinds = options.kinds;
		this.schema = options.schema;
		this.namespace = options.namespace;
		this.attempt = new Attempt(options.ports);
		this.admission = {
			...options.admission,
			webhooks: () => (this.attempt.asksWebhooks ? options.admission.webhooks() : undefined),
			ask: (questions) => this.attempt.ask(questions),
			canAsk: () => this.attempt.asksWebhooks,
			decide: (user, attributes) => this.#decide(user, attributes),
			kinds: options.kinds,
			schema: options.schema,
			convert: (object, to) => (to.present ? inVersion(this.attempt, to, object) : { ...object, apiVersion: apiVersionOf(to) }),
		};
		this.authorizer = options.authorizer;
		this.replicas = options.replicas ?? {};
		const sealed = options.kinds.all().filter((kind) => kind.encrypted);
		this.store = new Store(options.ports.sql, { seal: options.ports.seal, resources: new Set(sealed.map(resourceOf)) });
		this.#afterCommit = options.afterCommit ?? (() => {});
	}

	/** What another namespace's roles allow only its own object knows. */
	#decide(user: UserInfo, attributes: Attributes): AuthorizerDecision {
		const decision = this.authorizer.decide(user, attributes);
		if (decision.allowed || isPathRequest(attributes) || attributes.namespace === "" || attributes.namespace === this.namespace) return decision;
		if (!this.attempt.asksWebhooks) return { ...decision, error: `the roles of namespace ${attributes.namespace} are not known here` };
		const [outcome] = this.attempt.ask([{ target: { decision: { user, attributes } }, timeoutSeconds: DECISION_SECONDS, body: () => "" }]);
		if (outcome !== undefined && "status" in outcome && outcome.status === 200) return JSON.parse(outcome.body) as AuthorizerDecision;
		return { ...decision, error: outcome && "failure" in outcome ? outcome.failure : `namespace ${attributes.namespace} did not answer` };
	}

	/** Where the types of a kind are found. */
	schemaOf(kind: KindDefinition): Schema {
		return kind.types ?? this.schema;
	}

	/** The object as the kind shows it, or undefined. It is shared: clone before changing it. */
	read<T extends KubeObject>(kind: KindDefinition, name: string): T | undefined {
		const stored = this.store.get<T>(resourceOf(kind), name);
		return stored !== undefined && kind.present ? (inVersion(this.attempt, kind, stored) as T) : stored;
	}

	/** A stored object's text as the kind shows it. */
	shownText(kind: KindDefinition, text: string): string {
		return kind.present ? JSON.stringify(kind.present(JSON.parse(text) as KubeObject)) : text;
	}

	get network(): ClusterNetwork {
		return this.ports.network ?? DEFAULT_NETWORK;
	}

	hookContext(user: UserInfo): HookContext {
		const { base } = this.attempt;
		return {
			nowMs: this.attempt.nowMs(),
			suffix: (length) => this.suffix(length),
			user,
			serviceFamilies: serviceFamilies(this.network),
			...(base === undefined ? {} : { base }),
		};
	}

	suffix(length: number): string {
		return suffixFrom(() => this.attempt.random())(length);
	}

	nowIso(): string {
		const second = Math.floor(this.attempt.nowMs() / 1000);
		if (second !== this.#second) {
			this.#second = second;
			this.#secondIso = `${new Date(second * 1000).toISOString().slice(0, 19)}Z`;
		}
		return this.#secondIso;
	}

	/** Runs `work` as one try of a write: it draws, and asks, through `attempt`. */
	trying<T>(attempt: Attempt, work: () => T): T {
		const outer = this.attempt;
		this.attempt = attempt;
		try {
			return work();
		} finally {
			this.attempt = outer;
		}
	}

	/** Runs `work` so that it leaves everything or nothing. */
	transaction<T>(work: () => T): T {
		const before = this.#committed.length;
		const mark = this.store.mark();
		try {
			return this.ports.sql.transaction(work);
		} catch (error) {
			this.#committed.length = before;
			this.store.rollback(mark);
			this.authorizer.changed("");
			throw error;
		}
	}

	/** Writes an object and notes the change. What is stored may be another version of it. */
	commit<T extends KubeObject>(kind: KindDefinition, object: T, old: KubeObject | undefined): T {
		if (kind.conversion === undefined) return this.#commit(kind, object, old);
		const stored = storageForm(this.attempt, kind, object);
		const resource = resourceOf(kind);
		const written = this.#commit(this.kinds.byStoreName(resource) ?? kind, stored, old && this.store.get(resource, object.metadata.name ?? ""));
		return stored === object ? (written as T) : { ...object, metadata: { ...object.metadata, resourceVersion: written.metadata.resourceVersion } };
	}

	/** Whether the object, written again as it is, would be stored as it is: not where it is still stored in another version than its kind is now. */
	isCurrent(kind: KindDefinition, object: KubeObject): boolean {
		if (kind.conversion === undefined || object.apiVersion !== apiVersionOf(kind)) return true;
		return this.store.get(resourceOf(kind), object.metadata.name ?? "")?.apiVersion === kind.conversion.storage;
	}

	#commit<T extends KubeObject>(kind: KindDefinition, object: T, old: KubeObject | undefined): T {
		const resource = resourceOf(kind);
		const previous = old === undefined ? null : this.summaryOf(kind, old);
		const summary = this.summaryOf(kind, object);
		const written = this.store.put(resource, object, summary, old && previous ? { object: old, summary: previous } : undefined, this.ports.nowMs());
		this.#note(resource, written, written, old, summary, previous);
		this.#afterCommit(this, kind, old, written);
		return written;
	}

	/** Removes an object and notes the change. */
	remove<T extends KubeObject>(kind: KindDefinition, object: T): T {
		const resource = resourceOf(kind);
		const stored = this.store.get(resource, object.metadata.name ?? "");
		// Its last state is told in the version that it was stored in.
		const last = kind.conversion && stored ? { ...stored, metadata: object.metadata } : object;
		const summary = this.summaryOf(kind, last);
		const final = this.store.remove(resource, last, summary, this.ports.nowMs());
		this.#note(resource, undefined, final, last, summary, summary);
		this.#afterCommit(this, kind, stored, undefined);
		return last === object ? (final as T) : { ...object, metadata: final.metadata };
	}

	/** The changes committed since the last call. */
	takeCommitted(): CommittedChange[] {
		const taken = this.#committed;
		this.#committed = [];
		this.store.settle();
		return taken;
	}

	/** The changes committed since `from`, still to be taken. */
	committedSince(from: number): readonly CommittedChange[] {
		return this.#committed.slice(from);
	}

	committedCount(): number {
		return this.#committed.length;
	}

	summaryOf(kind: KindDefinition, object: KubeObject): Summary {
		const fields: Record<string, string> = {};
		for (const [path, read] of Object.entries(kind.storedAs?.kind.selectableFields ?? kind.selectableFields ?? {})) fields[path] = read(object);
		return { labels: object.metadata.labels ?? {}, fields };
	}

	#note(
		resource: ResourceName,
		object: KubeObject | undefined,
		shown: KubeObject,
		old: KubeObject | undefined,
		summary: Summary,
		previous: Summary | null,
	): void {
		const name = shown.metadata.name ?? "";
		this.authorizer.changed(resource);
		this.#committed.push({
			resource,
			name,
			revision: Number(shown.metadata.resourceVersion),
			summary,
			previous,
			shown,
			text: this.store.textOf(shown),
			...(old ? { old } : {}),
			...(object ? { object } : {}),
		});
	}
}
