/** A cluster of its own for each test, below /clusters/<name>: nothing is shared and nothing needs to be reset. */
import { decodeJwt, importJWK, type JWK, SignJWT } from "jose";
import { DEPLOYMENT_AUDIENCE, GROUP_JOINING, TOKEN_ISSUER } from "../../../src/core/protocol/tokens.ts";
import type { Status } from "../../../src/core/errors/status-error.ts";
import { env, fetchWorker } from "./bindings.ts";
import { WatchReader } from "./watch-reader.ts";

export interface Options {
	/** Instead of the administrator's; "" for none. */
	token?: string;
	contentType?: string;
	accept?: string;
	/** Sent as it is instead of as JSON. */
	raw?: BodyInit;
	signal?: AbortSignal;
}

let count = 0;

export class TestCluster {
	readonly name: string;
	/** What its objects are named by. */
	readonly id: string;
	readonly adminToken: string;

	private constructor(name: string, adminToken: string) {
		this.name = name;
		this.id = decodeJwt(adminToken).aud as string;
		this.adminToken = adminToken;
	}

	/** Made as a user makes one, by the deployment's owner or the account of `token`. */
	static async create({ name = `t${++count}`, token }: { name?: string; token?: string } = {}): Promise<TestCluster> {
		const response = await manage("POST", "/clusters", { name }, token);
		if (!response.ok) throw new Error(`cluster ${name}: ${response.status} ${await response.text()}`);
		return new TestCluster(name, (await response.json<{ token: string }>()).token);
	}

	user(name: string, ...groups: string[]): Promise<string> {
		return signToken(this.id, name, groups);
	}

	joinToken(): Promise<string> {
		return signToken(this.id, "system:bootstrap:test", [GROUP_JOINING]);
	}

	fetch(method: string, path: string, body?: unknown, { token = this.adminToken, contentType, accept, raw, signal }: Options = {}): Promise<Response> {
		const headers: Record<string, string> = {};
		if (token !== "") headers["authorization"] = `Bearer ${token}`;
		if (accept !== undefined) headers["accept"] = accept;
		const payload = raw ?? (body === undefined ? undefined : JSON.stringify(body));
		if (payload !== undefined) headers["content-type"] = contentType ?? "application/json";
		return fetchWorker(`/clusters/${this.name}${path}`, {
			method,
			headers,
			...(payload === undefined ? {} : { body: payload }),
			...(signal ? { signal } : {}),
		});
	}

	/** Resolves to the object of an answer that must be a success. */
	async call<T>(method: string, path: string, body?: unknown, options?: Options): Promise<T> {
		const response = await this.fetch(method, path, body, options);
		const text = await response.text();
		if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`);
		return JSON.parse(text) as T;
	}

	/** Resolves to the Status of an answer that must be an error. */
	async refused(method: string, path: string, body?: unknown, options?: Options): Promise<Status> {
		const response = await this.fetch(method, path, body, options);
		const status = (await response.json()) as Status;
		if (response.ok) throw new Error(`${method} ${path} was not refused: ${JSON.stringify(status)}`);
		if (response.status !== status.code) throw new Error(`${method} ${path}: HTTP ${response.status}, Status ${status.code}`);
		return status;
	}

	/** Opens a WebSocket of a connect subresource. */
	async upgrade(path: string, protocol: string): Promise<WebSocket> {
		const headers = { Upgrade: "websocket", authorization: `Bearer ${this.adminToken}`, "sec-websocket-protocol": protocol };
		const { webSocket, status } = await fetchWorker(`/clusters/${this.name}${path}`, { headers });
		if (!webSocket) throw new Error(`${path}: no upgrade but ${status}`);
		webSocket.accept();
		return webSocket;
	}

	/** Opens a watch; `path` has its query. */
	async watch(path: string): Promise<WatchReader> {
		const response = await this.fetch("GET", path);
		if (!response.ok || !response.body) throw new Error(`GET ${path}: ${response.status} ${await response.text()}`);
		return new WatchReader(response.body);
	}
}

/** A request to the deployment itself, by default as its owner. */
export async function manage(method: string, path: string, body?: unknown, token?: string): Promise<Response> {
	const headers = { authorization: `Bearer ${token ?? (await signToken(DEPLOYMENT_AUDIENCE, "owner", []))}`, "content-type": "application/json" };
	return fetchWorker(path, { method, headers, ...(body === undefined ? {} : { body: JSON.stringify(body) }) });
}

async function signToken(cluster: string, sub: string, groups: string[]): Promise<string> {
	const jwk = JSON.parse(env.PETREL_SIGNING_KEY) as JWK;
	const key = await importJWK(jwk, "ES256");
	return new SignJWT({ iss: TOKEN_ISSUER, aud: cluster, sub, groups })
		.setIssuedAt()
		.setProtectedHeader({ alg: "ES256", kid: jwk.kid ?? "" })
		.sign(key);
}

/** Asks again until there is an answer; the test's own time limit ends it. */
export async function eventually<T>(attempt: () => Promise<T | undefined>): Promise<T> {
	for (;;) {
		const result = await attempt();
		if (result !== undefined) return result;
		await new Promise((resolve) => setTimeout(resolve, 5));
	}
}
