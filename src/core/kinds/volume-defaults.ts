/** Defaults of volumes: SetDefaults_Volume and the volume sources' in pkg/apis/core/v1/defaults.go. */
import type { DownwardAPIVolumeFile, Volume, VolumeProjection } from "../schema/kubernetes.d.ts";
import { defaultPullPolicy } from "./image-reference.ts";

/** 0644. */
const FILE_MODE = 0o644;
const TOKEN_EXPIRATION_SECONDS = 3600;

/** Gives a volume its defaults; one without a source becomes an emptyDir. */
export function defaultVolume(volume: Volume): void {
	if (!Object.keys(volume).some((key) => key !== "name" && volume[key as keyof Volume] != null)) volume.emptyDir = {};
	if (volume.secret) volume.secret.defaultMode ??= FILE_MODE;
	if (volume.configMap) volume.configMap.defaultMode ??= FILE_MODE;
	if (volume.hostPath) volume.hostPath.type ??= "";
	if (volume.image && !volume.image.pullPolicy) volume.image.pullPolicy = defaultPullPolicy(volume.image.reference);
	if (volume.ephemeral?.volumeClaimTemplate?.spec) volume.ephemeral.volumeClaimTemplate.spec.volumeMode ??= "Filesystem";
	if (volume.downwardAPI) {
		volume.downwardAPI.defaultMode ??= FILE_MODE;
		defaultDownwardItems(volume.downwardAPI.items);
	}
	if (volume.projected) {
		volume.projected.defaultMode ??= FILE_MODE;
		volume.projected.sources?.forEach(defaultProjection);
	}
	defaultNetworkVolume(volume);
}

function defaultDownwardItems(items: DownwardAPIVolumeFile[] | undefined): void {
	for (const item of items ?? []) if (item.fieldRef && !item.fieldRef.apiVersion) item.fieldRef.apiVersion = "v1";
}

function defaultProjection(source: VolumeProjection): void {
	if (source.serviceAccountToken) source.serviceAccountToken.expirationSeconds ??= TOKEN_EXPIRATION_SECONDS;
	defaultDownwardItems(source.downwardAPI?.items);
}

/** Volumes on the network: what a pod or a PersistentVolume leaves out of their sources. */
export function defaultNetworkVolume(volume: Pick<Volume, "iscsi" | "rbd" | "azureDisk" | "scaleIO">): void {
	if (volume.iscsi && !volume.iscsi.iscsiInterface) volume.iscsi.iscsiInterface = "default";
	if (volume.rbd) {
		volume.rbd.pool ||= "rbd";
		volume.rbd.user ||= "admin";
		volume.rbd.keyring ||= "/etc/ceph/keyring";
	}
	if (volume.azureDisk) {
		volume.azureDisk.cachingMode ??= "ReadWrite";
		volume.azureDisk.kind ??= "Shared";
		volume.azureDisk.fsType ??= "ext4";
		volume.azureDisk.readOnly ??= false;
	}
	if (volume.scaleIO) {
		volume.scaleIO.storageMode ||= "ThinProvisioned";
		volume.scaleIO.fsType ||= "xfs";
	}
}
