/**
 * Pods from a directory of manifests, which run with or without a control plane, and their mirrors in the API: objects that
 * show them there. After kubelet's config/file.go and pod/mirror_client.go.
 */
import { createHash } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { defaultPodOnly, defaultPodSpec } from "../core/kinds/pod-spec-defaults.ts";
import { qosClassOf } from "../core/kinds/qos.ts";
import type { PodRef } from "../core/protocol/messages.ts";
import type { Pod, PodStatus } from "../core/schema/kubernetes.d.ts";
import { isMissing } from "./atomic-file.ts";
import { type Clock, microTimestamp } from "./clock.ts";
import type { ApiClient } from "./control-plane-client.ts";
import { isUsablePod } from "./desired-state.ts";
import type { Logger } from "./log.ts";
import type { StatusReports } from "./pod-context.ts";
import { podRef } from "./pod-names.ts";

const CONFIG_SOURCE = "kubernetes.io/config.source";
const CONFIG_HASH = "kubernetes.io/config.hash";
const CONFIG_SEEN = "kubernetes.io/config.seen";
const CONFIG_MIRROR = "kubernetes.io/config.mirror";
const UID_LENGTH = 32;

export interface StaticPodsOptions {
	directory: string;
	nodeName: string;
	client: ApiClient;
	clock: Clock;
	log: Logger;
	periodMs: number;
	reports: StatusReports;
	onAdded(pod: Pod): void;
	onRemoved(ref: PodRef): void;
	/** The API has a new mirror: the pod's status is to be told again. */
	onMirrored(uid: string): void;
}

const keyOf = ({ namespace = "", name = "" }: { namespace?: string; name?: string }): string => `${namespace}/${name}`;

export class StaticPods implements StatusReports {
	readonly #options: StaticPodsOptions;
	/** By namespace and name; so are their mirrors. */
	#pods = new Map<string, Pod>();
	readonly #mirrors = new Map<string, Pod>();
	#cancel: () => void = () => undefined;
	#mirroring: Promise<void> | undefined;
	#stopped = false;

	constructor(options: StaticPodsOptions) {
		this.#options = options;
	}

	get pods(): Pod[] {
		return [...this.#pods.values()];
	}

	/** Looks at the directory, and again and again after that. */
	async look(): Promise<void> {
		const { clock, log, periodMs, directory } = this.#options;
		if (directory === "") return;
		try {
			await this.#scan();
			// The pods run without waiting for the API, which may be away.
			this.#mirroring ??= this.#mirrorMissing().finally(() => {
				this.#mirroring = undefined;
			});
		} catch (error) {
			log.warn("static pods could not be looked at", { directory, error });
		}
		if (!this.#stopped) this.#cancel = clock.after(periodMs, () => void this.look());
	}

	async #mirrorMissing(): Promise<void> {
		for (const pod of this.pods) if (!this.#stopped && !this.#mirrors.has(keyOf(pod.metadata))) await this.#mirror(pod);
	}

	stop(): void {
		this.#stopped = true;
		this.#cancel();
	}

	async #scan(): Promise<void> {
		const found = await this.#read();
		for (const [key, pod] of this.#pods) {
			if (found.get(key)?.metadata.uid === pod.metadata.uid) continue;
			this.#pods.delete(key);
			this.#options.onRemoved(podRef(pod));
			const mirror = this.#mirrors.get(key);
			if (mirror) await this.#deleteMirror(mirror);
		}
		for (const [key, pod] of found) {
			if (this.#pods.has(key)) continue;
			this.#pods.set(key, pod);
			this.#options.onAdded(pod);
		}
	}

	/** A manifest that cannot be used is told and passed over; hidden files are editors' own. */
	async #read(): Promise<Map<string, Pod>> {
		const { directory, log } = this.#options;
		const found = new Map<string, Pod>();
		const names = await readdir(directory).catch((error: unknown) => {
			if (isMissing(error)) return [];
			throw error;
		});
		for (const name of names.filter((one) => !one.startsWith(".")).sort()) {
			const path = join(directory, name);
			try {
				const pod = await this.#parse(path, await readFile(path, "utf8"));
				found.set(keyOf(pod.metadata), pod);
			} catch (error) {
				log.error("a manifest of a static pod cannot be used", { path, error });
			}
		}
		return found;
	}

	async #parse(path: string, text: string): Promise<Pod> {
		const { nodeName, clock } = this.#options;
		const { parseYaml } = await import("../core/codec/yaml.ts");
		const pod = parseYaml(text).value as unknown as Pod | undefined;
		if (pod?.kind !== "Pod" || pod.apiVersion !== "v1" || !pod.metadata?.name || !pod.spec) throw new Error("it is no Pod of v1");
		const hash = createHash("sha256")
			.update(JSON.stringify([nodeName, path, pod]))
			.digest("hex")
			.slice(0, UID_LENGTH);
		const before = this.pods.find((one) => one.metadata.annotations?.[CONFIG_HASH] === hash);
		if (before) return before;
		const { spec } = pod;
		defaultPodSpec(spec);
		defaultPodOnly(spec);
		const annotations = { [CONFIG_SOURCE]: "file", [CONFIG_HASH]: hash, [CONFIG_SEEN]: microTimestamp(clock.nowMs()) };
		const made: Pod = {
			...pod,
			metadata: {
				...pod.metadata,
				name: `${pod.metadata.name}-${nodeName}`,
				namespace: pod.metadata.namespace || "default",
				uid: pod.metadata.uid || hash,
				annotations: { ...pod.metadata.annotations, ...annotations },
			},
			// It stays whatever becomes of the node.
			spec: { ...spec, nodeName, tolerations: [...(spec.tolerations ?? []), { operator: "Exists", effect: "NoExecute" }] },
		};
		made.status = { phase: "Pending", qosClass: qosClassOf(made) };
		if (!isUsablePod(made)) throw new Error("it has no containers that can be run");
		return made;
	}

	/** Whether the pod is a mirror, which is not run. One of nothing, or of what has changed since, is deleted. */
	take(pod: Pod): boolean {
		const hash = pod.metadata.annotations?.[CONFIG_MIRROR];
		if (hash === undefined) return false;
		const key = keyOf(pod.metadata);
		const before = this.#mirrors.get(key);
		this.#mirrors.set(key, pod);
		const mirrored = this.#pods.get(key);
		if (pod.metadata.deletionTimestamp) this.#options.reports.stopped(podRef(pod));
		else if (mirrored?.metadata.annotations?.[CONFIG_HASH] !== hash) void this.#deleteMirror(pod);
		else if (before?.metadata.uid !== pod.metadata.uid) this.#options.onMirrored(mirrored.metadata.uid ?? "");
		return true;
	}

	/** The API's pods that are to be run, of everything there is. */
	takeAll(pods: readonly Pod[]): Pod[] {
		const present = new Set(pods.map(({ metadata }) => metadata.uid));
		for (const [key, mirror] of this.#mirrors) if (!present.has(mirror.metadata.uid)) this.#mirrors.delete(key);
		return pods.filter((pod) => !this.take(pod));
	}

	/** Whether what is gone was a mirror; another one is made. */
	gone(ref: PodRef): boolean {
		const key = keyOf(ref);
		if (this.#mirrors.get(key)?.metadata.uid !== ref.uid) return false;
		this.#mirrors.delete(key);
		const pod = this.#pods.get(key);
		if (pod) void this.#mirror(pod);
		return true;
	}

	/** By which uid the runtime knows a pod of the API. */
	runtimeUid(uid: string): string {
		for (const [key, mirror] of this.#mirrors) if (mirror.metadata.uid === uid) return this.#pods.get(key)?.metadata.uid ?? uid;
		return uid;
	}

	/** A static pod's status is its mirror's. */
	status(ref: PodRef, status: PodStatus): void {
		const { reports } = this.#options;
		if (this.#pods.get(keyOf(ref))?.metadata.uid !== ref.uid) reports.status(ref, status);
		else {
			const mirror = this.#mirrors.get(keyOf(ref));
			if (mirror) reports.status(podRef(mirror), status);
		}
	}

	stopped(ref: PodRef): void {
		this.#options.reports.stopped(ref);
	}

	async #mirror(pod: Pod): Promise<void> {
		const { client, nodeName, log } = this.#options;
		const { uid: _uid, annotations, ...metadata } = pod.metadata;
		try {
			const node = await client.request("GET", `/api/v1/nodes/${encodeURIComponent(nodeName)}`);
			const uid = (node.body as { metadata?: { uid?: string } } | undefined)?.metadata?.uid;
			if (node.code !== 200 || !uid) throw new Error(`the Node could not be read: ${node.code}`);
			const object: Pod = {
				apiVersion: "v1",
				kind: "Pod",
				metadata: {
					...metadata,
					annotations: { ...annotations, [CONFIG_MIRROR]: annotations?.[CONFIG_HASH] ?? "" },
					ownerReferences: [{ apiVersion: "v1", kind: "Node", name: nodeName, uid, controller: true }],
				},
				...(pod.spec ? { spec: pod.spec } : {}),
			};
			const { code, body } = await client.request("POST", `/api/v1/namespaces/${encodeURIComponent(metadata.namespace ?? "")}/pods`, object);
			// One that is there already comes with the next answer to a poll.
			if (code >= 300 && code !== 409) throw new Error(`the API answered ${code}: ${(body as { message?: string } | undefined)?.message ?? ""}`);
		} catch (error) {
			log.debug("a static pod has no mirror yet", { pod: metadata.name, error });
		}
	}

	async #deleteMirror(mirror: Pod): Promise<void> {
		const { client, log } = this.#options;
		const { namespace = "", name = "", uid } = mirror.metadata;
		const path = `/api/v1/namespaces/${encodeURIComponent(namespace)}/pods/${encodeURIComponent(name)}`;
		await client
			.request("DELETE", path, { apiVersion: "v1", kind: "DeleteOptions", gracePeriodSeconds: 0, preconditions: { uid } })
			.catch((error: unknown) => log.debug("a static pod's mirror could not be deleted yet", { pod: name, error }));
	}
}
