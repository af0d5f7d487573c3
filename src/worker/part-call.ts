/** The question to one Namespace object for its part of a list across namespaces. */
import type { ApiRequest } from "../core/api/request.ts";
import type { WorkerEnv } from "../core/protocol/tokens.ts";
import { namespaceObject } from "../objects/addresses.ts";
import { AT_LEAST_HEADER, AUTHORIZED_HEADER, IF_CHANGED_SINCE_HEADER } from "../objects/rpc.ts";
import { callObject } from "./object-call.ts";

/** Namespace objects asked at the same time. */
export const FAN_OUT = 32;
const NOT_MODIFIED = 304;

/** An object's refusal (410, 400) ends the whole list with it. */
export class PartRefused extends Error {
	readonly response: Response;
	constructor(response: Response) {
		super("a namespace refused its part of the list");
		this.response = response;
	}
}

export class PartCaller {
	readonly #env: WorkerEnv;
	readonly #cluster: string;
	readonly #request: ApiRequest;

	constructor(env: WorkerEnv, cluster: string, request: ApiRequest) {
		this.#env = env;
		this.#cluster = cluster;
		this.#request = request;
	}

	/** @throws PartRefused */
	async call(namespace: string, query: Partial<ApiRequest["query"]>, headers: Record<string, string>): Promise<Response> {
		const request = { ...this.#request, query: { ...this.#request.query, ...query } };
		const response = await callObject(namespaceObject(this.#env, this.#cluster, namespace), this.#cluster, request, { [AUTHORIZED_HEADER]: "1", ...headers });
		if (!response.ok && response.status !== NOT_MODIFIED) throw new PartRefused(response);
		return response;
	}

	/** The object's part as of the cut, its clock advanced to it; undefined when nothing changed since `version`. */
	async advanced(namespace: string, version: string, cut: string, headers: Record<string, string>): Promise<Response | undefined> {
		const anyVersion = { resourceVersion: undefined, resourceVersionMatch: undefined };
		const response = await this.call(namespace, anyVersion, { ...headers, [AT_LEAST_HEADER]: cut, [IF_CHANGED_SINCE_HEADER]: version });
		return response.status === NOT_MODIFIED ? undefined : response;
	}
}
