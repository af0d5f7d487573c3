/** A cluster in this process for hostile requests: the steps of the front door, and the objects behind it. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { type CallOutcome, type Submission, SubmissionNeeded } from "../../src/core/admission/outside-call.ts";
import type { ApiRequest } from "../../src/core/api/request.ts";
import { StatusError } from "../../src/core/errors/status-error.ts";
import { type KindDefinition, resourceOf } from "../../src/core/kinds/define-kind.ts";
import type { JsonObject } from "../../src/core/meta/object.ts";
import { patchTypeOf, readJsonBody, readPatch } from "../../src/worker/body.ts";
import { negotiate } from "../../src/worker/negotiate.ts";
import { parseQuery } from "../../src/worker/query.ts";
import { includeObjectOf, represent } from "../../src/worker/represent.ts";
import { parseResourcePath } from "../../src/worker/request-info.ts";
import { routeOf } from "../../src/worker/resource-route.ts";
import { World } from "../sim/world.ts";
import { type HostileRequest, NAMESPACE } from "./hostile-requests.ts";
import { gearsOf, kinds, subjectsOf } from "./valid-objects.ts";

export const SUBJECTS = subjectsOf(readFileSync(join(import.meta.dirname, "valid-objects.yaml"), "utf8"));

interface Answer {
	code: number;
	body: string | Uint8Array;
}

/** The front door's own steps, and the objects behind it in this process. */
export class HostileCluster {
	readonly world = new World(1);

	static async create(): Promise<HostileCluster> {
		const cluster = new HostileCluster();
		cluster.world.cluster();
		await cluster.world.settle({ object: "cluster" });
		await cluster.world.api({ verb: "create", resource: "namespaces" }, { apiVersion: "v1", kind: "Namespace", metadata: { name: NAMESPACE } });
		await cluster.world.api({ verb: "create", resource: "customresourcedefinitions", group: "apiextensions.k8s.io" }, gearsOf(SUBJECTS));
		await cluster.world.run(1_000);
		for (const { kind, object } of SUBJECTS) await cluster.#put(kind, object);
		return cluster;
	}

	async #put(kind: KindDefinition, object: JsonObject): Promise<void> {
		const { group, version, plural: resource, scope } = kind;
		const { name } = object["metadata"] as { name: string };
		const namespace = scope === "Cluster" ? "" : NAMESPACE;
		// Two versions of a kind share one name here, and the definition is there already.
		if (this.core(namespace).server.store.has(resourceOf(kind.storedAs?.kind ?? kind), name)) return;
		await this.world.api({ verb: "create", group, version, resource, namespace }, object).catch((error: Error) => {
			throw new Error(`${kind.kind}: ${error.message}`);
		});
		await this.world.run(100);
	}

	core(namespace: string) {
		return namespace === "" ? this.world.cluster().core : this.world.namespace(namespace).core;
	}

	async #served(request: ApiRequest) {
		const outcomes: CallOutcome[] = [];
		for (let submission: Submission | undefined; ; ) {
			try {
				return await (request.namespace === ""
					? this.world.cluster().serve(request, submission)
					: this.world.namespace(request.namespace).serve(request, false, submission));
			} catch (error) {
				if (!(error instanceof SubmissionNeeded)) throw error;
				outcomes.push(...error.calls.map((call) => this.world.answerCall(call)));
				submission = { draws: error.draws, outcomes };
			}
		}
	}

	async #answer({ method, path: text, contentType, accept, body }: HostileRequest): Promise<Answer> {
		const { pathname, searchParams } = new URL(`https://petrel${text}`);
		const path = parseResourcePath(method, pathname, searchParams);
		if (path === undefined) throw new Error("no resource path");
		const route = routeOf(path, kinds);
		if (route.serve !== "object") return { code: 200, body: "" };
		const representation = negotiate(accept, { stream: false, transforms: route.kind !== undefined, protobuf: route.kind?.types === undefined });
		const includeObject = includeObjectOf(searchParams);
		const raw = new Request("https://petrel", { method: method === "GET" ? "POST" : method, headers: { "content-type": contentType }, body });
		const patchType = path.verb === "patch" ? patchTypeOf(contentType) : undefined;
		const request: ApiRequest = {
			...path,
			query: parseQuery(path.verb, searchParams, patchType),
			body: patchType ? await readPatch(raw, patchType) : await readJsonBody(raw),
			user: { name: "admin", groups: ["system:masters", "system:authenticated"] },
			userAgent: "fuzz/1",
			...(patchType ? { patchType } : {}),
		};
		if (route.kind?.scope === "Namespaced" && path.namespace === "") return { code: 200, body: "" };
		const served = await this.#served(request);
		const target = { representation, pretty: false, includeObject, kind: route.kind, nowMs: this.world.nowMs };
		return { code: served.code, body: represent(served.body, target) };
	}

	async answer(request: HostileRequest): Promise<Answer> {
		try {
			return await this.#answer(request);
		} catch (error) {
			if (!(error instanceof StatusError)) throw error;
			return { code: error.code, body: JSON.stringify(error.status) };
		}
	}

	/** What the object at fault knows of its collection: from its memory and from its storage, which must be the same. */
	kept(kind: KindDefinition): string {
		const { store } = this.core(kind.scope === "Cluster" ? "" : NAMESPACE).server;
		const resource = resourceOf(kind);
		const texts = store.names(resource).map(({ name }) => {
			const text = store.getText(resource, name)?.body;
			if (JSON.stringify(store.get(resource, name)) !== text) throw new Error(`${resource}/${name} is not in memory as it is in storage`);
			return text;
		});
		return texts.join("\n");
	}
}
