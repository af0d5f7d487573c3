/** Hostile requests through the whole front door: none meets a fault, and what is refused changes nothing. */
import fc from "fast-check";
import { expect, it } from "vitest";
import {
	checkAnswer,
	FRESH_SEED,
	type HostileRequest,
	hostilePath,
	hostileRequest,
	NAMESPACE,
	collectionPath,
	type Subject,
} from "../support/hostile-requests.ts";
import { gearsOf, subjectsOf } from "../support/valid-objects.ts";
import text from "../support/valid-objects.yaml?raw";
import { namespace } from "./support/objects.ts";
import { eventually, TestCluster } from "./support/test-cluster.ts";

const REQUESTS = 60;
const PATHS = 150;
const FIXED_SEED = 7;
const subjects = subjectsOf(text);

async function clusterWith(all: readonly Subject[]): Promise<TestCluster> {
	const cluster = await TestCluster.create();
	await cluster.call("POST", "/api/v1/namespaces", namespace(NAMESPACE));
	await cluster.call("POST", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions", gearsOf(all));
	await eventually(async () => ((await cluster.fetch("GET", "/apis/example.com/v1/gears")).ok ? true : undefined));
	for (const { kind, object } of all) {
		const response = await cluster.fetch("POST", collectionPath(kind), object);
		await response.body?.cancel();
		// Two versions of a kind share one name here, and the definition is there already.
		expect([201, 409], `${kind.kind}: ${response.status}`).toContain(response.status);
	}
	return cluster;
}

async function send(cluster: TestCluster, { method, path, accept, body, contentType }: HostileRequest): Promise<Response> {
	const given = ["GET", "HEAD"].includes(method) || body.length === 0 ? {} : { raw: body, contentType };
	return cluster.fetch(method, path, undefined, { accept, ...given });
}

async function check(cluster: TestCluster, request: HostileRequest): Promise<void> {
	const item = request.path.split("?")[0]?.replace(/\/(status|scale)$/, "") ?? "";
	const kept = async () => (await cluster.fetch("GET", item)).text();
	const before = await kept();
	const response = await send(cluster, request);
	const answered = await response.text();
	checkAnswer(request, response.status, response.headers.get("content-type")?.includes("json") ? answered : jsonOfStatus(response.status));
	if (response.status >= 400 && response.status !== 406)
		expect(JSON.parse(await kept()).items ?? JSON.parse(await kept())).toEqual(JSON.parse(before).items ?? JSON.parse(before));
}

/** A Status in another encoding than JSON: that it is one is tested elsewhere. */
const jsonOfStatus = (code: number): string =>
	JSON.stringify({ kind: "Status", status: "Failure", message: "in another encoding", reason: code === 500 ? undefined : "Timeout", code });

for (const [name, seed] of [
	["a fixed seed", FIXED_SEED],
	["a fresh seed", FRESH_SEED],
] as const) {
	it(`answers hostile requests, of ${name}`, async () => {
		const cluster = await clusterWith(subjects);
		await fc.assert(
			fc.asyncProperty(hostileRequest(subjects), (request) => check(cluster, request)),
			{ seed, numRuns: REQUESTS },
		);
	});
}

it("answers on paths that lead nowhere", async () => {
	const cluster = await clusterWith(
		subjects.filter(({ kind }) => ["Pod", "Service", "ServiceAccount", "Node", "CustomResourceDefinition"].includes(kind.kind)),
	);
	const property = fc.asyncProperty(hostilePath, async (request) => {
		const response = await cluster.fetch(request.method, request.path, undefined, { accept: request.accept });
		await response.body?.cancel();
		// No agent is connected here, which is what a node's own subresources then say.
		if (response.status >= 500) expect([502, 503, 504]).toContain(response.status);
	});
	await fc.assert(property, { seed: FRESH_SEED, numRuns: PATHS });
});
