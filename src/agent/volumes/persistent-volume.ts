/** Volumes that outlive their pods: what a claim is bound to, mounted by the volume's own source. */
import { stat } from "node:fs/promises";
import type { PersistentVolume, Volume } from "../../core/schema/kubernetes.d.ts";
import { isLocalPathVolume } from "../../core/volumes/local-path.ts";
import { persistentVolume } from "./csi/csi-request.ts";
import { setUpHostPath } from "./host-path.ts";
import { isLocalPath, makeLocalPath } from "./local-path.ts";
import { MountFailure, type VolumeContext, type VolumeSetUp } from "./volume.ts";

/** The pod's claim for the volume: the one it names, or its own for an ephemeral one. */
export function claimOf({ pod }: VolumeContext, volume: Volume): { volumeName: string; claimName: string; ephemeral: boolean } {
	const claimName = volume.persistentVolumeClaim?.claimName ?? `${pod.metadata.name}-${volume.name}`;
	return { volumeName: volume.name, claimName, ephemeral: volume.ephemeral !== undefined };
}

export const setUpPersistentVolume: VolumeSetUp = async (context, volume, directory) => {
	const { volume: bound, claim } = await context.claims.bound(context.pod, context.paths, claimOf(context, volume));
	const name = bound.metadata.name ?? "";
	const { local, hostPath, csi } = bound.spec ?? {};
	if (csi) return context.csi.setUp(context, persistentVolume(bound, claim, volume.persistentVolumeClaim?.readOnly === true));
	if (local) return setUpLocal(context, bound, local.path);
	if (hostPath) return setUpHostPath(context, { name, hostPath }, directory);
	const kind = Object.keys(bound.spec ?? {}).find((key) => typeof bound.spec?.[key as "local"] === "object") ?? "it";
	throw new Error(`no volume plugin matched: this node has none for ${kind}`);
};

async function setUpLocal({ localPath }: VolumeContext, volume: PersistentVolume, path: string): Promise<string> {
	if (isLocalPathVolume(volume) && isLocalPath(localPath, path)) await makeLocalPath(localPath, path);
	if (!(await stat(path).catch(() => undefined)))
		throw new MountFailure(
			`MountVolume.NewMounter initialization failed for volume ${JSON.stringify(volume.metadata.name)} : path ${JSON.stringify(path)} does not exist`,
		);
	return path;
}
