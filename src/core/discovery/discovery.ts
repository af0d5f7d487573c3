/**
 * What the server tells of its resources: the plain discovery documents of apimachinery's metav1 and the aggregated ones
 * of apidiscovery.k8s.io. All derive from the registry of kinds; nothing here knows a kind by name.
 */
import { apiVersionOf, type ConnectSubresource, type KindDefinition, type KindRegistry, type Verb } from "../kinds/define-kind.ts";
import type { APIGroup, APIGroupList, APIResource, APIResourceList } from "../schema/kubernetes.d.ts";

/** Groups in the order of upstream's priorities; others (those of CRDs) follow by name. */
const GROUP_ORDER: readonly string[] = [
	"apiregistration.k8s.io",
	"apps",
	"events.k8s.io",
	"authentication.k8s.io",
	"authorization.k8s.io",
	"autoscaling",
	"batch",
	"certificates.k8s.io",
	"networking.k8s.io",
	"policy",
	"rbac.authorization.k8s.io",
	"storage.k8s.io",
	"admissionregistration.k8s.io",
	"apiextensions.k8s.io",
	"scheduling.k8s.io",
	"coordination.k8s.io",
	"node.k8s.io",
	"discovery.k8s.io",
	"flowcontrol.apiserver.k8s.io",
	"resource.k8s.io",
];

/** The verbs of a subresource that is a view of its object. */
const OBJECT_SUBRESOURCE_VERBS: readonly Verb[] = ["get", "patch", "update"];

export interface GroupVersionKind {
	group: string;
	version: string;
	kind: string;
}

/** One subresource as discovery and OpenAPI tell of it. */
export interface SubresourceInfo {
	name: string;
	kind: GroupVersionKind;
	verbs: readonly Verb[];
	/** Served by more than the object itself. */
	connect: boolean;
}

const gvkOf = ({ group, version, kind }: GroupVersionKind): GroupVersionKind => ({ group, version, kind });

function connectInfo(definition: KindDefinition, name: string, connect: ConnectSubresource): SubresourceInfo {
	return { name, kind: connect.kind ? gvkOf(connect.kind) : gvkOf(definition), verbs: [...connect.verbs].sort(), connect: true };
}

/** The subresources of a kind by name. */
export function subresourcesOf(definition: KindDefinition): SubresourceInfo[] {
	const { status, scale, object = {}, connect = {} } = definition.subresources ?? {};
	const own = gvkOf(definition);
	const list: SubresourceInfo[] = Object.entries(connect).map(([name, info]) => connectInfo(definition, name, info));
	for (const [name, info] of Object.entries(object)) list.push({ name, kind: own, verbs: info.verbs ?? OBJECT_SUBRESOURCE_VERBS, connect: false });
	if (status) list.push({ name: "status", kind: own, verbs: OBJECT_SUBRESOURCE_VERBS, connect: false });
	if (scale) list.push({ name: "scale", kind: { group: "autoscaling", version: "v1", kind: "Scale" }, verbs: OBJECT_SUBRESOURCE_VERBS, connect: false });
	return list.sort((a, b) => (a.name < b.name ? -1 : 1));
}

const byPlural = (a: KindDefinition, b: KindDefinition): number => (a.plural < b.plural ? -1 : 1);

/** The kinds of one group version, by plural. */
export function kindsOf(registry: KindRegistry, group: string, version: string): KindDefinition[] {
	return registry
		.all()
		.filter((kind) => kind.group === group && kind.version === version)
		.sort(byPlural);
}

function groupRank(group: string): number {
	const rank = GROUP_ORDER.indexOf(group);
	return rank < 0 ? GROUP_ORDER.length : rank;
}

/** v2 before v1 before v1beta2 before v1beta1 before v1alpha1 before anything else (k8s.io/apimachinery/pkg/version). */
export function versionOrder(a: string, b: string): number {
	const parse = (text: string) => /^v(\d+)(?:(alpha|beta)(\d+))?$/.exec(text);
	const [x, y] = [parse(a), parse(b)];
	if (!x || !y) return x ? -1 : y ? 1 : a < b ? -1 : 1;
	const stage = (match: RegExpExecArray) => (match[2] === undefined ? 2 : match[2] === "beta" ? 1 : 0);
	return stage(y) - stage(x) || Number(y[1]) - Number(x[1]) || Number(y[3] ?? 0) - Number(x[3] ?? 0);
}

/** Each named group with its versions, the preferred one first. The core group is not among them. */
export function groupsOf(registry: KindRegistry): { group: string; versions: string[] }[] {
	const versions = new Map<string, Set<string>>();
	for (const kind of registry.all()) {
		if (kind.group === "") continue;
		const known = versions.get(kind.group) ?? new Set<string>();
		versions.set(kind.group, known.add(kind.version));
	}
	return [...versions]
		.map(([group, set]) => ({ group, versions: [...set].sort(versionOrder) }))
		.sort((a, b) => groupRank(a.group) - groupRank(b.group) || (a.group < b.group ? -1 : 1));
}

/** GET /api. `serverAddress` is the host and port that the client reached. */
export function apiVersions(serverAddress: string) {
	return { kind: "APIVersions", versions: ["v1"], serverAddressByClientCIDRs: [{ clientCIDR: "0.0.0.0/0", serverAddress }] };
}

function groupBody(group: string, versions: readonly string[]) {
	const entries = versions.map((version) => ({ groupVersion: `${group}/${version}`, version }));
	return { name: group, versions: entries, preferredVersion: entries[0] };
}

/** GET /apis. */
export function apiGroupList(registry: KindRegistry): APIGroupList {
	const groups = groupsOf(registry).map(({ group, versions }) => groupBody(group, versions) as APIGroup);
	return { kind: "APIGroupList", apiVersion: "v1", groups };
}

/** GET /apis/{group}; undefined when the group has no kinds. */
export function apiGroup(registry: KindRegistry, group: string): APIGroup | undefined {
	const found = groupsOf(registry).find((entry) => entry.group === group);
	return found && { kind: "APIGroup", apiVersion: "v1", ...groupBody(group, found.versions) };
}

function resourceBody(definition: KindDefinition): APIResource {
	return {
		name: definition.plural,
		singularName: definition.singular,
		namespaced: definition.scope === "Namespaced",
		kind: definition.kind,
		verbs: [...definition.verbs].sort(),
		...(definition.shortNames?.length ? { shortNames: [...definition.shortNames] } : {}),
		...(definition.categories?.length ? { categories: [...definition.categories] } : {}),
	};
}

function subresourceBody(definition: KindDefinition, info: SubresourceInfo): APIResource {
	const foreign = info.kind.group !== definition.group || info.kind.version !== definition.version;
	return {
		name: `${definition.plural}/${info.name}`,
		singularName: "",
		namespaced: definition.scope === "Namespaced",
		...(foreign ? { group: info.kind.group, version: info.kind.version } : {}),
		kind: info.kind.kind,
		verbs: [...info.verbs],
	};
}

/** GET /api/v1 and /apis/{group}/{version}; undefined when there are no kinds. */
export function apiResourceList(registry: KindRegistry, group: string, version: string): APIResourceList | undefined {
	const kinds = kindsOf(registry, group, version);
	if (kinds.length === 0) return undefined;
	const resources = kinds.flatMap((kind) => [resourceBody(kind), ...subresourcesOf(kind).map((info) => subresourceBody(kind, info))]);
	// The core group's list carries no apiVersion upstream.
	const meta = group === "" ? { kind: "APIResourceList" } : { kind: "APIResourceList", apiVersion: "v1" };
	return { ...meta, groupVersion: apiVersionOf({ group, version }), resources } as APIResourceList;
}

function aggregatedResource(definition: KindDefinition) {
	const subresources = subresourcesOf(definition).map((info) => ({ subresource: info.name, responseKind: info.kind, verbs: [...info.verbs] }));
	return {
		resource: definition.plural,
		responseKind: gvkOf(definition),
		scope: definition.scope === "Namespaced" ? "Namespaced" : "Cluster",
		singularResource: definition.singular,
		verbs: [...definition.verbs].sort(),
		...(definition.shortNames?.length ? { shortNames: [...definition.shortNames] } : {}),
		...(definition.categories?.length ? { categories: [...definition.categories] } : {}),
		...(subresources.length ? { subresources } : {}),
	};
}

function aggregatedGroup(registry: KindRegistry, group: string, versions: readonly string[]) {
	return {
		metadata: { ...(group === "" ? {} : { name: group }), creationTimestamp: null },
		versions: versions.map((version) => ({ version, resources: kindsOf(registry, group, version).map(aggregatedResource), freshness: "Current" })),
	};
}

/**
 * GET /api or /apis as an APIGroupDiscoveryList. `version` is apidiscovery.k8s.io's, from the Accept header:
 * clients before 1.30 know v2beta1 alone, which has the same shape.
 */
export function aggregatedDiscovery(registry: KindRegistry, root: "api" | "apis", version: "v2" | "v2beta1" = "v2") {
	const groups = root === "api" ? [{ group: "", versions: ["v1"] }] : groupsOf(registry);
	return {
		kind: "APIGroupDiscoveryList",
		apiVersion: `apidiscovery.k8s.io/${version}`,
		metadata: {},
		items: groups.map(({ group, versions }) => aggregatedGroup(registry, group, versions)),
	};
}
