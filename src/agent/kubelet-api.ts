/** The paths of kubelet's own API that clients ask for through a node's proxy subresource. */
import type { Pod } from "../core/schema/kubernetes.d.ts";
import type { RequestHead } from "../core/tunnel/frame.ts";
import { errorText } from "./log.ts";
import type { TunnelStream } from "./tunnel/tunnel-stream.ts";
import { resourceMetricsText } from "./usage/resource-metrics-text.ts";
import { statsSummary } from "./usage/stats-summary.ts";
import type { UsageMeter } from "./usage/usage-meter.ts";

export interface KubeletApiOptions {
	/** The pods of this node, as they were told. */
	pods(): readonly Pod[];
	nodeName: string;
	meter: Pick<UsageMeter, "usage" | "totals">;
}

interface Answer {
	status: number;
	type: string;
	text: string;
}

const PLAIN = "text/plain; charset=utf-8";
const METRICS = "text/plain; version=0.0.4; charset=utf-8";

export class KubeletApi {
	readonly #options: KubeletApiOptions;

	constructor(options: KubeletApiOptions) {
		this.#options = options;
	}

	async serve(stream: TunnelStream, head: RequestHead): Promise<void> {
		const { status, type, text } = await this.#answer(head).catch(
			(error: unknown): Answer => ({ status: 500, type: PLAIN, text: `Internal Error: ${errorText(error)}\n` }),
		);
		const body = Buffer.from(text);
		stream.head({
			status,
			statusText: "",
			headers: [
				["Content-Type", type],
				["Content-Length", String(body.length)],
			],
		});
		if (head.method !== "HEAD") await stream.data(body);
		stream.end();
	}

	async #answer({ method, path }: RequestHead): Promise<Answer> {
		const [name = ""] = path.split("?");
		if (method !== "GET" && method !== "HEAD") return { status: 405, type: PLAIN, text: "405: Method Not Allowed" };
		switch (name.replace(/(?<=.)\/$/, "")) {
			case "/healthz":
			case "/healthz/ping":
				return { status: 200, type: PLAIN, text: "ok" };
			case "/pods":
				return { status: 200, type: "application/json", text: JSON.stringify(this.#podList()) };
			case "/stats/summary":
				return { status: 200, type: "application/json", text: JSON.stringify(await this.#summary()) };
			case "/metrics/resource":
				return { status: 200, type: METRICS, text: resourceMetricsText(await this.#options.meter.totals()) };
			default:
				return { status: 404, type: PLAIN, text: "404 page not found\n" };
		}
	}

	async #summary(): Promise<object> {
		const { meter, nodeName } = this.#options;
		return statsSummary(nodeName, await meter.usage(), await meter.totals());
	}

	#podList(): object {
		return { kind: "PodList", apiVersion: "v1", metadata: {}, items: this.#options.pods() };
	}
}
