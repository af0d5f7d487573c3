/** The directories of the built-in provisioner's volumes: made by whoever mounts them first, removed when nobody has them any more. */
import { chmod, mkdir, rm } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import type { DeletedVolume, VolumeDirectory } from "../../core/protocol/agent-protocol.ts";
import { errorText, type Logger } from "../log.ts";
import { isMountPoint } from "./mounts.ts";

/** Where an agent keeps them. */
export const localPathDirectory = (dataDirectory: string): string => join(resolve(dataDirectory), "local-path");

/** Whether the path is one of a volume of this node's: directly below its directory. */
export const isLocalPath = (base: string, path: string): boolean => dirname(resolve(path)) === base && resolve(path) === path;

/** Everybody's, as containers run as anybody. */
export async function makeLocalPath(base: string, path: string): Promise<void> {
	await mkdir(base, { recursive: true, mode: 0o711 });
	if ((await mkdir(path, { recursive: true, mode: 0o777 })) !== undefined) await chmod(path, 0o777);
}

/** Nobody has the volume any more: its directory goes. */
export async function deleteLocalVolume(base: string, volume: VolumeDirectory, log: Logger): Promise<DeletedVolume> {
	const { name } = volume;
	try {
		await removeLocalPath(base, volume);
		log.info("a released volume was deleted", { volume: name });
		return { name };
	} catch (error) {
		return { name, error: errorText(error) };
	}
}

/** Throws when it is none of this node's volumes, or something is mounted there. */
export async function removeLocalPath(base: string, { path }: VolumeDirectory): Promise<void> {
	if (!isLocalPath(base, path)) throw new Error(`${path} is no volume of this node: its volumes are in ${base}`);
	if (await isMountPoint(path)) throw new Error(`${path} is still mounted`);
	await rm(path, { recursive: true, force: true });
}
