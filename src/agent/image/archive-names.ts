/** The names in an image archive (OCI layout or docker-archive), without unpacking it. */
import { createReadStream } from "node:fs";
import { buffer } from "node:stream/consumers";
import { Readable } from "node:stream";
import { normalizeImageRef } from "./reference.ts";
import { readTar } from "./tar-read.ts";

/** An index longer than this is no index, in bytes. */
const INDEX_BYTES_MAX = 4 * 1024 * 1024;

interface OciIndex {
	manifests?: { annotations?: Record<string, string> }[];
}

function namesInIndex(index: OciIndex): string[] {
	return (index.manifests ?? []).flatMap(({ annotations }) => {
		const name = annotations?.["io.containerd.image.name"] ?? annotations?.["org.opencontainers.image.ref.name"];
		return name === undefined ? [] : [normalizeImageRef(name)];
	});
}

export async function archiveNames(tarPath: string): Promise<string[]> {
	let names: string[] = [];
	for await (const entry of readTar(createReadStream(tarPath))) {
		if ((entry.path !== "index.json" && entry.path !== "manifest.json") || entry.size > INDEX_BYTES_MAX) continue;
		const content = JSON.parse((await buffer(Readable.from(entry.body))).toString("utf8")) as unknown;
		if (entry.path === "index.json") names = [...new Set([...names, ...namesInIndex(content as OciIndex)])];
		else names = [...new Set([...names, ...(content as { RepoTags?: string[] }[]).flatMap((one) => (one.RepoTags ?? []).map(normalizeImageRef))])];
	}
	return names;
}
