/** Builds a one-layer OCI image as a tar file (image-layout.md of the OCI image-spec) that both runtimes import. */
import { createHash } from "node:crypto";
import { mkdir, rename, writeFile } from "node:fs/promises";
import { arch } from "node:os";
import { dirname } from "node:path";
import { normalizeImageRef } from "./reference.ts";
import { packTar, type PackEntry } from "./tar-pack.ts";

const ARCHITECTURES: Record<string, string> = { x64: "amd64", arm64: "arm64", arm: "arm", ppc64: "ppc64le", s390x: "s390x", riscv64: "riscv64" };
/** Images are made the same, byte for byte, wherever and whenever they are made. */
const CREATED = "1970-01-01T00:00:00Z";

export interface ImageFile {
	/** Absolute in the image. Parent directories are added. */
	path: string;
	/** Bytes or text of a file; without it and `linkPath`, a directory. */
	content?: string | Uint8Array;
	/** Target of a symbolic link. */
	linkPath?: string;
	/** Permission bits; 0644 for files and 0755 for directories by default. */
	mode?: number;
}

export interface ImageSpec {
	ref: string;
	files: ImageFile[];
	entrypoint?: string[];
	command?: string[];
	env?: string[];
	workingDir?: string;
	user?: string;
	stopSignal?: string;
	exposedPorts?: number[];
	/** Where the tar file goes. */
	tarPath: string;
}

interface Blob {
	digest: string;
	hex: string;
	content: Buffer;
}

function blobOf(content: Buffer): Blob {
	const hex = createHash("sha256").update(content).digest("hex");
	return { digest: `sha256:${hex}`, hex, content };
}

function jsonBlob(value: unknown): Blob {
	return blobOf(Buffer.from(JSON.stringify(value)));
}

function layerOf(files: readonly ImageFile[]): Blob {
	const entries = new Map<string, PackEntry>();
	for (const file of files) {
		const path = file.path.replace(/^\/+|\/+$/g, "");
		const parts = path.split("/");
		for (let depth = 1; depth < parts.length; depth++) {
			const parent = parts.slice(0, depth).join("/");
			if (!entries.has(parent)) entries.set(parent, { path: parent, mode: 0o755 });
		}
		const content = typeof file.content === "string" ? Buffer.from(file.content) : file.content;
		const mode = file.mode ?? (content === undefined ? (file.linkPath === undefined ? 0o755 : 0o777) : 0o644);
		entries.set(path, { path, mode, content, linkPath: file.linkPath });
	}
	return blobOf(packTar([...entries.values()]));
}

function configOf(spec: ImageSpec, layer: Blob): Blob {
	const ports = Object.fromEntries((spec.exposedPorts ?? []).map((port) => [`${port}/tcp`, {}]));
	return jsonBlob({
		created: CREATED,
		architecture: ARCHITECTURES[arch()] ?? arch(),
		os: "linux",
		config: {
			User: spec.user,
			ExposedPorts: spec.exposedPorts === undefined ? undefined : ports,
			Env: spec.env ?? ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"],
			Entrypoint: spec.entrypoint,
			Cmd: spec.command,
			WorkingDir: spec.workingDir,
			StopSignal: spec.stopSignal,
		},
		rootfs: { type: "layers", diff_ids: [layer.digest] },
		history: [{ created: CREATED, created_by: "petrel" }],
	});
}

function descriptor(mediaType: string, blob: Blob): { mediaType: string; digest: string; size: number } {
	return { mediaType, digest: blob.digest, size: blob.content.length };
}

/** Writes the image's tar file and resolves to its normalised reference. */
export async function buildImage(spec: ImageSpec): Promise<{ ref: string; tarPath: string }> {
	const ref = normalizeImageRef(spec.ref);
	const layer = layerOf(spec.files);
	const config = configOf(spec, layer);
	const manifestType = "application/vnd.oci.image.manifest.v1+json";
	const manifest = jsonBlob({
		schemaVersion: 2,
		mediaType: manifestType,
		config: descriptor("application/vnd.oci.image.config.v1+json", config),
		layers: [descriptor("application/vnd.oci.image.layer.v1.tar", layer)],
	});
	const annotations = { "io.containerd.image.name": ref, "org.opencontainers.image.ref.name": ref };
	const index = Buffer.from(
		JSON.stringify({
			schemaVersion: 2,
			mediaType: "application/vnd.oci.image.index.v1+json",
			manifests: [{ ...descriptor(manifestType, manifest), annotations }],
		}),
	);
	const blobs = [layer, config, manifest].map((blob) => ({ path: `blobs/sha256/${blob.hex}`, mode: 0o644, content: blob.content }));
	const tar = packTar([
		{ path: "oci-layout", mode: 0o644, content: Buffer.from('{"imageLayoutVersion":"1.0.0"}') },
		{ path: "index.json", mode: 0o644, content: index },
		...blobs,
	]);
	await mkdir(dirname(spec.tarPath), { recursive: true });
	await writeFile(`${spec.tarPath}.part`, tar);
	await rename(`${spec.tarPath}.part`, spec.tarPath);
	return { ref, tarPath: spec.tarPath };
}
