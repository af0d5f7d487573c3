/** Removes images that nothing uses when the disk fills up: kubelet's image_gc_manager.go. */
import type { Clock } from "./clock.ts";
import type { Observation } from "./eviction/thresholds.ts";
import { durationMs, type KubeletConfiguration } from "./kubelet-configuration.ts";
import type { Logger } from "./log.ts";
import type { ContainerRuntime, ContainerStateInfo, ImageStatus } from "./runtime/runtime.ts";

/** How often it is looked whether images have to go (ImageGCPeriod). */
export const IMAGE_GC_PERIOD_MS = 300_000;

export interface ImageCollectionOptions {
	runtime: Pick<ContainerRuntime, "listImages" | "removeImage">;
	clock: Clock;
	log: Logger;
	configuration: KubeletConfiguration;
	/** All containers of the node: what one of them was made from is in use. */
	containers(): readonly ContainerStateInfo[];
	/** Bytes of the file system that holds the images. */
	disk(): Promise<Observation | undefined>;
	/** An event about the node. */
	tell(type: "Normal" | "Warning", reason: string, message: string): void;
}

interface KnownImage {
	image: ImageStatus;
	firstSeenMs: number;
	/** 0 before its first use. */
	lastUsedMs: number;
	inUse: boolean;
}

export class ImageCollection {
	readonly #options: ImageCollectionOptions;
	#known = new Map<string, KnownImage>();
	#cancel: () => void = () => undefined;
	#working: Promise<void> = Promise.resolve();
	#stopped = false;

	constructor(options: ImageCollectionOptions) {
		this.#options = options;
	}

	start(): void {
		this.#working = this.collect()
			.catch((error: unknown) => this.#options.log.warn("unused images could not be looked for", { error }))
			.finally(() => {
				if (!this.#stopped) this.#cancel = this.#options.clock.after(IMAGE_GC_PERIOD_MS, () => this.start());
			});
	}

	async stop(): Promise<void> {
		this.#stopped = true;
		this.#cancel();
		await this.#working;
	}

	/** Removes what is too old, then as much as brings the disk below the lower threshold. */
	async collect(): Promise<void> {
		const { configuration, disk, tell } = this.#options;
		await this.#detect();
		await this.#removeTooOld();
		const seen = await disk();
		if (seen === undefined || seen.capacity === 0) return;
		const percentUsed = 100 - Math.floor((seen.available * 100) / seen.capacity);
		if (percentUsed < configuration.imageGCHighThresholdPercent) return;
		const wanted = Math.floor((seen.capacity * (100 - configuration.imageGCLowThresholdPercent)) / 100) - seen.available;
		const freed = await this.#free(wanted);
		if (freed >= wanted) return;
		const message = `Failed to garbage collect required amount of images. Attempted to free ${wanted} bytes, but only found ${freed} bytes eligible to free.`;
		tell("Warning", "FreeDiskSpaceFailed", message);
	}

	/** Everything that is unused and not new, under disk pressure. */
	async removeUnused(): Promise<void> {
		await this.#detect();
		await this.#free(Number.POSITIVE_INFINITY);
	}

	async #detect(): Promise<void> {
		const { runtime, clock, containers } = this.#options;
		const nowMs = clock.nowMs();
		const used = new Set(containers().flatMap(({ image, imageId }) => [image, imageId, imageId.replace(/^.*@/, "")]));
		const images = await runtime.listImages();
		this.#known = new Map(
			images.map((image) => {
				const names = [image.id, ...image.tags, ...image.digests, ...image.digests.map((digest) => digest.replace(/^.*@/, ""))];
				const inUse = names.some((name) => used.has(name));
				const before = this.#known.get(image.id);
				return [image.id, { image, firstSeenMs: before?.firstSeenMs ?? nowMs, lastUsedMs: inUse ? nowMs : (before?.lastUsedMs ?? 0), inUse }];
			}),
		);
	}

	/** What may go: least recently used first, then by age. */
	#evictable(): KnownImage[] {
		const { clock, configuration } = this.#options;
		const minAgeMs = durationMs(configuration.imageMinimumGCAge);
		const old = [...this.#known.values()].filter((one) => !one.inUse && !one.image.pinned && clock.nowMs() - one.firstSeenMs >= minAgeMs);
		return old.sort((a, b) => a.lastUsedMs - b.lastUsedMs || a.firstSeenMs - b.firstSeenMs);
	}

	async #removeTooOld(): Promise<void> {
		const { clock, configuration } = this.#options;
		const maxAgeMs = durationMs(configuration.imageMaximumGCAge);
		if (maxAgeMs === 0) return;
		for (const one of this.#evictable()) if (clock.nowMs() - (one.lastUsedMs || one.firstSeenMs) > maxAgeMs) await this.#remove(one);
	}

	/** Bytes of the images that were removed. */
	async #free(bytes: number): Promise<number> {
		let freed = 0;
		for (const one of this.#evictable()) {
			if (freed >= bytes) break;
			if (await this.#remove(one)) freed += one.image.sizeBytes;
		}
		return freed;
	}

	async #remove({ image }: KnownImage): Promise<boolean> {
		const { runtime, log } = this.#options;
		try {
			await runtime.removeImage(image.id);
			this.#known.delete(image.id);
			log.info("removed an image that nothing uses", { image: image.tags[0] ?? image.id, bytes: image.sizeBytes });
			return true;
		} catch (error) {
			log.warn("an unused image could not be removed", { image: image.id, error });
			return false;
		}
	}
}
