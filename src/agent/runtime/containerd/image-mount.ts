/**
 * Images as volumes, on whatever containerd: a view of the unpacked image's snapshot is mounted by the agent itself, as containerd 2
 * does it for kubelets, since 1.x has no such thing in its CRI.
 */
import { createHash } from "node:crypto";
import { mkdir, rmdir } from "node:fs/promises";
import type { Message } from "../../../core/codec/message.ts";
import { isMissing } from "../../atomic-file.ts";
import { isMountPoint, mount, unmountIfMounted } from "../../volumes/mounts.ts";
import { RuntimeError } from "../runtime.ts";
import { CRI } from "./cri-messages.ts";
import { type GrpcClient, GrpcError, GRPC_STATUS } from "./grpc-client.ts";
import { NATIVE } from "./native-messages.ts";

const CALL_TIMEOUT_MS = 30_000;
/** Keeps a snapshot from containerd's garbage collection. */
const GC_ROOT = "containerd.io/gc.root";

/** One name for each place: an agent that comes later finds what an earlier one has made. */
const keyOf = (directory: string): string => `petrel-volume-${createHash("sha256").update(directory).digest("hex").slice(0, 32)}`;

export class ImageMounts {
	readonly #client: GrpcClient;
	readonly #snapshotter: () => Promise<string>;

	constructor(client: GrpcClient, snapshotter: () => Promise<string>) {
		this.#client = client;
		this.#snapshotter = snapshotter;
	}

	mounted = (directory: string): Promise<boolean> => isMountPoint(directory);

	/** Mounts the image's file system read-only. `name` is its full name. */
	async mount(name: string, directory: string): Promise<void> {
		const parent = await this.#chainId(name);
		await mkdir(directory, { recursive: true, mode: 0o755 });
		const [first, ...rest] = await this.#view(keyOf(directory), parent);
		if (first === undefined || rest.length > 0) throw new RuntimeError("CreateContainerError", `the image ${name} cannot be mounted at once`);
		const options = new Set(["ro", ...((first.options ?? []) as string[]).filter((option) => option !== "rw")]);
		await mount(["-t", String(first.type), "-o", [...options].join(","), String(first.source), directory]);
	}

	async unmount(directory: string): Promise<void> {
		await unmountIfMounted(directory);
		const request = { snapshotter: await this.#snapshotter(), key: keyOf(directory) };
		await this.#client.call(NATIVE.removeSnapshot, request, CALL_TIMEOUT_MS).catch((error: unknown) => {
			if (!(error instanceof GrpcError) || error.code !== GRPC_STATUS.notFound) throw error;
		});
		await rmdir(directory).catch((error: unknown) => {
			if (!isMissing(error)) throw error;
		});
	}

	/** The name of the image's topmost layer among the snapshots, as CRI tells it in its details. */
	async #chainId(image: string): Promise<string> {
		const { info } = await this.#client.call(CRI.imageStatus, { image: { image }, verbose: true }, CALL_TIMEOUT_MS);
		const { chainID } = JSON.parse(((info ?? {}) as Record<string, string>).info ?? "{}") as { chainID?: string };
		if (!chainID) throw new RuntimeError("NotFound", `the image ${image} is not unpacked here`);
		return chainID;
	}

	async #view(key: string, parent: string): Promise<Message[]> {
		const where = { snapshotter: await this.#snapshotter(), key };
		const labels = { [GC_ROOT]: new Date().toISOString() };
		const { mounts } = await this.#client.call(NATIVE.viewSnapshot, { ...where, parent, labels }, CALL_TIMEOUT_MS).catch((error: unknown) => {
			// Made before the machine was switched off.
			if (error instanceof GrpcError && error.code === GRPC_STATUS.alreadyExists) return this.#client.call(NATIVE.snapshotMounts, where, CALL_TIMEOUT_MS);
			throw error;
		});
		return (mounts ?? []) as Message[];
	}
}
