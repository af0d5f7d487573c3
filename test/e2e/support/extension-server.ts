/**
 * A tiny extension API server: it believes who asks only from whom the cluster's requestheader CA has signed, serves flowers of
 * garden.example.com/v1, and tells metrics.
 */
import { once } from "node:events";
import type { IncomingMessage, ServerResponse } from "node:http";
import { createServer, type Server } from "node:https";
import type { AddressInfo } from "node:net";
import type { TLSSocket } from "node:tls";
import { WebSocketServer } from "ws";
import { createCa, createServerCertificate } from "../../../src/cli/certificates.ts";
import type { ConfigMap } from "../../../src/core/schema/kubernetes.d.ts";

const GROUP = "garden.example.com";
const ROOT = `/apis/${GROUP}/v1`;
const FLOWER = { group: GROUP, version: "v1", kind: "Flower" };

interface Flower {
	apiVersion: string;
	kind: string;
	metadata: { name: string; namespace: string; uid: string; resourceVersion: string; creationTimestamp: string; annotations?: Record<string, string> };
	spec: { colour: string };
}

const flower = (namespace: string, name: string, annotations: Record<string, string> = {}): Flower => ({
	apiVersion: `${GROUP}/v1`,
	kind: "Flower",
	metadata: { name, namespace, uid: `uid-of-${name}`, resourceVersion: "1", creationTimestamp: new Date().toISOString(), annotations },
	spec: { colour: "red" },
});

const resources = {
	kind: "APIResourceList",
	apiVersion: "v1",
	groupVersion: `${GROUP}/v1`,
	resources: [
		{
			name: "flowers",
			singularName: "flower",
			namespaced: true,
			kind: "Flower",
			shortNames: ["fl"],
			verbs: ["create", "delete", "deletecollection", "get", "list", "watch"],
		},
	],
};

const schema = {
	type: "object",
	description: "Flower grows in a garden.",
	properties: {
		apiVersion: { type: "string" },
		kind: { type: "string" },
		metadata: { type: "object" },
		spec: { type: "object", description: "What it looks like.", properties: { colour: { type: "string", description: "The petals' colour." } } },
	},
	"x-kubernetes-group-version-kind": [FLOWER],
};
const operation = {
	operationId: "list",
	responses: { "200": { description: "OK" } },
	"x-kubernetes-action": "list",
	"x-kubernetes-group-version-kind": FLOWER,
};
const documentV3 = {
	openapi: "3.0.0",
	info: { title: "garden", version: "1" },
	paths: { [`${ROOT}/namespaces/{namespace}/flowers`]: { get: operation } },
	components: { schemas: { "com.example.garden.v1.Flower": schema } },
};
const documentV2 = {
	swagger: "2.0",
	info: documentV3.info,
	paths: documentV3.paths,
	definitions: { "com.example.garden.v1.Flower": schema },
};

export class ExtensionServer {
	readonly #server: Server;
	/** In base64. */
	readonly caBundle: string;
	readonly port: number;
	/** What stands below a path: `path` is all before the query. */
	readonly documents = new Map<string, (query: URLSearchParams) => unknown>();
	#watchers: ServerResponse[] = [];
	/** Namespaces whose flowers somebody deleted, and who it was. */
	readonly cleared = new Map<string, string>();

	private constructor(server: Server, caBundle: string) {
		this.#server = server;
		this.caBundle = caBundle;
		this.port = (server.address() as AddressInfo).port;
		server.on("request", (request: IncomingMessage, response: ServerResponse) => void this.#answer(request, response));
		server.on("tlsClientError", () => {});
		// Says back what it hears, and who asks when it is asked that.
		const sockets = new WebSocketServer({
			noServer: true,
			handleProtocols: (offered) => ([...offered].includes("echo.example.com") ? "echo.example.com" : false),
		});
		server.on("upgrade", (request, socket, head) =>
			sockets.handleUpgrade(request, socket, head, (client) => {
				const who = JSON.stringify({ user: request.headers["x-remote-user"], path: request.url });
				client.on("message", (data, isBinary) => client.send(String(data) === "who" ? who : data, { binary: isBinary }));
			}),
		);
		for (const [path, document] of Object.entries({
			[ROOT]: resources,
			"/openapi/v3": { paths: { [`apis/${GROUP}/v1`]: { serverRelativeURL: `/openapi/v3/apis/${GROUP}/v1?hash=1` } } },
			[`/openapi/v3/apis/${GROUP}/v1`]: documentV3,
			"/openapi/v2": documentV2,
		}))
			this.documents.set(path, () => document);
	}

	/** `trust` is the ConfigMap kube-system/extension-apiserver-authentication. */
	static async start(trust: ConfigMap, names: string[]): Promise<ExtensionServer> {
		const nowMs = Date.now();
		const ca = await createCa(nowMs);
		const { certificate, privateKey } = await createServerCertificate(ca, names, nowMs);
		const authority = trust.data?.["requestheader-client-ca-file"];
		const server = createServer({ key: privateKey, cert: certificate, requestCert: true, rejectUnauthorized: true, ca: authority });
		const allowed = JSON.parse(trust.data?.["requestheader-allowed-names"] ?? "[]") as string[];
		server.on("secureConnection", (socket: TLSSocket) => {
			if (!allowed.includes(String(socket.getPeerCertificate().subject.CN))) socket.destroy();
		});
		await once(server.listen(0, "0.0.0.0"), "listening");
		return new ExtensionServer(server, Buffer.from(ca.certificate).toString("base64"));
	}

	/** Tells every watcher of a new flower, once there is one. */
	async bloom(name: string): Promise<void> {
		if (this.#watchers.length === 0) await once(this.#server, "watcher");
		for (const watcher of this.#watchers) watcher.write(`${JSON.stringify({ type: "ADDED", object: flower("default", name) })}\n`);
	}

	stop(): void {
		this.#server.closeAllConnections();
		this.#server.close();
	}

	async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
		const { pathname, searchParams } = new URL(request.url ?? "", "https://host");
		let body = "";
		for await (const chunk of request) body += String(chunk);
		const json = (value: unknown, status = 200) => response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(value));
		const [, namespace = "", name] = new RegExp(`^${ROOT}/namespaces/([^/]+)/flowers(?:/([^/]+))?$`).exec(pathname) ?? [];
		const document = this.documents.get(pathname)?.(searchParams);
		if (document !== undefined) return void json(document);
		if (namespace === "") return void json({ kind: "Status", apiVersion: "v1", status: "Failure", reason: "NotFound", code: 404 }, 404);
		if (searchParams.get("watch")) {
			response.writeHead(200, { "content-type": "application/json", "transfer-encoding": "chunked" });
			response.flushHeaders();
			this.#watchers.push(response);
			this.#server.emit("watcher");
			return;
		}
		if (request.method === "DELETE") {
			this.cleared.set(namespace, String(request.headers["x-remote-user"]));
			return void json({ kind: "Status", apiVersion: "v1", status: "Success" });
		}
		if (request.method === "POST") return void json({ ...flower(namespace, ""), ...(JSON.parse(body) as object) }, 201);
		const { "x-remote-user": user = "", "x-remote-group": groups = "", authorization = "none" } = request.headers;
		const told = { user: String(user), groups: String(groups), authorization };
		if (name !== undefined) return void json(flower(namespace, name, told));
		json({
			kind: "FlowerList",
			apiVersion: `${GROUP}/v1`,
			metadata: { resourceVersion: "1" },
			items: this.cleared.has(namespace) ? [] : [flower(namespace, "rose")],
		});
	}
}
