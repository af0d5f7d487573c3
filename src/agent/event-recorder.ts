/**
 * Events about pods, sent as Event objects with the node's credential. An event that repeats raises the count of the
 * first one; a pod that makes too many is held back, as client-go's correlator does.
 */
import { createHash, randomBytes } from "node:crypto";
import type { Event, Pod } from "../core/schema/kubernetes.d.ts";
import { type Clock, timestamp } from "./clock.ts";
import type { ApiClient } from "./control-plane-client.ts";
import type { Logger } from "./log.ts";
import { type ContainerKind, podRef } from "./pod-names.ts";

/** Events that wait for the control plane; older ones are dropped: events are best effort. */
export const MAX_QUEUED_EVENTS = 1_000;
/** client-go's spam filter: a burst per pod, then one in five minutes. */
export const EVENT_BURST = 25;
export const EVENT_REFILL_MS = 300_000;
/** Distinct events whose count is remembered. */
const MAX_REMEMBERED = 4_096;
const MAX_ATTEMPTS = 3;
const MAX_MESSAGE_LENGTH = 1_024;

export interface EventRecorder {
	record(pod: Pod, type: "Normal" | "Warning", reason: string, message: string, containerFieldPath?: string): void;
	/** About this node itself. */
	recordNode(type: "Normal" | "Warning", reason: string, message: string): void;
}

interface Remembered {
	name: string;
	count: number;
	firstTimestamp: string;
	created: boolean;
}

interface Queued {
	key: string;
	event: Event;
	attempts: number;
}

export class ApiEventRecorder implements EventRecorder {
	readonly #api: ApiClient;
	readonly #clock: Clock;
	readonly #log: Logger;
	readonly #nodeName: string;
	readonly #remembered = new Map<string, Remembered>();
	readonly #buckets = new Map<string, { tokens: number; atMs: number }>();
	#queue: Queued[] = [];
	#sending = false;

	constructor(api: ApiClient, clock: Clock, log: Logger, nodeName: string) {
		this.#api = api;
		this.#clock = clock;
		this.#log = log;
		this.#nodeName = nodeName;
	}

	record(pod: Pod, type: "Normal" | "Warning", reason: string, message: string, containerFieldPath?: string): void {
		const ref = podRef(pod);
		const text = message.length > MAX_MESSAGE_LENGTH ? `${message.slice(0, MAX_MESSAGE_LENGTH - 3)}...` : message;
		const key = createHash("sha256")
			.update([ref.uid, containerFieldPath ?? "", type, reason, text].join("\0"))
			.digest("base64");
		if (!this.#takeToken(ref.uid)) return;
		const now = timestamp(this.#clock.nowMs());
		const remembered = this.#remember(key, ref.name, now);
		remembered.count++;
		this.#push({ key, attempts: 0, event: this.#event(pod, remembered, { type, reason, message: text, fieldPath: containerFieldPath, now }) });
		void this.#drain();
	}

	recordNode(type: "Normal" | "Warning", reason: string, message: string): void {
		// Upstream's own stand-in for the uid: the name; events about what has no namespace live in "default".
		const node = { apiVersion: "v1", kind: "Node", metadata: { name: this.#nodeName, uid: this.#nodeName } };
		this.record(node, type, reason, message);
	}

	#event(pod: Pod, remembered: Remembered, what: { type: string; reason: string; message: string; fieldPath: string | undefined; now: string }): Event {
		const ref = podRef(pod);
		return {
			apiVersion: "v1",
			kind: "Event",
			metadata: { name: remembered.name, namespace: ref.namespace },
			involvedObject: {
				apiVersion: "v1",
				kind: pod.kind,
				...(pod.kind === "Node" ? { name: ref.name, uid: ref.uid } : ref),
				...(pod.metadata.resourceVersion ? { resourceVersion: pod.metadata.resourceVersion } : {}),
				...(what.fieldPath ? { fieldPath: what.fieldPath } : {}),
			},
			reason: what.reason,
			message: what.message,
			source: { component: "kubelet", host: this.#nodeName },
			firstTimestamp: remembered.firstTimestamp,
			lastTimestamp: what.now,
			count: remembered.count,
			type: what.type,
			reportingComponent: "kubelet",
			reportingInstance: this.#nodeName,
		};
	}

	#takeToken(podUid: string): boolean {
		const nowMs = this.#clock.nowMs();
		const bucket = this.#buckets.get(podUid) ?? { tokens: EVENT_BURST, atMs: nowMs };
		bucket.tokens = Math.min(EVENT_BURST, bucket.tokens + (nowMs - bucket.atMs) / EVENT_REFILL_MS);
		bucket.atMs = nowMs;
		this.#buckets.set(podUid, bucket);
		if (this.#buckets.size > MAX_REMEMBERED) this.#buckets.delete(this.#buckets.keys().next().value as string);
		if (bucket.tokens < 1) return false;
		bucket.tokens--;
		return true;
	}

	#remember(key: string, podName: string, now: string): Remembered {
		const known = this.#remembered.get(key);
		if (known) return known;
		const fresh = { name: `${podName}.${randomBytes(8).toString("hex")}`, count: 0, firstTimestamp: now, created: false };
		this.#remembered.set(key, fresh);
		if (this.#remembered.size > MAX_REMEMBERED) this.#remembered.delete(this.#remembered.keys().next().value as string);
		return fresh;
	}

	#push(item: Queued): void {
		// A newer count of the same event takes the place of one that still waits.
		this.#queue = this.#queue.filter((q) => q.key !== item.key);
		this.#queue.push(item);
		if (this.#queue.length > MAX_QUEUED_EVENTS) this.#queue.shift();
	}

	async #drain(): Promise<void> {
		if (this.#sending) return;
		this.#sending = true;
		try {
			for (let item = this.#queue.shift(); item; item = this.#queue.shift()) await this.#send(item);
		} finally {
			this.#sending = false;
		}
	}

	async #send(item: Queued): Promise<void> {
		try {
			const code = await this.#post(item);
			// Refused for good (the namespace is going, no permission): another attempt would say the same.
			if (code >= 400 && code < 500 && code !== 429) this.#log.debug("the API refused an event", { code, reason: item.event.reason });
			else if (code >= 300) throw new Error(`the API answered ${code}`);
		} catch (error) {
			item.attempts++;
			if (item.attempts >= MAX_ATTEMPTS) this.#log.debug("an event was given up", { error, reason: item.event.reason });
			else
				this.#clock.after(1000 * 2 ** item.attempts, () => {
					if (!this.#queue.some((q) => q.key === item.key)) this.#queue.push(item);
					void this.#drain();
				});
		}
	}

	async #post(item: Queued): Promise<number> {
		const { event } = item;
		const remembered = this.#remembered.get(item.key);
		const collection = `/api/v1/namespaces/${encodeURIComponent(event.metadata.namespace ?? "")}/events`;
		if (remembered?.created) {
			const patch = { count: event.count, lastTimestamp: event.lastTimestamp };
			const { code } = await this.#api.request(
				"PATCH",
				`${collection}/${encodeURIComponent(event.metadata.name ?? "")}`,
				patch,
				"application/merge-patch+json",
			);
			if (code !== 404) return code;
		}
		const { code } = await this.#api.request("POST", collection, event);
		if (remembered && code < 300) remembered.created = true;
		return code;
	}
}

/** kubelet's fieldPath of a container: spec.containers{name}. */
const CONTAINER_FIELDS: Record<ContainerKind, string> = { init: "initContainers", regular: "containers", ephemeral: "ephemeralContainers" };

export function containerFieldPath(kind: ContainerKind, name: string): string {
	return `spec.${CONTAINER_FIELDS[kind]}{${name}}`;
}
