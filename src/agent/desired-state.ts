/**
 * What the control plane wants of this node, as far as the agent has taken it in, and kept on disk: with the control plane
 * away the agent restarts pods after its own restart. The file holds Secrets, so it is sealed, and the agent's alone (0600).
 */
import {
	AGENT_PROTOCOL_VERSION,
	isRowGone,
	type NetworkRow,
	networkRowKey,
	type PollResponse,
	rowGone,
	type ServiceEntry,
	type VolumeDirectory,
} from "../core/protocol/agent-protocol.ts";
import type { PodRef } from "../core/protocol/messages.ts";
import type { ConfigMap, Pod, Secret } from "../core/schema/kubernetes.d.ts";
import { parseJson } from "./control-plane-client.ts";
import type { ObjectSource } from "./object-source.ts";
import { podRef } from "./pod-names.ts";
import { SealedFile } from "./sealed-file.ts";

const FILE_NAME = "desired-state.json";

export interface DesiredChange {
	full: boolean;
	pods: Pod[];
	removed: PodRef[];
	/** Whose ConfigMaps, Secrets or Services changed. */
	namespaces: Set<string>;
	/** Rows of the network table that changed. */
	network: NetworkRow[];
	/** Directories of volumes that can go. */
	volumesToDelete: VolumeDirectory[];
}

interface SavedState {
	pods: Pod[];
	configMaps: ConfigMap[];
	secrets: Secret[];
	networkRows: NetworkRow[];
}

const objectKey = (o: ConfigMap | Secret): string => `${o.metadata.namespace}/${o.metadata.name}`;

export class DesiredState implements ObjectSource {
	readonly #file: SealedFile;
	readonly #pods = new Map<string, Pod>();
	readonly #configMaps = new Map<string, ConfigMap>();
	readonly #secrets = new Map<string, Secret>();
	readonly #network = new Map<string, NetworkRow>();
	/** 0 until an answer is taken in: after a restart everything is asked for anew. */
	cursor = 0;
	networkCursor = 0;

	constructor(dataDirectory: string) {
		this.#file = new SealedFile(dataDirectory, FILE_NAME);
	}

	get pods(): Pod[] {
		return [...this.#pods.values()];
	}

	get networkRows(): NetworkRow[] {
		return [...this.#network.values()];
	}

	configMap(namespace: string, name: string): ConfigMap | undefined {
		return this.#configMaps.get(`${namespace}/${name}`);
	}

	secret(namespace: string, name: string): Secret | undefined {
		return this.#secrets.get(`${namespace}/${name}`);
	}

	services(namespace: string): readonly ServiceEntry[] {
		const prefix = `service/${namespace}/`;
		return [...this.#network].flatMap(([key, row]) => (key.startsWith(prefix) && row.kind === "service" && row.service ? [row.service] : []));
	}

	/** Takes an answer in; `wholeNetwork` when the request's networkCursor was 0. */
	apply(answer: PollResponse, wholeNetwork: boolean): DesiredChange {
		const namespaces = new Set<string>();
		if (answer.full) {
			this.#pods.clear();
			for (const map of [this.#configMaps, this.#secrets]) {
				for (const key of map.keys()) namespaces.add(key.split("/")[0] as string);
				map.clear();
			}
		}
		for (const pod of answer.pods) this.#pods.set(pod.metadata.uid as string, pod);
		for (const ref of answer.removed) this.#pods.delete(ref.uid);
		for (const configMap of answer.configMaps) this.#configMaps.set(objectKey(configMap), configMap);
		for (const secret of answer.secrets) this.#secrets.set(objectKey(secret), secret);
		for (const o of [...answer.configMaps, ...answer.secrets]) namespaces.add(o.metadata.namespace ?? "");
		const network = this.#applyNetwork(answer, wholeNetwork, namespaces);
		this.cursor = answer.cursor;
		this.networkCursor = answer.networkCursor;
		this.#collect();
		return { full: answer.full, pods: answer.pods, removed: answer.removed, namespaces, network, volumesToDelete: answer.volumesToDelete ?? [] };
	}

	#applyNetwork(answer: PollResponse, wholeNetwork: boolean, namespaces: Set<string>): NetworkRow[] {
		const changed = [...(answer.networkRows ?? []), ...this.#rowsOfNamespaces(answer)];
		if (wholeNetwork && answer.networkCursor > 0) {
			const present = new Set(changed.map(networkRowKey));
			for (const [key, row] of this.#network) if (!present.has(key)) changed.push(rowGone(row));
		}
		for (const row of changed) {
			if (isRowGone(row)) this.#network.delete(networkRowKey(row));
			else this.#network.set(networkRowKey(row), row);
			if (row.kind === "service") namespaces.add(row.namespace);
		}
		return changed;
	}

	/** From a control plane that knows no rows: a namespace's list replaces the former one. */
	#rowsOfNamespaces({ network }: PollResponse): NetworkRow[] {
		return network.flatMap(({ namespace, services }) => {
			const listed = services.map((service): NetworkRow => ({ kind: "service", namespace, name: service.name, service }));
			const former = [...this.#network.values()].filter((row) => row.kind === "service" && row.namespace === namespace);
			return [...former.filter((row) => !listed.some((one) => networkRowKey(one) === networkRowKey(row))).map(rowGone), ...listed];
		});
	}

	/** Objects of namespaces without a pod here are nobody's: a Secret is not kept longer than needed. */
	#collect(): void {
		const used = new Set(this.pods.map((p) => p.metadata.namespace));
		for (const map of [this.#configMaps, this.#secrets]) for (const [key, o] of map) if (!used.has(o.metadata.namespace)) map.delete(key);
	}

	/** Writes the state soon; several changes share a write. Rejects when the disk refuses. */
	save(): Promise<void> {
		return this.#file.save(() => {
			const state: SavedState = {
				pods: this.pods,
				configMaps: [...this.#configMaps.values()],
				secrets: [...this.#secrets.values()],
				networkRows: this.networkRows,
			};
			return JSON.stringify({ version: AGENT_PROTOCOL_VERSION, ...state });
		});
	}

	/** Reads what an earlier run left; false when there is nothing that can be read. */
	async load(): Promise<boolean> {
		const text = await this.#file.read();
		const saved = text === undefined ? undefined : (parseJson(text) as (Partial<SavedState> & { version?: number }) | undefined);
		if (saved?.version !== AGENT_PROTOCOL_VERSION || !Array.isArray(saved.pods)) return false;
		for (const pod of saved.pods) if (isUsablePod(pod)) this.#pods.set(pod.metadata.uid as string, pod);
		for (const configMap of saved.configMaps ?? []) this.#configMaps.set(objectKey(configMap), configMap);
		for (const secret of saved.secrets ?? []) this.#secrets.set(objectKey(secret), secret);
		for (const row of saved.networkRows ?? []) this.#network.set(networkRowKey(row), row);
		return true;
	}
}

/** A pod that the agent can work with; anything else is left alone. */
export function isUsablePod(value: unknown): value is Pod {
	const pod = value as Pod | undefined;
	if (!pod?.metadata?.uid || !pod.metadata.name || !pod.metadata.namespace) return false;
	const containers = pod.spec?.containers;
	return Array.isArray(containers) && containers.length > 0 && containers.every((c) => typeof c?.name === "string");
}

/** The parsed answer; throws with a reason when it is none: nothing of it is then taken in. */
export function parsePollResponse(text: string): { answer: PollResponse; unusable: PodRef[] } {
	const value = parseJson(text) as Partial<PollResponse> | undefined;
	if (typeof value !== "object" || value === null) throw new Error("the answer to a poll is not JSON");
	if (value.version !== AGENT_PROTOCOL_VERSION)
		throw new Error(
			`the control plane speaks version ${String(value.version)} of the agent protocol, this agent ${AGENT_PROTOCOL_VERSION}; update the older one`,
		);
	if (!Number.isFinite(value.cursor) || !Number.isFinite(value.networkCursor) || typeof value.full !== "boolean")
		throw new Error("the answer to a poll has no cursors");
	for (const key of ["pods", "removed", "configMaps", "secrets", "network", "commands"] as const) {
		if (!Array.isArray(value[key])) throw new Error(`the answer to a poll has no ${key}`);
	}
	const answer = value as PollResponse;
	const nameless = answer.pods.some((p) => !p?.metadata?.uid) || answer.removed.some((r) => !r?.uid);
	if (nameless || [...answer.configMaps, ...answer.secrets].some((o) => !o?.metadata?.name))
		throw new Error("the answer to a poll names objects without a name");
	const unusable = answer.pods.filter((p) => !isUsablePod(p)).map(podRef);
	return { answer, unusable };
}
