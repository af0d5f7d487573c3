/** What CRI says of containers and images, in the agent's own terms. */
import type { Message } from "../../../core/codec/message.ts";
import type { ContainerStateInfo, ContainerUsage, ImageStatus } from "../runtime.ts";
import { ANNOTATIONS, LABELS } from "./cri-config.ts";

const NS_PER_MS = 1_000_000n;
export const STATES = ["created", "running", "exited", "unknown"] as const;

export function milliseconds(nanoseconds: unknown): number {
	return nanoseconds === undefined ? 0 : Number(BigInt(nanoseconds as number | bigint) / NS_PER_MS);
}

function labelsOf(message: Message): Record<string, string> {
	return (message.labels ?? {}) as Record<string, string>;
}

export function annotationsOf(message: Message): Record<string, string> {
	return (message.annotations ?? {}) as Record<string, string>;
}

export function imageStatusOf(image: Message): ImageStatus {
	const uid = image.uid as Message | undefined;
	return {
		id: String(image.id ?? ""),
		tags: (image.repoTags ?? []) as string[],
		digests: (image.repoDigests ?? []) as string[],
		sizeBytes: Number(image.size ?? 0),
		...(image.pinned === true ? { pinned: true } : {}),
		user: uid === undefined ? String(image.username ?? "") : String(uid.value ?? 0),
	};
}

export function containerInfo(status: Message, sandboxId: string): ContainerStateInfo {
	const labels = labelsOf(status);
	const annotations = annotationsOf(status);
	const metadata = (status.metadata ?? {}) as Message;
	return {
		id: String(status.id),
		sandboxId,
		podUid: labels[LABELS.podUid] ?? "",
		name: String(metadata.name ?? ""),
		attempt: Number(metadata.attempt ?? 0),
		image: annotations[ANNOTATIONS.image] ?? "",
		imageId: String(status.imageRef ?? ""),
		state: STATES[Number(status.state ?? 0)] ?? "unknown",
		createdAtMs: milliseconds(status.createdAt),
		startedAtMs: milliseconds(status.startedAt),
		finishedAtMs: milliseconds(status.finishedAt),
		exitCode: Number(status.exitCode ?? 0),
		reason: String(status.reason ?? ""),
		message: String(status.message ?? ""),
		specHash: annotations[ANNOTATIONS.specHash] ?? "",
		logPath: String(status.logPath ?? ""),
	};
}

/** A container that is not running has no statistics. */
export function containerUsageOf({ attributes, cpu, memory, writableLayer }: Message): ContainerUsage | undefined {
	const { timestamp, usageCoreNanoSeconds } = (cpu ?? {}) as Message;
	const value = (of: unknown): number => Number((of as Message | undefined)?.value ?? 0);
	if (usageCoreNanoSeconds === undefined) return undefined;
	const { usedBytes, inodesUsed } = (writableLayer ?? {}) as Message;
	return {
		id: String((attributes as Message).id),
		atMs: Math.floor(Number(timestamp ?? 0) / Number(NS_PER_MS)),
		cpuNanos: value(usageCoreNanoSeconds),
		memoryBytes: value(((memory ?? {}) as Message).workingSetBytes),
		disk: { bytes: value(usedBytes), inodes: value(inodesUsed) },
	};
}
