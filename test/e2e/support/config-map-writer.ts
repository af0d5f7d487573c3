/** A client that writes ConfigMaps one after the other, and remembers what the control plane said it had stored. */
import { ApiClient } from "../../../src/cli/api-client.ts";
import type { ConfigMap, ConfigMapList } from "../../../src/core/schema/kubernetes.d.ts";
import type { Petrel } from "./petrel.ts";

const PATH = "/api/v1/namespaces/default/configmaps";
const LABEL = "written-by-test";
const COUNTER = "counter";
const PAUSE_MS = 10;

const configMap = (name: string, value: string): ConfigMap => ({
	apiVersion: "v1",
	kind: "ConfigMap",
	metadata: { name, labels: { [LABEL]: "yes" } },
	data: { value },
});

export class ConfigMapWriter {
	/** Uids of created objects, by name. */
	readonly created = new Map<string, string>();
	/** The last value that the counter is known to have. */
	counter = 0;
	readonly #client: ApiClient;
	#stopped = false;
	#running: Promise<void> = Promise.resolve();

	constructor(petrel: Petrel) {
		this.#client = apiClient(petrel);
	}

	start(): void {
		this.#running = this.#write();
	}

	async stop(): Promise<void> {
		this.#stopped = true;
		await this.#running;
	}

	/** What is stored now. */
	async stored(): Promise<{ created: Map<string, string>; counter: number }> {
		const { items } = await this.#client.call<ConfigMapList>("GET", `${PATH}?labelSelector=${LABEL}`);
		const counter = items.find(({ metadata }) => metadata?.name === COUNTER)?.data?.["value"] ?? "0";
		return { created: new Map(items.map(({ metadata }) => [metadata?.name ?? "", metadata?.uid ?? ""])), counter: Number(counter) };
	}

	async #write(): Promise<void> {
		for (let i = 1; !this.#stopped; i++) {
			await this.#create(`written-${i}`, String(i));
			await this.#count(i);
			await new Promise((next) => setTimeout(next, PAUSE_MS));
		}
	}

	async #create(name: string, value: string): Promise<void> {
		const answer = await this.#client.send<ConfigMap>("POST", PATH, configMap(name, value)).catch(() => undefined);
		if (answer?.code === 201) this.created.set(name, answer.body.metadata?.uid ?? "");
	}

	async #count(value: number): Promise<void> {
		const path = `${PATH}/${COUNTER}?fieldManager=test&force=true`;
		const answer = await this.#client.send("PATCH", path, configMap(COUNTER, String(value)), "application/apply-patch+yaml").catch(() => undefined);
		if (answer !== undefined && answer.code < 300) this.counter = value;
	}
}

/** The administrator's. */
export function apiClient(petrel: Petrel): ApiClient {
	const url = petrel.data.runState()?.server ?? "";
	return new ApiClient({ url, ca: petrel.data.read("ca.crt") ?? "", token: petrel.data.read("admin.token") ?? "" });
}
