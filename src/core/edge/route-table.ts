/** Which route a request takes: a host that is named goes before a wildcard and that before any; then the longest path, then the most that a route asks for. */
import { compilePattern, type Pattern } from "../regex/pattern.ts";
import {
	edgeRowKey,
	type EdgeRoute,
	type EdgeRow,
	type EdgeService,
	type EdgeTablePart,
	isEdgeRowGone,
	type RouteOrigin,
	serviceKey,
	type ValueMatch,
} from "./edge-table.ts";

export interface EdgeRequest {
	/** "http" or "https", as the client came. */
	scheme: string;
	/** Without a port, in lower case. */
	host: string;
	method: string;
	/** As it was sent, without the query. */
	path: string;
	query: URLSearchParams;
	/** Null for a header that is not there. */
	header(name: string): string | null;
}

export interface TableRoute extends EdgeRoute {
	origin: RouteOrigin;
	canaries: TableRoute[];
	/** Its place in its object. */
	order: number;
	pattern?: Pattern;
}

export interface RouteMatch {
	route: TableRoute;
	/** The path's groups behind the whole, where it is a regular expression. */
	captures: string[];
}

const ANY = "";
const withoutSlash = (path: string): string => (path.length > 1 && path.endsWith("/") ? path.slice(0, -1) : path);

/** The rows of the table as they stand, and what is compiled from them. */
export class RouteTable {
	version = 0;
	readonly #rows = new Map<string, EdgeRow>();
	#hosts: Map<string, TableRoute[]> | undefined;

	take({ version, full, rows }: EdgeTablePart): void {
		if (full) this.#rows.clear();
		for (const row of rows) {
			if (isEdgeRowGone(row)) this.#rows.delete(edgeRowKey(row));
			else this.#rows.set(edgeRowKey(row), row);
			if (row.row === "routes") this.#hosts = undefined;
		}
		if (full) this.#hosts = undefined;
		this.version = version;
	}

	service(namespace: string, name: string): EdgeService | undefined {
		const row = this.#rows.get(serviceKey(namespace, name));
		return row?.row === "service" ? (row.service ?? undefined) : undefined;
	}

	match(request: EdgeRequest): RouteMatch | undefined {
		this.#hosts ??= compile([...this.#rows.values()]);
		let fallback: RouteMatch | undefined;
		for (const host of hostsFor(request.host)) {
			for (const route of this.#hosts.get(host) ?? []) {
				const captures = isOf(route, request) ? matchPath(route, request.path) : undefined;
				if (captures === undefined || !matchRest(route, request)) continue;
				if (!route.fallback) return { route, captures };
				fallback ??= { route, captures };
			}
		}
		return fallback;
	}
}

/** The names under which routes for a host may stand, the nearest first. */
function hostsFor(host: string): string[] {
	const labels = host.split(".");
	return [host, ...labels.slice(1).map((_, index) => `*.${labels.slice(index + 1).join(".")}`), ANY];
}

/** An Ingress's wildcard stands for one label alone. */
function isOf({ host, deepWildcard }: TableRoute, request: EdgeRequest): boolean {
	return !host.startsWith("*.") || deepWildcard === true || request.host.split(".").length === host.split(".").length;
}

/** Undefined where the path is another. */
function matchPath({ path: { type, value }, pattern }: TableRoute, path: string): string[] | undefined {
	if (type === "regex") return pattern?.captures(path);
	if (type === "exact") return path === value ? [path] : undefined;
	const prefix = withoutSlash(value);
	return prefix === "/" || path === prefix || path.startsWith(`${prefix}/`) ? [path] : undefined;
}

function matchRest({ scheme, method, headers = [], query = [] }: TableRoute, request: EdgeRequest): boolean {
	if (scheme !== undefined && scheme !== request.scheme) return false;
	if (method !== undefined && method !== request.method) return false;
	return headers.every((one) => matchValue(one, request.header(one.name))) && query.every((one) => matchValue(one, request.query.get(one.name)));
}

function matchValue({ type, value }: ValueMatch, found: string | null): boolean {
	if (found === null) return false;
	if (type === "exact") return found === value;
	return patternOf(`^(?:${value})$`)?.test(found) ?? false;
}

/** Undefined for what RE2 does not take: it matches nothing. */
function patternOf(source: string): Pattern | undefined {
	try {
		return compilePattern(source);
	} catch {
		return undefined;
	}
}

function compile(rows: readonly EdgeRow[]): Map<string, TableRoute[]> {
	const all = rows.flatMap((row) => {
		if (row.row !== "routes") return [];
		const { kind, namespace, name, createdMs } = row;
		const origin = { kind, namespace, name, createdMs };
		return (row.routes ?? []).map((route, order) => tableRoute(route, origin, order));
	});
	const routes = all.filter(({ canary }) => !canary).sort(byPrecedence);
	for (const canary of all.filter((route) => route.canary)) for (const route of routes) if (isCanaryOf(canary, route)) route.canaries.push(canary);
	return Map.groupBy(routes, ({ host }) => host);
}

function tableRoute(route: EdgeRoute, origin: RouteOrigin, order: number): TableRoute {
	const made: TableRoute = { ...route, origin, order, canaries: [] };
	// nginx: case-insensitive, from the beginning.
	const pattern = route.path.type === "regex" ? patternOf(`^(?i:${route.path.value})`) : undefined;
	return pattern ? { ...made, pattern } : made;
}

const isCanaryOf = (canary: TableRoute, route: TableRoute): boolean =>
	canary.host === route.host &&
	canary.path.type === route.path.type &&
	canary.path.value === route.path.value &&
	canary.origin.namespace === route.origin.namespace &&
	canary.fallback === route.fallback;

const pathLength = ({ path: { type, value } }: TableRoute): number => (type === "prefix" ? withoutSlash(value) : value).length;
const typeRank = ({ path: { type } }: TableRoute): number => ["exact", "regex", "prefix"].indexOf(type);

/** The order in which routes of one host are tried. */
function byPrecedence(a: TableRoute, b: TableRoute): number {
	return (
		Number(a.fallback ?? false) - Number(b.fallback ?? false) ||
		pathLength(b) - pathLength(a) ||
		typeRank(a) - typeRank(b) ||
		Number(b.method !== undefined) - Number(a.method !== undefined) ||
		(b.headers?.length ?? 0) - (a.headers?.length ?? 0) ||
		(b.query?.length ?? 0) - (a.query?.length ?? 0) ||
		a.origin.createdMs - b.origin.createdMs ||
		compareText(`${a.origin.namespace}/${a.origin.name}`, `${b.origin.namespace}/${b.origin.name}`) ||
		a.order - b.order
	);
}

const compareText = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);
