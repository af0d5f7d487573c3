/**
 * In-place resize of one pod (KEP-1287): what the pod asks for, what the node has granted it and what its containers have
 * are three things. What was granted is kept on disk, so that an agent's restart grants nothing that was refused.
 */
import { compareQuantities, parseQuantity } from "../core/quantity/quantity.ts";
import { semanticEqual } from "../core/meta/equality.ts";
import type { Container, Pod, PodCondition, ResourceRequirements } from "../core/schema/kubernetes.d.ts";
import { readFileIfPresent, writeFileAtomic } from "./atomic-file.ts";
import { parseJson } from "./control-plane-client.ts";
import type { EventRecorder } from "./event-recorder.ts";
import { errorText } from "./log.ts";
import type { ResizeRefusal } from "./node-capacity.ts";
import { isSidecar } from "./pod-names.ts";
import { parseQuantityNumber } from "./quantity-number.ts";
import type { ContainerRuntime, ContainerStateInfo } from "./runtime/runtime.ts";

/** How soon what was deferred, or what failed, is tried again. */
export const RESIZE_RETRY_MS = 10_000;
const RESIZABLE = ["cpu", "memory"] as const;

export interface PodResizeOptions {
	runtime: Pick<ContainerRuntime, "updateContainerResources" | "containerUsage">;
	events: Pick<EventRecorder, "record">;
	/** Where it is kept what was granted. */
	file: string;
	/** Why the node does not grant the pod what it asks for; the pod comes with its new resources. */
	refuse(pod: Pod): ResizeRefusal | undefined;
}

type Resources = Readonly<Record<string, ResourceRequirements>>;

interface SavedResize {
	/** By container name. */
	granted: Resources;
	/** By container id: where it differs from what was granted when it started. */
	applied: Resources;
}

/** The containers that can be resized: those that run for as long as the pod. */
const resizable = (pod: Pod): Container[] => [...(pod.spec?.containers ?? []), ...(pod.spec?.initContainers ?? []).filter(isSidecar)];

/** Only CPU and memory move in place. */
function moving(resources: ResourceRequirements | undefined): Record<string, string> {
	const found: Record<string, string> = {};
	for (const side of ["limits", "requests"] as const) {
		for (const name of RESIZABLE) {
			const text = resources?.[side]?.[name];
			if (text !== undefined) found[`${side}.${name}`] = text;
		}
	}
	return found;
}

function changedResources(before: ResourceRequirements | undefined, now: ResourceRequirements | undefined): Set<string> {
	const [a, b] = [moving(before), moving(now)];
	const same = (x: string | undefined, y: string | undefined): boolean =>
		x === y || (x !== undefined && y !== undefined && compareQuantities(parseQuantity(x), parseQuantity(y)) === 0);
	const keys = [...new Set([...Object.keys(a), ...Object.keys(b)])].filter((key) => !same(a[key], b[key]));
	return new Set(keys.map((key) => key.split(".")[1] as string));
}

export class PodResize {
	readonly #options: PodResizeOptions;
	#granted: Record<string, ResourceRequirements> | undefined;
	readonly #applied = new Map<string, ResourceRequirements>();
	#pending: (ResizeRefusal & { generation: number }) | undefined;
	#inProgress: { generation: number; error?: string } | undefined;
	#saved = "";

	constructor(options: PodResizeOptions) {
		this.#options = options;
	}

	async load(): Promise<void> {
		const text = await readFileIfPresent(this.#options.file);
		const saved = text === undefined ? undefined : (parseJson(text) as Partial<SavedResize> | undefined);
		if (!saved?.granted) return;
		this.#granted = { ...saved.granted };
		for (const [id, resources] of Object.entries(saved.applied ?? {})) this.#applied.set(id, resources);
		this.#saved = text ?? "";
	}

	/** The pod with what the node has granted it. Grants what fits. */
	async grant(pod: Pod): Promise<Pod> {
		const wanted = Object.fromEntries(resizable(pod).map(({ name, resources = {} }) => [name, resources]));
		this.#granted ??= wanted;
		const granted = this.#granted;
		const isNew = Object.entries(wanted).some(([name, resources]) => changedResources(granted[name], resources).size > 0);
		if (!isNew) this.#pending = undefined;
		else this.#decide(pod, wanted);
		const result = this.granted(pod);
		if (isNew) await this.#save();
		return result;
	}

	/** The pod with what was granted before. */
	granted(pod: Pod): Pod {
		const granted = this.#granted;
		if (!granted || !pod.spec) return pod;
		const replaced = (container: Container): Container =>
			granted[container.name] === undefined || semanticEqual(container.resources, granted[container.name])
				? container
				: { ...container, resources: granted[container.name] as ResourceRequirements };
		const { containers, initContainers } = pod.spec;
		return { ...pod, spec: { ...pod.spec, containers: containers.map(replaced), ...(initContainers ? { initContainers: initContainers.map(replaced) } : {}) } };
	}

	#decide(pod: Pod, wanted: Record<string, ResourceRequirements>): void {
		const { refuse, events } = this.#options;
		const generation = pod.metadata.generation ?? 0;
		const refusal = refuse(pod);
		if (refusal) {
			const told = this.#pending?.reason === refusal.reason && this.#pending.generation === generation;
			this.#pending = { ...refusal, generation };
			if (!told) events.record(pod, "Warning", `Resize${refusal.reason}`, resizeMessage(pod, refusal.reason, generation, refusal.message));
			return;
		}
		this.#pending = undefined;
		this.#granted = wanted;
		this.#inProgress = { generation };
		events.record(pod, "Normal", "ResizeStarted", resizeMessage(pod, "started", generation));
	}

	/** What a container has, as far as it differs from what is granted. */
	applied(containerId: string): ResourceRequirements | undefined {
		return this.#applied.get(containerId);
	}

	/** Takes in what containers were started with. */
	note(pod: Pod, containers: readonly ContainerStateInfo[]): void {
		const present = new Set(containers.map(({ id }) => id));
		for (const id of this.#applied.keys()) if (!present.has(id)) this.#applied.delete(id);
		for (const { id, name, state } of containers) {
			const container = resizable(pod).find((one) => one.name === name);
			if (container && state === "running" && !this.#applied.has(id)) this.#applied.set(id, container.resources ?? {});
		}
	}

	/** Whether a container must be restarted for what was granted to it. */
	mustRestart(container: Container, containerId: string): boolean {
		const policies = container.resizePolicy ?? [];
		const changed = this.#changed(container, containerId);
		return policies.some(({ resourceName, restartPolicy }) => restartPolicy === "RestartContainer" && changed.has(resourceName));
	}

	#changed(container: Container, containerId: string): Set<string> {
		const applied = this.#applied.get(containerId);
		return applied ? changedResources(applied, container.resources) : new Set();
	}

	/** Gives running containers what was granted to them; `pod` has that. Returns when to try again, in milliseconds. */
	async actuate(pod: Pod, containers: readonly ContainerStateInfo[]): Promise<number> {
		let error: string | undefined;
		let left = false;
		for (const container of resizable(pod)) {
			const state = containers.find(({ name, state: is }) => name === container.name && is === "running");
			if (!state || this.#changed(container, state.id).size === 0) continue;
			if (this.mustRestart(container, state.id)) {
				left = true;
				continue;
			}
			try {
				await this.#update(pod, container, state.id);
				this.#applied.set(state.id, container.resources ?? {});
			} catch (failure) {
				error = errorText(failure);
			}
		}
		await this.#progress(pod, left, error);
		return this.#pending?.reason === "Deferred" || error !== undefined ? RESIZE_RETRY_MS : Number.POSITIVE_INFINITY;
	}

	async #update(pod: Pod, container: Container, id: string): Promise<void> {
		const { runtime } = this.#options;
		const memoryLimit = (resources: ResourceRequirements | undefined): number =>
			resources?.limits?.memory === undefined ? Number.POSITIVE_INFINITY : parseQuantityNumber(resources.limits.memory);
		const limit = memoryLimit(container.resources);
		if (limit < memoryLimit(this.#applied.get(id))) {
			const usage = (await runtime.containerUsage()).find((one) => one.id === id);
			// The kernel would kill something at once.
			if (usage && usage.memoryBytes > limit) throw new Error(`attempting to set container memory limit (${limit}) below current usage (${usage.memoryBytes})`);
		}
		await runtime.updateContainerResources(id, pod, container);
	}

	async #progress(pod: Pod, left: boolean, error: string | undefined): Promise<void> {
		const { events } = this.#options;
		if (this.#inProgress === undefined) return;
		const { generation, error: before } = this.#inProgress;
		if (error !== undefined) {
			this.#inProgress = { generation, error };
			if (error !== before) events.record(pod, "Warning", "ResizeError", resizeMessage(pod, "error", generation, error));
			return;
		}
		if (left) return;
		this.#inProgress = undefined;
		events.record(pod, "Normal", "ResizeCompleted", resizeMessage(pod, "completed", generation));
		await this.#save();
	}

	conditions(): Pick<PodCondition, "type" | "status" | "reason" | "message" | "observedGeneration">[] {
		const { reason, message, generation } = this.#pending ?? {};
		const progress = this.#inProgress;
		return [
			...(reason ? [{ type: "PodResizePending", status: "True", reason, message: message ?? "", observedGeneration: generation ?? 0 }] : []),
			...(progress
				? [
						{
							type: "PodResizeInProgress",
							status: "True",
							...(progress.error ? { reason: "Error", message: progress.error } : {}),
							observedGeneration: progress.generation,
						},
					]
				: []),
		];
	}

	async #save(): Promise<void> {
		const state: SavedResize = { granted: this.#granted ?? {}, applied: Object.fromEntries(this.#applied) };
		const text = JSON.stringify(state);
		if (text === this.#saved) return;
		await writeFileAtomic(this.#options.file, text);
		this.#saved = text;
	}
}

/** Kubelet's: a JSON object after the words. */
function resizeMessage(pod: Pod, what: string, generation: number, error?: string): string {
	const ordered = ({ limits, requests }: ResourceRequirements = {}) => ({
		...(limits ? { limits: sorted(limits) } : {}),
		...(requests ? { requests: sorted(requests) } : {}),
	});
	const containers = resizable(pod).map(({ name, resources }) => ({ name, resources: ordered(resources) }));
	return `Pod resize ${what}: ${JSON.stringify({ containers, generation, ...(error ? { error } : {}) })}`;
}

const sorted = (list: Record<string, string>): Record<string, string> => Object.fromEntries(Object.entries(list).sort(([a], [b]) => (a < b ? -1 : 1)));
