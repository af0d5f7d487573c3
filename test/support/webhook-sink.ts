/** An HTTP server on loopback that webhooks are delivered to: it remembers what came, and answers as the test says. */
import { once } from "node:events";
import { createServer, type IncomingHttpHeaders, type RequestListener, type Server } from "node:http";
import { createServer as createSecureServer } from "node:https";
import type { AddressInfo } from "node:net";
import { type CloudEvent, HTTP } from "cloudevents";

export interface Delivery {
	path: string;
	headers: IncomingHttpHeaders;
	/** As it came. */
	text: string;
	/** As the CloudEvents SDK reads it. */
	event: CloudEvent<EventData>;
	atMs: number;
}

/** The data of an event about an object. */
export interface EventData {
	object?: { apiVersion: string; kind: string; metadata: { name: string; resourceVersion: string }; [field: string]: unknown } | null;
	oldObject?: { metadata: { name: string; resourceVersion: string }; [field: string]: unknown } | null;
	patch?: { op: string; path: string; value?: unknown }[];
}

export interface SinkAnswer {
	status: number;
	headers?: Record<string, string>;
}
/** Undefined: never an answer. "break": the connection ends in the middle of one. */
export type Answerer = (delivery: Delivery, attempt: number) => SinkAnswer | "break" | undefined;

const OK: SinkAnswer = { status: 204 };

export class WebhookSink {
	readonly deliveries: Delivery[] = [];
	answer: Answerer = () => OK;
	readonly #server: Server;
	readonly #scheme: string;
	readonly #attempts = new Map<string, number>();
	readonly #waiting = new Set<() => void>();

	private constructor(scheme: "http" | "https", create: (listener: RequestListener) => Server) {
		this.#scheme = scheme;
		this.#server = create((request, response) => {
			const chunks: Buffer[] = [];
			request.on("data", (chunk: Buffer) => chunks.push(chunk));
			request.on("end", () => {
				const text = Buffer.concat(chunks).toString();
				const delivery = {
					path: request.url ?? "",
					headers: request.headers,
					text,
					event: HTTP.toEvent({ headers: request.headers, body: text }) as CloudEvent<EventData>,
					atMs: performance.timeOrigin + performance.now(),
				};
				this.#take(delivery, (answer) => {
					if (answer === undefined) return;
					if (answer === "break") return void request.socket.end("HTTP/1.1 20");
					response.writeHead(answer.status, answer.headers).end();
				});
			});
		});
	}

	static async start(tls?: { key: string; cert: string }): Promise<WebhookSink> {
		const sink = tls
			? new WebhookSink("https", (listener) => createSecureServer(tls, listener) as unknown as Server)
			: new WebhookSink("http", (listener) => createServer(listener));
		await once(sink.#server.listen(0, "127.0.0.1"), "listening");
		return sink;
	}

	#take(delivery: Delivery, reply: (answer: ReturnType<Answerer>) => void): void {
		const attempt = (this.#attempts.get(delivery.event.id) ?? 0) + 1;
		this.#attempts.set(delivery.event.id, attempt);
		this.deliveries.push(delivery);
		reply(this.answer(delivery, attempt));
		for (const look of this.#waiting) look();
	}

	url(path = "/"): string {
		return `${this.#scheme}://127.0.0.1:${(this.#server.address() as AddressInfo).port}${path}`;
	}

	/** To one path. */
	to(path: string): Delivery[] {
		return this.deliveries.filter((delivery) => delivery.path === path);
	}

	/** Resolves with the first thing that `look` finds among what came and comes. */
	async until<T>(look: (deliveries: readonly Delivery[]) => T | undefined): Promise<T> {
		return new Promise((resolve) => {
			const again = (): void => {
				const found = look(this.deliveries);
				if (found === undefined) return;
				this.#waiting.delete(again);
				resolve(found);
			};
			this.#waiting.add(again);
			again();
		});
	}

	/** Resolves with the first `count` deliveries to a path. */
	first(path: string, count: number): Promise<Delivery[]> {
		return this.until(() => {
			const found = this.to(path);
			return found.length >= count ? found.slice(0, count) : undefined;
		});
	}

	stop(): void {
		this.#server.closeAllConnections();
		this.#server.close();
	}
}
