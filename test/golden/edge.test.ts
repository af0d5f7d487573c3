/**
 * The edge's decisions: objects in, and for each request what becomes of it. In a file's last document each line is a request
 * (method, URL, then headers as name=value), "->", and the answer's status and location, or the Service and the path that it sees;
 * or "STATUS", and what a Gateway or HTTPRoute is told.
 */
import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { parseAllDocuments } from "yaml";
import { versionOf, weighted } from "../../src/core/edge/balance.ts";
import { type ClientRequest, ownAnswer, upstreamHeaders, upstreamPath } from "../../src/core/edge/decision.ts";
import type { Gateway, HttpRoute } from "../../src/core/edge/gateway-api.ts";
import { attachAll, type Attachment, type ConditionEntry, type GatewayEntry, type HttpRouteEntry } from "../../src/core/edge/gateway-attachment.ts";
import { compileHttpRoute } from "../../src/core/edge/http-route.ts";
import type { EdgeRow } from "../../src/core/edge/edge-table.ts";
import { ingressRoutes } from "../../src/core/edge/ingress-routes.ts";
import type { EdgePolicy } from "../../src/core/edge/policy.ts";
import { RouteTable } from "../../src/core/edge/route-table.ts";
import type { KubeObject } from "../../src/core/meta/object.ts";
import type { Ingress, Secret } from "../../src/core/schema/kubernetes.d.ts";

const folder = join(import.meta.dirname, "edge");
const digest = (name: string) => (bytes: Uint8Array) => new Uint8Array(createHash(name).update(bytes).digest());
const digests = { md5: digest("md5"), sha1: digest("sha1") };
/** Traffic that a weight of half or more of it gets. */
const RANDOM = 0.49;

interface World {
	table: RouteTable;
	attachment: Attachment;
}

function gatewayEntry({ metadata, spec }: Gateway): GatewayEntry {
	return { namespace: metadata.namespace ?? "default", name: metadata.name ?? "", generation: 1, listeners: spec?.listeners ?? [], certificates: [] };
}

/** Every Service is there but the one with the name "absent". */
function routeEntry({ metadata, ...rest }: HttpRoute): HttpRouteEntry {
	const { name = "", namespace = "default", creationTimestamp = "" } = metadata;
	const compiled = compileHttpRoute({ ...rest, metadata: { name, namespace } }, (service) => service !== "absent");
	const { hostnames = [], parentRefs = [] } = rest.spec ?? {};
	return {
		...compiled,
		namespace,
		name,
		generation: 1,
		createdMs: Date.parse(creationTimestamp) || 0,
		hostnames,
		parentRefs,
		namespaceLabels: { team: namespace },
	};
}

function worldOf(objects: readonly KubeObject[]): World {
	const all = <T extends KubeObject>(kind: string): T[] => objects.filter((one) => one.kind === kind) as T[];
	const routes = all<HttpRoute>("HTTPRoute").map(routeEntry);
	const attachment = attachAll(all<Gateway>("Gateway").map(gatewayEntry), routes);
	const secret = (name: string) => objects.find(({ kind, metadata }) => kind === "Secret" && metadata.name === name) as Secret | undefined;
	const rows = objects.flatMap((object): EdgeRow[] => {
		if (object.kind !== "Ingress") return [];
		const { name = "", namespace = "default", creationTimestamp = "" } = object.metadata;
		const ingress = { ...object, metadata: { ...object.metadata, namespace } } as Ingress;
		return [{ row: "routes", kind: "Ingress", namespace, name, createdMs: Date.parse(creationTimestamp) || 0, ...ingressRoutes(ingress, secret) }];
	});
	const table = new RouteTable();
	const attached = routes.map(({ namespace, name, createdMs }): EdgeRow => {
		return { row: "routes", kind: "HTTPRoute", namespace, name, createdMs, routes: attachment.routes.get(`${namespace}/${name}`)?.routes ?? null };
	});
	table.take({ version: 1, full: true, rows: [...rows, ...attached] });
	return { table, attachment };
}

function requestOf(words: readonly string[]): ClientRequest {
	const [method = "", address = "", ...pairs] = words;
	const url = new URL(address);
	const headers = new Map(pairs.map((pair) => [pair.slice(0, pair.indexOf("=")), pair.slice(pair.indexOf("=") + 1).replaceAll("+", " ")]));
	return {
		method,
		scheme: url.protocol.slice(0, -1),
		host: url.hostname,
		authority: url.host,
		path: url.pathname,
		search: url.search,
		query: url.searchParams,
		client: headers.get("client") ?? "192.0.2.1",
		header: (name) => headers.get(name) ?? null,
	};
}

/** The headers named x-, as the pod sees them, without those that every pod sees. */
function changedHeaderText(policy: EdgePolicy, request: ClientRequest): string {
	const given: [string, string][] = ["x-kept", "x-old"].flatMap((name): [string, string][] =>
		request.header(name) === null ? [] : [[name, request.header(name) ?? ""]],
	);
	const seen = upstreamHeaders(policy, given, request, "id").filter(([name]) => /^x-(?!forwarded|real|request)/i.test(name));
	return seen.map(([name, value]) => `${name}=${value}`).join(",");
}

function decisionFor(table: RouteTable, request: ClientRequest): string {
	const found = table.match(request);
	if (!found) return "404";
	const answer = ownAnswer(found, request, { http: 80, https: 443 }, digests);
	if (answer) return [answer.status, ...answer.headers.filter(([name]) => name === "location").map(([, value]) => value)].join(" ");
	const target = weighted(versionOf(found.route, request, RANDOM).targets, RANDOM);
	if (target?.service === "") return "500";
	const headers = found.route.policy.requestHeaders ? ` ${changedHeaderText(found.route.policy, request)}` : "";
	return `${target?.service}:${target?.port} ${upstreamPath(found, request)}${headers}`;
}

/** "STATUS namespace/name": what an HTTPRoute is told of each parent, or a Gateway of each listener. */
function statusOf({ attachment }: World, key: string): string {
	const shown = (conditions: readonly ConditionEntry[]): string =>
		conditions
			.filter(({ type }) => type !== "Conflicted")
			.map(({ type, status, reason }) => (status === "True" ? type : `${type}=${reason}`))
			.join(" ");
	const parents = attachment.routes.get(key)?.parents.map(({ parentRef, conditions }) => `${parentRef.name} (${shown(conditions)})`);
	const listeners = attachment.gateways.get(key)?.map(({ name, attachedRoutes, conditions }) => `${name} (${attachedRoutes} routes, ${shown(conditions)})`);
	return (parents ?? listeners ?? []).join("; ");
}

const answerTo = (world: World, [first = "", ...rest]: readonly string[]): string =>
	first === "STATUS" ? statusOf(world, rest[0] ?? "") : decisionFor(world.table, requestOf([first, ...rest]));

test.each(readdirSync(folder))("%s", (file) => {
	const documents = parseAllDocuments(readFileSync(join(folder, file), "utf8")).map((one) => one.toJS());
	const world = worldOf(documents.slice(0, -1));
	const lines = (documents.at(-1) as string[]).map((line) => line.split(" -> ")[0] ?? "");
	expect(lines.map((line) => `${line} -> ${answerTo(world, line.split(" "))}`)).toEqual(documents.at(-1));
});
