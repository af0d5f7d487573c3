/** The paths of kubelet's own API that clients ask for through a node's proxy subresource. */
import { availableParallelism, totalmem, uptime } from "node:os";
import type { Pod } from "../core/schema/kubernetes.d.ts";
import type { RequestHead } from "../core/tunnel/frame.ts";
import type { Observations } from "./eviction/thresholds.ts";
import type { KubeletConfiguration } from "./kubelet-configuration.ts";
import { errorText } from "./log.ts";
import type { TunnelStream } from "./tunnel/tunnel-stream.ts";
import { cadvisorMetricsText } from "./usage/cadvisor-metrics-text.ts";
import { family } from "./usage/metrics-text.ts";
import { resourceMetricsText } from "./usage/resource-metrics-text.ts";
import { statsSummary } from "./usage/stats-summary.ts";
import type { UsageMeter } from "./usage/usage-meter.ts";

export interface KubeletApiOptions {
	/** The pods of this node, as they were told. */
	pods(): readonly Pod[];
	nodeName: string;
	meter: Pick<UsageMeter, "usage" | "totals">;
	observe(): Promise<Observations>;
	/** What the pods' volumes hold, by the pod's uid. */
	volumes(pods: readonly Pod[]): Promise<Map<string, object[]>>;
	configuration: KubeletConfiguration;
}

interface Answer {
	status: number;
	type: string;
	text: string;
}

const MICROS_PER_SECOND = 1e6;
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
			case "/configz":
				return { status: 200, type: "application/json", text: JSON.stringify({ kubeletconfig: this.#options.configuration }) };
			case "/runningpods":
				return { status: 200, type: "application/json", text: JSON.stringify(await this.#runningPods()) };
			case "/metrics":
				return { status: 200, type: METRICS, text: await this.#ownMetrics() };
			case "/metrics/cadvisor":
				return { status: 200, type: METRICS, text: await this.#cadvisor() };
			case "/metrics/resource":
				return { status: 200, type: METRICS, text: resourceMetricsText(await this.#options.meter.totals()) };
			default:
				return { status: 404, type: PLAIN, text: "404 page not found\n" };
		}
	}

	async #summary(): Promise<object> {
		const { meter, nodeName, observe, pods, volumes } = this.#options;
		const seen = await observe();
		const bytes = seen["nodefs.available"];
		return statsSummary(nodeName, await meter.usage(), await meter.totals(), {
			disk: bytes && { bytes, inodes: seen["nodefs.inodesFree"] },
			memoryBytes: totalmem(),
			startedAtMs: Date.now() - uptime() * 1000,
			processes: seen["pid.available"],
			volumes: await volumes(pods()),
		});
	}

	async #cadvisor(): Promise<string> {
		const { meter, pods } = this.#options;
		return cadvisorMetricsText(await meter.totals(), pods(), { cores: availableParallelism(), memoryBytes: totalmem() });
	}

	/** Of the agent itself, with kubelet's names. */
	async #ownMetrics(): Promise<string> {
		const { meter, nodeName } = this.#options;
		const running = (await meter.totals()).pods.filter(({ containers }) => containers.length > 0);
		const { user, system } = process.cpuUsage();
		const one = (value: number, labels: Record<string, string> = {}) => [{ labels, value }];
		const lines = [
			...family("kubelet_node_name", "gauge", "[ALPHA] The node's name. The count is always 1.", one(1, { node: nodeName })),
			...family("kubelet_running_pods", "gauge", "[BETA] Number of pods that have a running pod sandbox", one(running.length)),
			...family(
				"kubelet_running_containers",
				"gauge",
				"[BETA] Number of containers currently running",
				one(
					running.reduce((sum, { containers }) => sum + containers.length, 0),
					{ container_state: "running" },
				),
			),
			...family("process_cpu_seconds_total", "counter", "[STABLE] Total user and system CPU time spent in seconds.", one((user + system) / MICROS_PER_SECOND)),
			...family("process_resident_memory_bytes", "gauge", "[STABLE] Resident memory size in bytes.", one(process.memoryUsage.rss())),
			...family(
				"process_start_time_seconds",
				"gauge",
				"[STABLE] Start time of the process since unix epoch in seconds.",
				one(Math.round(performance.timeOrigin / 1000)),
			),
		];
		return `${lines.join("\n")}\n`;
	}

	async #runningPods(): Promise<object> {
		const { meter } = this.#options;
		const running = (await meter.totals()).pods.filter(({ containers }) => containers.length > 0);
		const items = running.map(({ pod: { name, namespace, uid }, containers }) => ({
			metadata: { name, namespace, uid },
			spec: { containers: containers.map((container) => ({ name: container.name })) },
		}));
		return { kind: "PodList", apiVersion: "v1", metadata: {}, items };
	}

	#podList(): object {
		return { kind: "PodList", apiVersion: "v1", metadata: {}, items: this.#options.pods() };
	}
}
