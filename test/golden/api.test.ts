/**
 * Requests and answers, as scripts: each file of test/golden/api is a list of steps against a fresh cluster. A step names a
 * request (`do`, kubectl-like: "create pods", "patch deployments/web", "status pods/a"), who asks, what is sent, and what is
 * expected of the answer: the parts that stand there must match; `null` means the field must be absent. `webhooks` says what
 * webhooks answer from this step on, by URL; `asked` which of them the step asks, in order, and parts of what they were sent.
 */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import { type CallOutcome, type Submission, SubmissionNeeded } from "../../src/core/admission/outside-call.ts";
import type { ApiRequest, ApiResponse, PatchType } from "../../src/core/api/request.ts";
import { StatusError } from "../../src/core/errors/status-error.ts";
import { builtinKinds } from "../../src/core/kinds/registry.ts";
import type { ClusterNetwork } from "../../src/core/protocol/cluster-addresses.ts";
import { createCa } from "../../src/cli/certificates.ts";
import { certificateAuthority } from "../../src/objects/certificate-authority.ts";
import { START_MS, World } from "../sim/world.ts";
import { type WebhookAnswer, WebhookAnswers } from "../support/webhook-answers.ts";

interface Step {
	do: string;
	send?: unknown;
	/** The body's text, where it is not to be well-formed. */
	text?: string;
	query?: Partial<ApiRequest["query"]>;
	patch?: PatchType;
	user?: { name: string; groups?: string[] };
	namespace?: string;
	webhooks?: Record<string, WebhookAnswer>;
	asked?: Record<string, unknown>[];
	/** `annotations`: what the audit log is told. */
	expect: { code: number; warnings?: string[]; annotations?: Record<string, unknown>; body?: unknown };
}

/** A script against a cluster with a network of its own. */
interface Script {
	network?: ClusterNetwork;
	steps: Step[];
}

const DIRECTORY = join(import.meta.dirname, "api");
const ADMIN = { name: "admin", groups: ["system:masters", "system:authenticated"] };

/** "pods/a/status"; another version, or a namespaced custom kind, as "example.com/v1/widgets/a". */
function addressOf(target: string) {
	const parts = target.split("/");
	const custom = /^v\d\w*$/.test(parts[1] ?? "") ? parts.splice(0, 2) : undefined;
	const [resource = "", name = "", subresource = ""] = parts;
	if (custom) return { group: custom[0] ?? "", version: custom[1] ?? "", scope: "Namespaced", resource, name, subresource };
	const kind = builtinKinds.all().find(({ plural }) => plural === resource);
	if (kind === undefined) throw new Error(`no kind ${resource}`);
	const { group, version, scope } = kind;
	return { group, version, scope, resource, name, subresource };
}

function requestOf(step: Step): ApiRequest {
	const [verb = "", target = ""] = step.do.split(" ");
	const { group, version, resource, name, subresource, scope } = addressOf(target);
	return {
		verb: verb as ApiRequest["verb"],
		group,
		version,
		resource,
		name,
		subresource,
		namespace: scope === "Cluster" ? "" : (step.namespace ?? "default"),
		query: { raw: [], ...step.query },
		user: step.user ? { groups: ["system:authenticated"], ...step.user } : ADMIN,
		userAgent: "golden/1",
		body: step.text ?? (step.send === undefined ? "" : JSON.stringify(step.send)),
		...(step.patch ? { patchType: step.patch } : {}),
		...(step.expect.annotations ? { audited: true } : {}),
	};
}

/** As the front door: asks webhooks until there is nothing more to ask. */
async function admitted(world: World, request: ApiRequest): Promise<ApiResponse> {
	const outcomes: CallOutcome[] = [];
	for (let submission: Submission | undefined; ; ) {
		try {
			if (request.namespace === "") return await world.cluster().serve(request, submission);
			return await world.namespace(request.namespace).serve(request, false, submission);
		} catch (error) {
			if (!(error instanceof SubmissionNeeded)) throw error;
			outcomes.push(...error.calls.map((call) => world.outcomeOf(call)));
			submission = { draws: error.draws, outcomes };
		}
	}
}

async function answerOf(world: World, step: Step): Promise<{ code: number; warnings: string[]; annotations: unknown; body: unknown }> {
	const request = requestOf(step);
	try {
		const { code, body, warnings, annotations } = await admitted(world, request);
		return { code, warnings, annotations, body: JSON.parse(body) };
	} catch (error) {
		if (!(error instanceof StatusError)) throw error;
		return { code: error.code, warnings: [...error.warnings], annotations: error.annotations, body: error.status };
	} finally {
		await world.settle(request.namespace === "" ? { object: "cluster" } : { object: "namespace", name: request.namespace });
		await world.run(100);
	}
}

/** `actual` cut down to what `wanted` speaks of. */
function partOf(actual: unknown, wanted: unknown): unknown {
	if (Array.isArray(wanted)) return Array.isArray(actual) && actual.length === wanted.length ? wanted.map((item, i) => partOf(actual[i], item)) : actual;
	if (wanted === null || typeof wanted !== "object" || actual === null || typeof actual !== "object") return actual === undefined ? null : actual;
	return Object.fromEntries(Object.entries(wanted).map(([key, value]) => [key, partOf((actual as Record<string, unknown>)[key], value)]));
}

/** A CA of the tests' own. */
const authority = createCa(START_MS).then(({ certificate, privateKey }) => certificateAuthority(certificate, privateKey));

describe("the API, by scripts", () => {
	for (const file of readdirSync(DIRECTORY).sort()) {
		it(file.replace(".yaml", ""), async () => {
			const script = parse(readFileSync(join(DIRECTORY, file), "utf8"), { merge: true }) as Step[] | Script;
			const { network, steps } = Array.isArray(script) ? { steps: script } : script;
			const world = new World(1);
			world.authority = await authority;
			world.network = network;
			world.cluster();
			await world.settle({ object: "cluster" });
			await world.run(1_000);
			const webhooks = new WebhookAnswers();
			world.answerCall = webhooks.answer;
			for (const [i, step] of steps.entries()) {
				for (const [url, said] of Object.entries(step.webhooks ?? {})) webhooks.answers.set(url, said);
				webhooks.asked.length = 0;
				const answer = await answerOf(world, step);
				expect(partOf(answer, step.expect), `step ${i + 1}: ${step.do}`).toEqual(step.expect);
				if (step.asked) expect(partOf(webhooks.asked, step.asked), `step ${i + 1}: ${step.do}`).toEqual(step.asked);
			}
			expect(world.logged).toEqual([]);
		});
	}
});
