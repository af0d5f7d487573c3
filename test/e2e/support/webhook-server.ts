/** Webhooks on this machine: an HTTPS server whose certificate a CA of its own has signed. */
import { once } from "node:events";
import { createServer, type Server } from "node:https";
import type { AddressInfo } from "node:net";
import { createCa, createServerCertificate } from "../../../src/cli/certificates.ts";

export interface Review {
	apiVersion: string;
	kind: string;
	request: Record<string, unknown> & { uid: string };
}
/** What a path answers: the review's response without its uid, or undefined for never. */
export type Responder = (request: Review["request"]) => Record<string, unknown> | undefined;

export class WebhookServer {
	readonly #server: Server;
	readonly #paths = new Map<string, Responder>();
	/** In base64, as a clientConfig has it. */
	readonly caBundle: string;

	private constructor(server: Server, caBundle: string) {
		this.#server = server;
		this.caBundle = caBundle;
		server.on("request", async (request, response) => {
			let text = "";
			for await (const chunk of request) text += String(chunk);
			const { apiVersion, kind, request: asked } = JSON.parse(text) as Review;
			const answer = this.#paths.get(new URL(request.url ?? "", "https://host").pathname)?.(asked);
			if (answer !== undefined) response.end(JSON.stringify({ apiVersion, kind, response: { uid: asked.uid, ...answer } }));
		});
		server.on("tlsClientError", () => {});
	}

	static async start(): Promise<WebhookServer> {
		const nowMs = Date.now();
		const ca = await createCa(nowMs);
		const { certificate, privateKey } = await createServerCertificate(ca, ["127.0.0.1"], nowMs);
		const server = createServer({ key: privateKey, cert: certificate });
		await once(server.listen(0, "127.0.0.1"), "listening");
		return new WebhookServer(server, Buffer.from(ca.certificate).toString("base64"));
	}

	on(path: string, responder: Responder): void {
		this.#paths.set(path, responder);
	}

	clientConfig(path: string, caBundle = this.caBundle): object {
		return { url: `https://127.0.0.1:${(this.#server.address() as AddressInfo).port}${path}`, caBundle };
	}

	stop(): void {
		this.#server.closeAllConnections();
		this.#server.close();
	}
}
