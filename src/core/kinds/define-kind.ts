/**
 * What a kind is. Each built-in kind declares one `KindDefinition` in its own file; a CustomResourceDefinition builds
 * the same value at run time. Routing, discovery, OpenAPI, tables, patch, apply and protobuf derive from it, and the
 * verbs call its hooks, so that nothing elsewhere asks which kind it has in hand.
 */
import type { Conversion } from "../crd/conversion.ts";
import type { FieldError } from "../errors/field-error.ts";
import { type JsonObject, type KubeObject, type ResourceName, resourceName } from "../meta/object.ts";
import type { PodTemplateSpec } from "../schema/kubernetes.d.ts";
import type { IPFamily } from "../meta/address.ts";
import type { ClusterNetwork } from "../protocol/cluster-addresses.ts";
import type { Schema } from "../schema/types.ts";

export type Verb = "get" | "list" | "watch" | "create" | "update" | "patch" | "delete" | "deletecollection";
/** The verbs of HTTP methods that a proxy subresource passes on. */
export const PROXY_VERBS = ["create", "delete", "get", "patch", "update"] as const;
export const ALL_VERBS: readonly Verb[] = ["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"];

/** What a hook may know of the request. Hooks are pure: time and chance come in here. */
export interface HookContext {
	nowMs: number;
	/** Lower-case suffix of upstream's alphabet (rand.String). */
	suffix(length: number): string;
	user: { name: string; groups: readonly string[]; uid?: string; extra?: Record<string, readonly string[]> };
	/** The families of Services' addresses on this cluster, the first is the default; IPv4 alone when absent. */
	serviceFamilies?: readonly IPFamily[];
	/** The cluster's root as it is reached from outside; for a kind that `needsBase`. */
	base?: string;
}

/** One column of a Table (metav1.TableColumnDefinition); priority > 0 shows under -o wide only. */
export interface TableColumn<T> {
	name: string;
	type: "string" | "integer" | "boolean" | "date" | "number";
	format?: string;
	description: string;
	priority?: number;
	/** The cell. Ages are `ctx.nowMs` against a timestamp, printed as duration.HumanDuration. */
	cell(object: T, ctx: { nowMs: number }): string | number | boolean | null;
}

/** A subresource that reads and writes part of its parent object: status, scale's parent, ephemeralcontainers, resize. */
export interface ObjectSubresource<T> {
	/** Makes `next` differ from `old` only where this subresource may write. Mutates `next`. */
	prepareUpdate(next: T, old: T, ctx: HookContext): void;
	validateUpdate?(next: T, old: T): FieldError[];
	/** Default: get, patch, update. (A namespace's finalize has update alone.) */
	verbs?: readonly Verb[];
}

export interface ScaleSubresource<T> {
	specReplicas(object: T): number;
	setSpecReplicas(object: T, replicas: number): void;
	statusReplicas(object: T): number;
	/** The label selector in its string form, as autoscaling/v1 Scale's status.selector. */
	selector(object: T): string;
}

/** A subresource that is served by more than the object itself. */
export interface ConnectSubresource {
	verbs: readonly ("get" | "create" | "update" | "patch" | "delete")[];
	/** The kind it takes or answers with, for discovery: e.g. { group: "policy", version: "v1", kind: "Eviction" }. */
	kind?: { group: string; version: string; kind: string };
}

export interface Subresources<T> {
	status?: ObjectSubresource<T>;
	scale?: ScaleSubresource<T>;
	/** Further object subresources by name (ephemeralcontainers, resize, approval, finalize). */
	object?: Record<string, ObjectSubresource<T>>;
	/** log, exec, attach, portforward, proxy, binding, eviction, token. */
	connect?: Record<string, ConnectSubresource>;
}

export interface KindDefinition<T extends KubeObject = KubeObject> {
	group: string;
	version: string;
	kind: string;
	plural: string;
	singular: string;
	shortNames?: readonly string[];
	categories?: readonly string[];
	scope: "Namespaced" | "Cluster";
	verbs: readonly Verb[];
	subresources?: Subresources<T>;
	/** The type's name in the schema: "apps/v1.Deployment". */
	schema: string;
	/** Where a kind whose objects make pods keeps the pods' template. */
	podTemplate?(object: T): PodTemplateSpec | undefined;
	/** Fills defaults that the schema's own `default` marks do not say (SetDefaults_X upstream). Mutates; must be idempotent. */
	defaults?(object: T): void;
	/** Strategy.PrepareForCreate: drops what a client may not set (status), sets generation. Mutates. */
	prepareCreate?(object: T, ctx: HookContext): void;
	/** Strategy.PrepareForUpdate: keeps what this verb may not write (status), bumps generation when the spec changed. Mutates `next`. */
	prepareUpdate?(next: T, old: T, ctx: HookContext): void;
	/** How metadata.name is checked: "subdomain" (default), "label" (Service: DNS-1035 label), "dns1123label" (Namespace), "path" (RBAC), "ip" (IPAddress). */
	nameRule?: "subdomain" | "dns1035label" | "dns1123label" | "path" | "ip";
	/** Every broken rule of a whole object (metadata is checked by the verbs). `old` is what it replaces, for rules that let be what was so before. */
	validate(object: T, old?: T): FieldError[];
	/** Rules between two versions: immutable fields. Runs after `validate`. */
	validateUpdate?(next: T, old: T): FieldError[];
	warnings?(object: T, old: T | undefined): string[];
	/** Columns after Name and before nothing: the first column is always Name, which the table writer adds. */
	columns: readonly TableColumn<T>[];
	/** Conditions of a row of the table (a finished pod's "Completed"), which `kubectl get` may hide rows by. */
	rowConditions?(object: T): { type: string; status: string; reason?: string; message?: string }[];
	/** Field selectors beyond metadata.name and metadata.namespace. */
	selectableFields?: Record<string, (object: T) => string>;
	/** Further labels that field selectors may use, each for one of those fields, or for what no object has. */
	fieldAliases?: Readonly<Record<string, string>>;
	/**
	 * The grace period a delete of this object has, in seconds, when the delete should only mark it (kubelet removes it);
	 * undefined or 0 deletes at once. `requested` is DeleteOptions.gracePeriodSeconds. (Pod: spec's or the default 30;
	 * 0 when unscheduled or finished.)
	 */
	gracePeriodSeconds?(object: T, requested: number | undefined): number;
	/** A delete marks the object and lets its own finalizers (Namespace: spec.finalizers) hold it while this says true. */
	holdsDeletion?(object: T): boolean;
	/** Changes the object when a delete marks it (Namespace: status.phase Terminating). Mutates. */
	prepareDelete?(object: T): void;
	/** Propagation when DeleteOptions names none; default "Background". */
	defaultPropagation?: "Background" | "Orphan";
	/** metadata.generation is kept by this kind (its prepare hooks do it); else it is absent. */
	allowCreateOnUpdate?: boolean;
	/** PUT/PATCH without a resourceVersion is allowed unless false. */
	allowUnconditionalUpdate?: boolean;
	/** The name of the kind's list where it is not the kind's own with "List". */
	listKind?: string;
	/** Where `schema` and the types under it are found when they are not built in. */
	types?: Schema;
	/** Decodes what a client sent, instead of the schema's own decoding: the object and, as `unknown field "spec.foo"`, what was dropped. Throws 400. */
	decode?(value: JsonObject): { object: JsonObject; unknownFields: string[] };
	/** Where this version's objects are kept as another version's; absent for a kind that is stored itself. */
	storedAs?: StoredAs<T>;
	/** Upstream's warning to everybody who asks for the kind. */
	deprecation?: string;
	/** A stored object as this version shows it; absent when that is how it is stored. Leaves `stored` as it is. */
	present?(stored: KubeObject): KubeObject;
	/** The webhook that makes one version of the kind another; `present` leaves objects of other versions as they are then. */
	conversion?: Conversion;
	/** False: strategic merge patches are refused with 415. */
	strategicMerge?: false;
	/** The kind's OpenAPI v3 schema when it is not built in; `revision` changes with it. */
	openApi?: { schema: JsonObject; revision: string };
	/** Stored nowhere: what its objects say is had from the nodes' agents when they are asked for. */
	computed?: "usage";
	/** Its hooks are told where the cluster is reached from outside, of a creation and, where a setting says it, of every write. */
	needsBase?: boolean;
	/** Held sealed at rest. */
	encrypted?: boolean;
	/** What must be had from the Cluster object before this write commits (Service addresses, node ports); undefined when nothing. */
	allocationRequest?(object: T, old: T | undefined, network?: ClusterNetwork): AllocationRequest | undefined;
	/** Writes what was allocated into the object. Mutates. */
	applyAllocation?(object: T, allocation: Allocation): void;
}

/** How one version of a kind becomes the version that is stored. */
export interface StoredAs<T extends KubeObject = KubeObject> {
	kind: KindDefinition;
	encode(object: T): KubeObject;
	/** The fields that this version selects by, and the stored kind's fields for them. */
	fields: Readonly<Record<string, string>>;
}

interface OtherVersion<T extends KubeObject, S extends KubeObject> {
	/** Where it differs. */
	group?: string;
	version: string;
	schema: string;
	present(stored: KubeObject): T;
	encode(object: T): S;
	defaults?(object: T): void;
	fields?: Readonly<Record<string, string>>;
}

/**
 * A further version of a stored kind: its objects are decoded by its own schema and defaults, then they are the stored
 * kind's. Rules, hooks and columns stay that one's.
 */
export function versionOf<T extends KubeObject, S extends KubeObject>(stored: KindDefinition<S>, other: OtherVersion<T, S>): KindDefinition<T> {
	const { group = stored.group, version, schema, present, encode, defaults, fields = {} } = other;
	const { plural, kind, singular, scope, verbs, shortNames, categories, subresources, allowCreateOnUpdate } = stored;
	return {
		group,
		version,
		kind,
		plural,
		singular,
		scope,
		verbs,
		schema,
		present,
		storedAs: { kind: stored as unknown as KindDefinition, encode, fields },
		validate: () => [],
		columns: stored.columns.map((column) => ({ ...column, cell: (object, ctx) => column.cell(encode(object), ctx) })),
		...(shortNames ? { shortNames } : {}),
		...(categories ? { categories } : {}),
		...(subresources ? { subresources: subresources as unknown as Subresources<T> } : {}),
		...(allowCreateOnUpdate ? { allowCreateOnUpdate } : {}),
		...(defaults ? { defaults } : {}),
	};
}

/** Addresses and ports that are unique in the cluster. Idempotent by namespace and name of the holder. */
export interface AllocationRequest {
	/** One for each family: "" asks for any address of it, else for that one; absent for none. */
	clusterIPs?: { family: IPFamily; address: string }[];
	/** One entry per port that needs a node port: 0 asks for any. */
	nodePorts: { port: number; protocol: string; nodePort: number }[];
}

export interface Allocation {
	/** In the order in which they were asked for. */
	clusterIPs?: string[];
	nodePorts: { port: number; protocol: string; nodePort: number }[];
}

/** Gives the definition its defaults and its type. */
export function defineKind<T extends KubeObject>(definition: Omit<KindDefinition<T>, "verbs"> & { verbs?: readonly Verb[] }): KindDefinition<T> {
	return { ...definition, verbs: definition.verbs ?? ALL_VERBS };
}

/** The store's name for the definition's collection. */
export function resourceOf({
	group,
	plural,
	storedAs,
}: {
	group: string;
	plural: string;
	storedAs?: { kind: { group: string; plural: string } };
}): ResourceName {
	return storedAs === undefined ? resourceName(group, plural) : resourceName(storedAs.kind.group, storedAs.kind.plural);
}
export const apiVersionOf = (kind: { group: string; version: string }): string => (kind.group === "" ? kind.version : `${kind.group}/${kind.version}`);

/** The kinds one cluster serves: the built-in ones and, later, its CRDs'. */
export interface KindRegistry {
	all(): readonly KindDefinition[];
	/** By REST path parts. */
	byResource(group: string, version: string, plural: string): KindDefinition | undefined;
	byKind(group: string, version: string, kind: string): KindDefinition | undefined;
	/** By the store's name; the preferred version where there are several. */
	byStoreName(resource: ResourceName): KindDefinition | undefined;
}
