/**
 * What other servers serve among what this one does: their groups by groupPriorityMinimum, their versions by versionPriority
 * (kube-aggregator's apis handler, k8s.io/apiserver/pkg/endpoints/discovery/aggregated).
 */
import type { APIGroup, APIGroupList, APIResource, APIResourceList } from "../schema/kubernetes.d.ts";
import { priorityOf } from "../controllers/apiservice-registration-controller.ts";
import { type aggregatedDiscovery, versionOrder } from "./discovery.ts";
import type { JsonObject } from "../meta/object.ts";

/** A group version that another server serves. */
export interface Extension {
	group: string;
	version: string;
	groupPriority: number;
	versionPriority: number;
	/** Undefined while its server does not tell. */
	resources?: readonly APIResource[] | undefined;
}

type AggregatedList = ReturnType<typeof aggregatedDiscovery>;
type AggregatedGroup = AggregatedList["items"][number];
type AggregatedVersion = AggregatedGroup["versions"][number];

/** What a group is sorted by: the greatest of its versions' priorities. */
function groupPriority(group: string, versions: readonly string[], extensions: readonly Extension[]): number {
	const own = versions.map((version) => priorityOf(group, version).group);
	return Math.max(...own, ...extensions.filter((one) => one.group === group).map((one) => one.groupPriority));
}

const versionPriority = (group: string, version: string, extensions: readonly Extension[]): number =>
	extensions.find((one) => one.group === group && one.version === version)?.versionPriority ?? priorityOf(group, version).version;

function sortedVersions<T extends { version: string }>(group: string, versions: readonly T[], extensions: readonly Extension[]): T[] {
	const priority = ({ version }: T): number => versionPriority(group, version, extensions);
	return [...versions].sort((a, b) => priority(b) - priority(a) || versionOrder(a.version, b.version));
}

/** Each group where its priority puts it; those that this server alone serves keep their order. */
function withGroups<T>(own: readonly T[], nameOf: (item: T) => string, priority: (item: T) => number, added: readonly T[]): T[] {
	const names = new Set(added.map(nameOf));
	const all = own.filter((item) => !names.has(nameOf(item)));
	for (const item of [...added].sort((a, b) => priority(b) - priority(a) || (nameOf(a) < nameOf(b) ? -1 : 1))) {
		const at = all.findIndex((other) => priority(other) < priority(item));
		all.splice(at < 0 ? all.length : at, 0, item);
	}
	return all;
}

const groupsIn = (extensions: readonly Extension[]): string[] => [...new Set(extensions.map(({ group }) => group))];

function mergedGroup(group: string, own: APIGroup | undefined, extensions: readonly Extension[]): APIGroup {
	const names = new Set([...(own?.versions ?? []), ...extensions.filter((one) => one.group === group)].map(({ version }) => version));
	const entries = sortedVersions(
		group,
		[...names].map((version) => ({ groupVersion: `${group}/${version}`, version })),
		extensions,
	);
	return { name: group, versions: entries, preferredVersion: entries[0] } as APIGroup;
}

/** GET /apis. */
export function groupListWith(list: APIGroupList, extensions: readonly Extension[]): APIGroupList {
	const added = groupsIn(extensions).map((group) =>
		mergedGroup(
			group,
			list.groups.find(({ name }) => name === group),
			extensions,
		),
	);
	const priority = ({ name, versions }: APIGroup): number =>
		groupPriority(
			name,
			versions.map(({ version }) => version),
			extensions,
		);
	return { ...list, groups: withGroups(list.groups, ({ name }) => name, priority, added) };
}

/** GET /apis/{group}. */
export function groupWith(own: APIGroup | undefined, group: string, extensions: readonly Extension[]): APIGroup | undefined {
	if (!extensions.some((one) => one.group === group)) return own;
	return { kind: "APIGroup", apiVersion: "v1", ...mergedGroup(group, own, extensions) } as APIGroup;
}

/** A plain list's resources in the aggregated form (ConvertGroupVersionIntoToDiscovery). */
function aggregatedResources(group: string, version: string, resources: readonly APIResource[]): AggregatedVersion["resources"] {
	const kindOf = (one: APIResource) => ({ group: one.group || group, version: one.version || version, kind: one.kind });
	const subresourcesOf = (plural: string) =>
		resources
			.filter(({ name }) => name.startsWith(`${plural}/`))
			.map((one) => ({ subresource: one.name.slice(plural.length + 1), responseKind: kindOf(one), verbs: one.verbs ?? [] }));
	return resources
		.filter(({ name }) => !name.includes("/"))
		.map((one) => {
			const subresources = subresourcesOf(one.name);
			return {
				resource: one.name,
				responseKind: kindOf(one),
				scope: one.namespaced ? "Namespaced" : "Cluster",
				singularResource: one.singularName ?? "",
				verbs: one.verbs ?? [],
				...(one.shortNames?.length ? { shortNames: one.shortNames } : {}),
				...(one.categories?.length ? { categories: one.categories } : {}),
				...(subresources.length ? { subresources } : {}),
			};
		}) as AggregatedVersion["resources"];
}

const aggregatedVersion = ({ group, version, resources }: Extension): AggregatedVersion => ({
	version,
	resources: aggregatedResources(group, version, resources ?? []),
	freshness: resources === undefined ? "Stale" : "Current",
});

/** GET /apis as an APIGroupDiscoveryList. */
export function aggregatedWith(list: AggregatedList, extensions: readonly Extension[]): AggregatedList {
	const nameOf = ({ metadata }: AggregatedGroup): string => (metadata as { name?: string }).name ?? "";
	const added = groupsIn(extensions).map((group): AggregatedGroup => {
		const theirs = extensions.filter((one) => one.group === group);
		const ours = (list.items.find((item) => nameOf(item) === group)?.versions ?? []).filter(({ version }) => !theirs.some((one) => one.version === version));
		return { metadata: { name: group, creationTimestamp: null }, versions: sortedVersions(group, [...ours, ...theirs.map(aggregatedVersion)], extensions) };
	});
	const priority = (item: AggregatedGroup): number =>
		groupPriority(
			nameOf(item),
			item.versions.map(({ version }) => version),
			extensions,
		);
	return { ...list, items: withGroups(list.items, nameOf, priority, added) };
}

/** The resources of a discovery document; undefined for what is none. */
export function resourcesIn(document: unknown): APIResource[] | undefined {
	const list = document as Partial<APIResourceList> | null;
	if (list?.kind !== "APIResourceList" || !Array.isArray(list.resources)) return undefined;
	return list.resources.filter((one) => typeof one?.name === "string" && typeof one.kind === "string");
}

/** /openapi/v2 with the paths of one group version of another server's, and the definitions that ours has not. */
export function openApiV2With(own: JsonObject, other: JsonObject, { group, version }: Extension): JsonObject {
	const root = `/apis/${group}/${version}/`;
	const paths = Object.entries((other["paths"] ?? {}) as JsonObject).filter(([path]) => `${path}/`.startsWith(root));
	return {
		...own,
		paths: { ...(own["paths"] as JsonObject), ...Object.fromEntries(paths) },
		definitions: { ...((other["definitions"] ?? {}) as JsonObject), ...(own["definitions"] as JsonObject) },
	};
}
