/**
 * Which handler of the container runtime a pod's RuntimeClass names (kubelet's pkg/kubelet/runtimeclass): asked for each sandbox, and
 * kept in the pod's directory, so that the pod starts again without a control plane.
 */
import { join } from "node:path";
import type { Pod, RuntimeClass } from "../core/schema/kubernetes.d.ts";
import { readFileIfPresent, writeFileAtomic } from "./atomic-file.ts";
import type { ApiAnswer, ApiClient } from "./control-plane-client.ts";
import type { PodPaths } from "./pod-names.ts";

const FILE_NAME = "runtime-handler";

export class RuntimeClasses {
	readonly #api: ApiClient;

	constructor(api: ApiClient) {
		this.#api = api;
	}

	/** Empty for the runtime's default. Rejects when there is no such class. */
	async handler({ spec }: Pod, paths: PodPaths): Promise<string> {
		const name = spec?.runtimeClassName;
		if (!name) return "";
		const file = join(paths.podDirectory, FILE_NAME);
		const answer = await this.#ask(name, file);
		if (typeof answer === "string") return answer;
		if (answer.code === 404) throw new Error(`runtimeclasses.node.k8s.io ${JSON.stringify(name)} not found`);
		const { handler, message = `the API answered ${answer.code}` } = (answer.body ?? {}) as Partial<RuntimeClass> & { message?: string };
		if (answer.code !== 200 || handler === undefined) throw new Error(`failed to lookup RuntimeClass ${name}: ${message}`);
		await writeFileAtomic(file, handler);
		return handler;
	}

	/** With the control plane away, what it said before. */
	async #ask(name: string, file: string): Promise<ApiAnswer | string> {
		try {
			return await this.#api.request("GET", `/apis/node.k8s.io/v1/runtimeclasses/${encodeURIComponent(name)}`);
		} catch (error) {
			const kept = await readFileIfPresent(file);
			if (kept === undefined) throw new Error(`failed to lookup RuntimeClass ${name}: ${(error as Error).message}`, { cause: error });
			return kept;
		}
	}
}
