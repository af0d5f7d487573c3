/**
 * What the edge routes public HTTP by: routes, the endpoints they lead to, certificates. Namespace objects tell the Edge object
 * of it, row by row; the front door keeps a copy of it in memory.
 */
import type { GatewayEntry, HttpRouteEntry } from "./gateway-attachment.ts";
import type { EdgePolicy } from "./policy.ts";

/** "exact" and "prefix" as upstream's Ingress and HTTPRoute mean them; "regex" is nginx's: RE2, from the path's beginning, in any case. */
export interface PathMatch {
	type: "exact" | "prefix" | "regex";
	value: string;
}

export interface ValueMatch {
	name: string;
	value: string;
	type: "exact" | "regex";
}

/** A port of a Service; `port` is its number or name. */
export interface EdgeTarget {
	namespace: string;
	/** "" for a backend that is not there: its share is answered with 500. */
	service: string;
	port: string;
	weight: number;
}

/** Another version of what a route leads to, for some of its requests (nginx's canary annotations). */
export interface Canary {
	weight: number;
	weightTotal: number;
	/** "always" and "never" decide; with `headerValue` that value means always. */
	header?: string;
	headerValue?: string;
	cookie?: string;
}

export interface EdgeRoute {
	/** "" for any; "*.example.com" as its kind means it. */
	host: string;
	/** Whether a wildcard stands for one label (Ingress) or for any number (Gateway API). */
	deepWildcard?: true;
	/** Of the listener that takes it; absent for both. */
	scheme?: "http" | "https";
	path: PathMatch;
	method?: string;
	headers?: ValueMatch[];
	query?: ValueMatch[];
	/** Taken only where nothing else matches. */
	fallback?: true;
	/** Is no route of its own: it changes the one that matches the same. */
	canary?: Canary;
	targets: EdgeTarget[];
	policy: EdgePolicy;
}

export interface EdgeEndpoint {
	uid: string;
	ip: string;
	port: number;
	node: string;
}

export interface EdgePort {
	port: number;
	name: string;
	endpoints: EdgeEndpoint[];
}

export interface EdgeService {
	ports: EdgePort[];
	/** Set where the pods behind it may sleep: how long after the last request, in milliseconds. */
	sleepsAfterMs?: number;
}

/** PEM. */
export interface EdgeCertificate {
	hosts: string[];
	certificate: string;
	privateKey: string;
}

/** Where a route comes from; among equals the oldest goes first. */
export interface RouteOrigin {
	/** "Ingress" or "HTTPRoute". */
	kind: string;
	namespace: string;
	name: string;
	createdMs: number;
}

export interface RoutesRow extends RouteOrigin {
	row: "routes";
	/** Null: there are none any more. */
	routes: EdgeRoute[] | null;
	certificates?: EdgeCertificate[];
}

export interface ServiceRow {
	row: "service";
	namespace: string;
	name: string;
	service: EdgeService | null;
}

/** What the Edge object makes routes of, for itself alone. */
export type GatewayRow =
	| { row: "gateway"; namespace: string; name: string; gateway: GatewayEntry | null }
	| { row: "httpRoute"; namespace: string; name: string; route: HttpRouteEntry | null };

export type EdgeRow = RoutesRow | ServiceRow | GatewayRow;

export const serviceKey = (namespace: string, name: string): string => `service/${namespace}/${name}`;
export const edgeRowKey = (row: EdgeRow): string => `${row.row}${row.row === "routes" ? `/${row.kind}` : ""}/${row.namespace}/${row.name}`;

export function isEdgeRowGone(row: EdgeRow): boolean {
	if (row.row === "routes") return row.routes === null;
	if (row.row === "gateway") return row.gateway === null;
	return row.row === "service" ? row.service === null : row.route === null;
}

/** What the front door gets of the table: all of it, or what changed since the version it has. */
export interface EdgeTablePart {
	version: number;
	full: boolean;
	rows: EdgeRow[];
}
