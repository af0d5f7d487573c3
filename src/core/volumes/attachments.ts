/** What of a volume the cluster attaches to a node, and under which names others know it (pkg/volume/csi). */
import type { CSIDriver, Node, PersistentVolume, VolumeAttachment } from "../schema/kubernetes.d.ts";

export const ATTACHMENTS = "storage.k8s.io/volumeattachments";
export const CSI_DRIVERS = "storage.k8s.io/csidrivers";

/** A text's SHA-256 in hexadecimal, at once. */
export type Digest = (text: string) => string;

/** A VolumeAttachment's name: kubelets look for it by this. */
export const attachmentName = (digest: Digest, { driver, volumeHandle }: { driver: string; volumeHandle: string }, node: string): string =>
	`csi-${digest(`${volumeHandle}${driver}${node}`)}`;

/** As it is in node.status.volumesInUse and volumesAttached. */
export const uniqueVolumeName = ({ driver, volumeHandle }: { driver: string; volumeHandle: string }): string => `kubernetes.io/csi/${driver}^${volumeHandle}`;

/** Whether volumes of the driver are attached at all: those of one without a CSIDriver are. */
export const isAttachable = (driver: CSIDriver | undefined): boolean => driver?.spec.attachRequired !== false;

/** Whether the volume may be on several nodes at once. */
export function isShareable({ spec }: PersistentVolume): boolean {
	return (spec?.accessModes ?? []).some((mode) => mode === "ReadWriteMany" || mode === "ReadOnlyMany");
}

export const isAttached = ({ status }: VolumeAttachment): boolean => status?.attached === true;

/** Whether the node's agent says that it still has the volume mounted. */
export const isInUse = (node: Node | undefined, unique: string): boolean => node?.status?.volumesInUse?.includes(unique) === true;
