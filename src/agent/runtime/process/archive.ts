/** Reads what an unpacked OCI image layout or docker-archive holds. */
import { createReadStream } from "node:fs";
import { open, readFile } from "node:fs/promises";
import { arch } from "node:os";
import { join } from "node:path";
import { createGunzip, createZstdDecompress } from "node:zlib";
import { normalizeImageRef } from "../../image/reference.ts";

/** The part of an OCI image's configuration that running it needs. */
export interface ImageConfig {
	User?: string;
	Env?: string[] | null;
	Entrypoint?: string[] | null;
	Cmd?: string[] | null;
	WorkingDir?: string;
	StopSignal?: string;
}

export interface ArchivedImage {
	refs: string[];
	/** The configuration's digest: the image's id. */
	id: string;
	/** Of the manifest; empty for a docker-archive, which has none. */
	digest: string;
	config: ImageConfig;
	/** Paths of the layers' files, lowest first. */
	layerPaths: string[];
}

interface Descriptor {
	mediaType?: string;
	digest: string;
	annotations?: Record<string, string>;
	platform?: { architecture: string; os: string };
}

interface DockerManifest {
	Config: string;
	RepoTags?: string[] | null;
	Layers: string[];
}

const GO_ARCHITECTURES: Record<string, string> = { x64: "amd64" };
const GZIP_MAGIC = 0x1f8b;
const ZSTD_MAGIC = 0x28b52ffd;
const INDEX_DEPTH_MAX = 4;

async function json<T>(path: string): Promise<T> {
	return JSON.parse(await readFile(path, "utf8")) as T;
}

function blobPath(directory: string, digest: string): string {
	if (!/^[a-z0-9]+:[0-9a-f]+$/.test(digest)) throw new Error(`the image has a malformed digest ${digest}`);
	return join(directory, "blobs", ...digest.split(":"));
}

function refOf(annotations: Record<string, string> | undefined): string[] {
	const name = annotations?.["io.containerd.image.name"] ?? annotations?.["org.opencontainers.image.ref.name"];
	return name === undefined ? [] : [normalizeImageRef(name)];
}

/** A manifest by itself, or the one for this machine of a list for several platforms. */
async function resolveManifest(directory: string, descriptor: Descriptor, depth = 0): Promise<Descriptor> {
	const content = await json<{ manifests?: Descriptor[] }>(blobPath(directory, descriptor.digest));
	if (content.manifests === undefined) return descriptor;
	if (depth === INDEX_DEPTH_MAX) throw new Error("the image's index is nested too deep");
	const architecture = GO_ARCHITECTURES[arch()] ?? arch();
	const chosen = content.manifests.find((one) => one.platform === undefined || (one.platform.os === "linux" && one.platform.architecture === architecture));
	if (chosen === undefined) throw new Error(`no match for platform in manifest: the image has none for linux/${architecture}`);
	return resolveManifest(directory, chosen, depth + 1);
}

async function ociImages(directory: string): Promise<ArchivedImage[]> {
	const index = await json<{ manifests: Descriptor[] }>(join(directory, "index.json"));
	const images: ArchivedImage[] = [];
	for (const named of index.manifests) {
		const { digest } = await resolveManifest(directory, named);
		const manifest = await json<{ config: Descriptor; layers: Descriptor[] }>(blobPath(directory, digest));
		const { config } = await json<{ config?: ImageConfig }>(blobPath(directory, manifest.config.digest));
		const layerPaths = manifest.layers.map((layer) => blobPath(directory, layer.digest));
		images.push({ refs: refOf(named.annotations), id: manifest.config.digest, digest: named.digest, config: config ?? {}, layerPaths });
	}
	return images;
}

async function dockerImages(directory: string): Promise<ArchivedImage[]> {
	const manifests = await json<DockerManifest[]>(join(directory, "manifest.json"));
	const inside = (path: string): string => {
		if (path.startsWith("/") || path.split("/").includes("..")) throw new Error(`the image's ${path} lies outside of it`);
		return join(directory, path);
	};
	const images: ArchivedImage[] = [];
	for (const manifest of manifests) {
		const { config } = await json<{ config?: ImageConfig }>(inside(manifest.Config));
		const hex = (manifest.Config.split("/").pop() ?? "").replace(/\.json$/, "");
		const refs = (manifest.RepoTags ?? []).map(normalizeImageRef);
		images.push({ refs, id: `sha256:${hex}`, digest: "", config: config ?? {}, layerPaths: manifest.Layers.map(inside) });
	}
	return images;
}

/** The images in an archive that was unpacked into `directory`. */
export async function archivedImages(directory: string): Promise<ArchivedImage[]> {
	try {
		return await ociImages(directory);
	} catch (error) {
		if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
		return dockerImages(directory);
	}
}

/** A layer's tar stream, whatever it is compressed with. */
export async function openLayer(path: string): Promise<AsyncIterable<Uint8Array>> {
	const file = await open(path, "r");
	const { buffer } = await file.read(Buffer.alloc(4), 0, 4, 0).finally(() => file.close());
	const stream = createReadStream(path);
	const decompress = buffer.readUInt16BE(0) === GZIP_MAGIC ? createGunzip() : buffer.readUInt32BE(0) === ZSTD_MAGIC ? createZstdDecompress() : undefined;
	if (decompress === undefined) return stream;
	stream.once("error", (error) => decompress.destroy(error));
	return stream.pipe(decompress);
}
