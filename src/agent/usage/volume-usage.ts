/** What pods' volumes hold and have room for, as kubelet's /stats/summary tells it: of CSI volumes their drivers say it, of directories the file system. */
import { statfs } from "node:fs/promises";
import type { Pod, Volume } from "../../core/schema/kubernetes.d.ts";
import { type Clock, timestamp } from "../clock.ts";
import { podRef } from "../pod-names.ts";
import type { BoundVolume } from "../volumes/bound-volumes.ts";
import type { CsiVolumes, VolumeUsage } from "../volumes/csi/csi-volumes.ts";

export interface VolumeUsageOptions {
	csi: Pick<CsiVolumes, "usage">;
	/** What a pod's claim has, if it is mounted. */
	known(podUid: string, claimName: string): BoundVolume | undefined;
	clock: Clock;
}

/** By the pod's uid; what a driver does not say is left out. */
export async function volumeUsages(pods: readonly Pod[], options: VolumeUsageOptions): Promise<Map<string, object[]>> {
	const result = new Map<string, object[]>();
	for (const pod of pods) {
		const volumes = await Promise.all((pod.spec?.volumes ?? []).map((volume) => statsOf(pod, volume, options).catch(() => undefined)));
		const known = volumes.filter((one) => one !== undefined);
		if (known.length > 0) result.set(pod.metadata.uid ?? "", known);
	}
	return result;
}

async function statsOf(pod: Pod, volume: Volume, { csi, known, clock }: VolumeUsageOptions): Promise<object | undefined> {
	const { uid, namespace, name: podName } = podRef(pod);
	const claimName = volume.persistentVolumeClaim?.claimName ?? (volume.ephemeral ? `${podName}-${volume.name}` : undefined);
	const bound = claimName === undefined ? undefined : known(uid, claimName);
	const isCsi = volume.csi !== undefined || bound?.volume.spec?.csi !== undefined;
	if (!isCsi && !bound) return undefined;
	const usage = isCsi
		? await csi.usage(uid, volume.csi ? volume.name : (bound?.volume.metadata.name ?? ""))
		: await directoryUsage(bound?.volume.spec?.local?.path ?? bound?.volume.spec?.hostPath?.path ?? "");
	if (!usage) return undefined;
	const { bytes, inodes, abnormal } = usage;
	return {
		time: timestamp(clock.nowMs()),
		...(bytes ? { availableBytes: bytes.available, capacityBytes: bytes.total, usedBytes: bytes.used } : {}),
		...(inodes ? { inodesFree: inodes.available, inodes: inodes.total, inodesUsed: inodes.used } : {}),
		name: volume.name,
		...(claimName === undefined ? {} : { pvcRef: { name: claimName, namespace } }),
		...(abnormal === undefined ? {} : { volumeHealthStats: { abnormal: true } }),
	};
}

async function directoryUsage(path: string): Promise<VolumeUsage> {
	const { bsize, blocks, bavail, bfree, files, ffree } = await statfs(path);
	return {
		bytes: { available: bavail * bsize, total: blocks * bsize, used: (blocks - bfree) * bsize },
		inodes: { available: ffree, total: files, used: files - ffree },
	};
}
