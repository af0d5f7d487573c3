/** Deletes what extension API servers keep in a namespace that is going away, as the namespace controller does (namespace/deletion). */
import { isAvailable } from "../../core/controllers/apiservice/availability.ts";
import { deletableIn, type ExtensionContent, groupVersionOf, NAMESPACE_CONTROLLER_USER, staleDiscovery } from "../../core/controllers/extension-content.ts";
import type { KubeObject } from "../../core/meta/object.ts";
import type { WorkerEnv } from "../../core/protocol/tokens.ts";
import type { APIResource, APIService } from "../../core/schema/kubernetes.d.ts";
import { deadlineAfter, withDeadline } from "../outside/deadline.ts";
import { bounded, reasonOf } from "../outside/make-calls.ts";
import { inParallel } from "../parallel.ts";
import { callExtension } from "./extension-call.ts";

const TIMEOUT_MS = 30_000;
const FAN_OUT = 8;
const NOT_FOUND = 404;
const NOT_ALLOWED = 405;
/** A list of what is left may be this long, in bytes. */
const LIST_BYTES_MAX = 16 * 1024 * 1024;

/** An answer that is no success; the message is the server's own where it gives one. */
class Refused extends Error {
	readonly status: number;
	constructor(status: number, text: string) {
		super(messageOf(text) ?? `the server answered with status ${status}`);
		this.status = status;
	}
}

function messageOf(text: string): string | undefined {
	try {
		return (JSON.parse(text) as { message?: string }).message;
	} catch {
		return text.trim() || undefined;
	}
}

export interface ContentPlace {
	env: WorkerEnv;
	cluster: string;
	namespace: string;
}

class Sweep {
	readonly #place: ContentPlace;
	readonly #service: APIService;
	readonly #found: ExtensionContent;

	constructor(place: ContentPlace, service: APIService, found: ExtensionContent) {
		this.#place = place;
		this.#service = service;
		this.#found = found;
	}

	async run(): Promise<void> {
		const groupVersion = groupVersionOf(this.#service);
		if (!isAvailable(this.#service)) return void this.#found.undiscovered.push({ groupVersion, why: staleDiscovery(groupVersion) });
		let resources: APIResource[];
		try {
			resources = deletableIn(await this.#call("GET", `/apis/${groupVersion}`));
		} catch (error) {
			return void this.#found.undiscovered.push({ groupVersion, why: (error as Error).message });
		}
		for (const resource of resources) await this.#empty(groupVersion, resource).catch((error: Error) => this.#found.failures.push(error.message));
	}

	/** Rejects with why something is left that should not be. */
	async #empty(groupVersion: string, { name, verbs }: APIResource): Promise<void> {
		const path = `/apis/${groupVersion}/namespaces/${this.#place.namespace}/${name}`;
		const isListed = verbs.includes("list");
		if (verbs.includes("deletecollection")) await this.#delete(path);
		else if (isListed) for (const { metadata } of await this.#list(path)) await this.#delete(`${path}/${metadata.name}`);
		const left = isListed ? await this.#list(path) : [];
		if (left.length === 0) return;
		const finalizers = left.flatMap(({ metadata }) => metadata.finalizers ?? []);
		this.#found.remaining.push({ resource: `${this.#service.spec?.group}/${name}`, count: left.length, finalizers });
	}

	async #delete(path: string): Promise<void> {
		const options = { kind: "DeleteOptions", apiVersion: "v1", propagationPolicy: "Background" };
		await this.#call("DELETE", path, JSON.stringify(options)).catch((error: unknown) => {
			// What is gone is gone; what cannot be deleted is counted below.
			if (!(error instanceof Refused) || (error.status !== NOT_FOUND && error.status !== NOT_ALLOWED)) throw error;
		});
	}

	async #list(path: string): Promise<KubeObject[]> {
		return ((await this.#call("GET", path)) as { items?: KubeObject[] | null }).items ?? [];
	}

	async #call(method: string, path: string, body?: string): Promise<unknown> {
		const { env, cluster } = this.#place;
		const { signal, cancel } = deadlineAfter(TIMEOUT_MS);
		const bytes = body === undefined ? undefined : new TextEncoder().encode(body);
		const headers: [string, string][] = [["Accept", "application/json"]];
		if (bytes !== undefined) headers.push(["Content-Type", "application/json"], ["Content-Length", String(bytes.length)]);
		const sent = bytes === undefined ? {} : { body: new Response(bytes).body as ReadableStream<Uint8Array> };
		try {
			const call = { method, path, user: NAMESPACE_CONTROLLER_USER, headers, ...sent, priority: "bulk" as const, signal };
			const response = await withDeadline(callExtension(env, cluster, this.#service, call), signal);
			const text = await withDeadline(bounded(response, LIST_BYTES_MAX), signal);
			if (!response.ok) throw new Refused(response.status, text);
			return JSON.parse(text);
		} catch (error) {
			throw error instanceof Refused ? error : new Error(reasonOf(error));
		} finally {
			cancel();
		}
	}
}

/** Never rejects. */
export async function sweepExtensions(place: ContentPlace, services: readonly APIService[]): Promise<ExtensionContent> {
	const found: ExtensionContent = { undiscovered: [], failures: [], remaining: [] };
	await inParallel(services, FAN_OUT, (service) => new Sweep(place, service, found).run());
	return found;
}
