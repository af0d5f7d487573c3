/**
 * The process runtime's images: imported archives, unpacked below the data directory. It has no registry client: an
 * image that was not imported cannot be pulled.
 */
import { constants, createReadStream } from "node:fs";
import { cp, mkdir, mkdtemp, readdir, rename, rm, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { parseImageRef } from "../../image/reference.ts";
import { unpackTar } from "../../image/unpack.ts";
import { type ImageStatus, RuntimeError } from "../runtime.ts";
import { type ArchivedImage, archivedImages, type ImageConfig, openLayer } from "./archive.ts";
import { readJson, writeJson } from "./files.ts";

export interface StoredImage {
	id: string;
	digest: string;
	sizeBytes: number;
	config: ImageConfig;
	/** Directory of its unpacked root file system; to be copied, never written to. */
	rootPath: string;
}

export class ImageStore {
	#directory: string;

	constructor(directory: string) {
		this.#directory = directory;
	}

	#imagePath(id: string): string {
		return join(this.#directory, id.replace(":", "-"));
	}

	async #refs(): Promise<Record<string, string>> {
		return (await readJson<Record<string, string>>(join(this.#directory, "refs.json"))) ?? {};
	}

	async #saveRefs(refs: Record<string, string>): Promise<void> {
		await writeJson(join(this.#directory, "refs.json"), refs);
	}

	/** By reference, repository@digest or id. */
	async find(ref: string): Promise<StoredImage | undefined> {
		const refs = await this.#refs();
		const id = refs[ref] ?? (/^sha256:[0-9a-f]{64}$/.test(ref) ? ref : refs[parseImageRef(ref).canonical]);
		const found = id === undefined ? undefined : await readJson<StoredImage>(join(this.#imagePath(id), "image.json"));
		if (found !== undefined || !ref.includes("@")) return found;
		const { digest } = parseImageRef(ref);
		for (const candidate of await this.#all()) if (candidate.digest === digest) return candidate;
		return undefined;
	}

	async #all(): Promise<StoredImage[]> {
		const names = await readdir(this.#directory).catch(() => []);
		const images = await Promise.all(names.map((name) => readJson<StoredImage>(join(this.#directory, name, "image.json"))));
		return images.filter((image) => image !== undefined);
	}

	async status(ref: string): Promise<ImageStatus | undefined> {
		const image = await this.find(ref);
		return image === undefined ? undefined : this.#statusOf(image, await this.#refs());
	}

	async list(): Promise<ImageStatus[]> {
		const refs = await this.#refs();
		return (await this.#all()).map((image) => this.#statusOf(image, refs));
	}

	#statusOf(image: StoredImage, refs: Record<string, string>): ImageStatus {
		const tags = Object.keys(refs).filter((ref) => refs[ref] === image.id);
		const repositories = [...new Set(tags.map((tag) => parseImageRef(tag)).map(({ registry, repository }) => `${registry}/${repository}`))];
		const digests = image.digest === "" ? [] : repositories.map((repository) => `${repository}@${image.digest}`);
		return { id: image.id, tags, digests, sizeBytes: image.sizeBytes, user: image.config.User ?? "" };
	}

	async #store(image: ArchivedImage, staging: string): Promise<void> {
		const path = this.#imagePath(image.id);
		if ((await readJson(join(path, "image.json"))) !== undefined) return;
		const prepared = join(staging, "prepared");
		let sizeBytes = 0;
		await mkdir(join(prepared, "rootfs"), { recursive: true });
		for (const layer of image.layerPaths) {
			sizeBytes += (await stat(layer)).size;
			await unpackTar(await openLayer(layer), join(prepared, "rootfs"), { whiteouts: true });
		}
		const stored: StoredImage = { id: image.id, digest: image.digest, sizeBytes, config: image.config, rootPath: join(path, "rootfs") };
		await writeJson(join(prepared, "image.json"), stored);
		await rm(path, { recursive: true, force: true });
		await rename(prepared, path);
	}

	/** Resolves to the names of what was in the archive. */
	async import(tarPath: string): Promise<string[]> {
		await mkdir(this.#directory, { recursive: true, mode: 0o700 });
		const staging = await mkdtemp(join(this.#directory, "import-"));
		try {
			await unpackTar(createReadStream(tarPath), join(staging, "archive"), { whiteouts: false });
			const images = await archivedImages(join(staging, "archive"));
			for (const image of images) await this.#store(image, staging);
			const named = images.flatMap((image) => image.refs.map((ref) => [ref, image.id] as const));
			await this.#saveRefs({ ...(await this.#refs()), ...Object.fromEntries(named) });
			return named.map(([ref]) => ref);
		} catch (error) {
			throw new RuntimeError("ErrImagePull", `cannot import ${tarPath}: ${(error as Error).message}`, { cause: error });
		} finally {
			await rm(staging, { recursive: true, force: true });
		}
	}

	/** A copy of the image's files, whole or not there: nothing keeps a process from writing to what it can see. */
	async copyTo(ref: string, directory: string): Promise<void> {
		const image = await this.find(ref);
		if (image === undefined) throw new RuntimeError("NotFound", `the image ${ref} is not here`);
		const staging = `${directory}.copy`;
		await rm(staging, { recursive: true, force: true });
		await mkdir(dirname(directory), { recursive: true });
		await cp(image.rootPath, staging, { recursive: true, verbatimSymlinks: true, mode: constants.COPYFILE_FICLONE });
		await rename(staging, directory);
	}

	async remove(ref: string): Promise<void> {
		const image = await this.find(ref);
		if (image === undefined) return;
		const left = Object.entries(await this.#refs()).filter(([, id]) => id !== image.id);
		await this.#saveRefs(Object.fromEntries(left));
		await rm(this.#imagePath(image.id), { recursive: true, force: true });
	}
}
