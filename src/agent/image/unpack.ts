/**
 * Unpacks a tar stream into a directory that it cannot leave: absolute link targets are taken relative to that
 * directory, and nothing is written through a link that points out of it.
 */
import { chmod, copyFile, lstat, mkdir, readdir, realpath, rm, symlink } from "node:fs/promises";
import { createWriteStream } from "node:fs";
import { dirname, join, relative, resolve, sep } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { readTar, type TarEntry } from "./tar-read.ts";

const WHITEOUT = ".wh.";
const OPAQUE = ".wh..wh..opq";

export interface UnpackOptions {
	/** Apply an image layer's whiteouts (OCI image-spec, layer.md). */
	whiteouts: boolean;
}

function within(root: string, path: string): boolean {
	return path === root || path.startsWith(root + sep);
}

/** A link target that means the same thing when the directory is not the root of the file system. */
function confinedTarget(root: string, linkDirectory: string, target: string): string {
	const absolute = target.startsWith("/") ? join(root, target) : resolve(linkDirectory, target);
	return relative(linkDirectory, within(root, absolute) ? absolute : root) || ".";
}

async function prepareParent(root: string, path: string): Promise<void> {
	const parent = dirname(path);
	await mkdir(parent, { recursive: true });
	if (!within(root, await realpath(parent))) throw new Error(`the archive's ${relative(root, path)} lies behind a link out of the image`);
}

async function applyWhiteout(parent: string, name: string): Promise<void> {
	if (name === OPAQUE) {
		for (const child of await readdir(parent)) await rm(join(parent, child), { recursive: true, force: true });
		return;
	}
	await rm(join(parent, name.slice(WHITEOUT.length)), { recursive: true, force: true });
}

async function unpackDirectory(path: string, entry: TarEntry): Promise<void> {
	const existing = await lstat(path).catch(() => undefined);
	if (existing !== undefined && !existing.isDirectory()) await rm(path, { force: true });
	await mkdir(path, { recursive: true });
	await chmod(path, entry.mode | 0o700);
}

async function unpackEntry(root: string, entry: TarEntry, options: UnpackOptions): Promise<void> {
	const path = resolve(root, entry.path);
	if (!within(root, path)) throw new Error(`the archive's ${entry.path} lies outside of it`);
	if (path === root) return;
	await prepareParent(root, path);
	const name = path.slice(path.lastIndexOf(sep) + 1);
	if (options.whiteouts && name.startsWith(WHITEOUT)) return applyWhiteout(dirname(path), name);
	if (entry.type === "directory") return unpackDirectory(path, entry);
	if (entry.type === "other") return;
	await rm(path, { recursive: true, force: true });
	if (entry.type === "symlink") return symlink(confinedTarget(root, dirname(path), entry.linkPath), path);
	if (entry.type === "hardlink") {
		const target = resolve(root, entry.linkPath.replace(/^\/+/, ""));
		if (!within(root, await realpath(target))) throw new Error(`the archive's ${entry.path} links out of it`);
		return copyFile(target, path);
	}
	await pipeline(Readable.from(entry.body), createWriteStream(path, { mode: 0o600 }));
	await chmod(path, entry.mode | 0o400);
}

export async function unpackTar(source: AsyncIterable<Uint8Array>, directory: string, options: UnpackOptions): Promise<void> {
	await mkdir(directory, { recursive: true });
	const root = await realpath(directory);
	for await (const entry of readTar(source)) await unpackEntry(root, entry, options);
}
