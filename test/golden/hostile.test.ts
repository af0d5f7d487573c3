/**
 * What no well-meaning client sends is answered like everything else: with the object or with a Status that says what is
 * wrong; never with an internal error, and never so that half of it is kept. Each run has a fixed seed (FC_SEED, FC_PATH) and
 * a fresh one, which is printed with what fails.
 */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { HostileCluster, SUBJECTS } from "../support/hostile-cluster.ts";
import { checkAnswer, FRESH_SEED, type HostileRequest, hostileRequest, NAMESPACE } from "../support/hostile-requests.ts";

/** Requests of one run. */
const REQUESTS = Number(process.env["FUZZ_REQUESTS"] ?? 250);
/** Requests to the same cluster before there is a new one: what they leave behind is in the way of the next. */
const REQUESTS_PER_CLUSTER = 250;

async function check(cluster: HostileCluster, request: HostileRequest): Promise<void> {
	const before = cluster.kept(request.kind);
	const { code, body } = await cluster.answer(request);
	checkAnswer(request, code, body);
	// What cannot be shown as the client wants it has been done all the same, as upstream.
	const refused = code >= 400 && code !== 406;
	if (refused || request.path.includes("dryRun=All")) expect(cluster.kept(request.kind), "a refused request and a dry run change nothing").toBe(before);
	await cluster.world.settle(request.kind.scope === "Cluster" ? { object: "cluster" } : { object: "namespace", name: NAMESPACE });
	await cluster.world.run(100);
	expect(cluster.world.logged).toEqual([]);
}

async function run(seed: number, path: string | undefined): Promise<void> {
	let cluster = await HostileCluster.create();
	let count = 0;
	const property = fc.asyncProperty(hostileRequest(SUBJECTS), async (request) => {
		if (++count % REQUESTS_PER_CLUSTER === 0) cluster = await HostileCluster.create();
		await check(cluster, request);
	});
	await fc.assert(property, { seed, numRuns: REQUESTS, ...(path ? { path, endOnFailure: true } : {}) });
}

describe("hostile requests", () => {
	it("are answered, of a fixed seed", () => run(Number(process.env["FC_SEED"] ?? 1), process.env["FC_PATH"]));
	it("are answered, of a fresh seed", () => run(FRESH_SEED, undefined));
});
