/**
 * The edge's decisions: objects in, and for each request what becomes of it. In a file's last document each line is a request
 * (method, URL, then headers as name=value), "->", and the answer's status and location, or the Service and the path that it sees.
 */
import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { parseAllDocuments } from "yaml";
import { versionOf, weighted } from "../../src/core/edge/balance.ts";
import { type ClientRequest, ownAnswer, upstreamPath } from "../../src/core/edge/decision.ts";
import type { EdgeRow } from "../../src/core/edge/edge-table.ts";
import { ingressRoutes } from "../../src/core/edge/ingress-routes.ts";
import { RouteTable } from "../../src/core/edge/route-table.ts";
import type { KubeObject } from "../../src/core/meta/object.ts";
import type { Ingress, Secret } from "../../src/core/schema/kubernetes.d.ts";

const folder = join(import.meta.dirname, "edge");
const digest = (name: string) => (bytes: Uint8Array) => new Uint8Array(createHash(name).update(bytes).digest());
const digests = { md5: digest("md5"), sha1: digest("sha1") };
/** Traffic that a weight of half or more of it gets. */
const RANDOM = 0.49;

function tableOf(objects: readonly KubeObject[]): RouteTable {
	const secret = (name: string) => objects.find(({ kind, metadata }) => kind === "Secret" && metadata.name === name) as Secret | undefined;
	const rows = objects.flatMap((object): EdgeRow[] => {
		if (object.kind !== "Ingress") return [];
		const { name = "", namespace = "default", creationTimestamp = "" } = object.metadata;
		const ingress = { ...object, metadata: { ...object.metadata, namespace } } as Ingress;
		return [{ row: "routes", kind: "Ingress", namespace, name, createdMs: Date.parse(creationTimestamp) || 0, ...ingressRoutes(ingress, secret) }];
	});
	const table = new RouteTable();
	table.take({ version: 1, full: true, rows });
	return table;
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

function decisionFor(table: RouteTable, request: ClientRequest): string {
	const found = table.match(request);
	if (!found) return "404";
	const answer = ownAnswer(found, request, { http: 80, https: 443 }, digests);
	if (answer) return [answer.status, ...answer.headers.filter(([name]) => name === "location").map(([, value]) => value)].join(" ");
	const target = weighted(versionOf(found.route, request, RANDOM).targets, RANDOM);
	return `${target?.service}:${target?.port} ${upstreamPath(found, request)}`;
}

test.each(readdirSync(folder))("%s", (file) => {
	const documents = parseAllDocuments(readFileSync(join(folder, file), "utf8")).map((one) => one.toJS());
	const table = tableOf(documents.slice(0, -1));
	const lines = (documents.at(-1) as string[]).map((line) => line.split(" -> ")[0] ?? "");
	expect(lines.map((line) => `${line} -> ${decisionFor(table, requestOf(line.split(" ")))}`)).toEqual(documents.at(-1));
});
