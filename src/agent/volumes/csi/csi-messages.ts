/** Messages of the Container Storage Interface v1 (csi.v1), as far as a node uses them. */
import { type Field, messageOf } from "../../runtime/containerd/cri-messages.ts";

const STRINGS = { map: "string" } as const;

const Topology = messageOf("Topology", { 1: ["segments", STRINGS] });
const VolumeCapability = messageOf("VolumeCapability", {
	1: ["block", messageOf("BlockVolume", {})],
	2: ["mount", messageOf("MountVolume", { 1: ["fsType", "string"], 2: ["mountFlags", ["string"]], 3: ["volumeMountGroup", "string"] })],
	3: ["accessMode", messageOf("AccessMode", { 1: ["mode", "enum"] })],
});
const NodeServiceCapability = messageOf("NodeServiceCapability", { 1: ["rpc", messageOf("RPC", { 1: ["type", "enum"] })] });
const VolumeUsage = messageOf("VolumeUsage", { 1: ["available", "int64"], 2: ["total", "int64"], 3: ["used", "int64"], 4: ["unit", "enum"] });
const VolumeCondition = messageOf("VolumeCondition", { 1: ["abnormal", "bool"], 2: ["message", "string"] });

const node = (name: string, request: Record<number, Field>, response: Record<number, Field>) => ({
	path: `/csi.v1.Node/${name}`,
	request: messageOf(`${name}Request`, request),
	response: messageOf(`${name}Response`, response),
});

export const CSI = {
	nodeGetInfo: node("NodeGetInfo", {}, { 1: ["nodeId", "string"], 2: ["maxVolumesPerNode", "int64"], 3: ["accessibleTopology", Topology] }),
	nodeGetCapabilities: node("NodeGetCapabilities", {}, { 1: ["capabilities", [NodeServiceCapability]] }),
	nodeStageVolume: node(
		"NodeStageVolume",
		{
			1: ["volumeId", "string"],
			2: ["publishContext", STRINGS],
			3: ["stagingTargetPath", "string"],
			4: ["volumeCapability", VolumeCapability],
			5: ["secrets", STRINGS],
			6: ["volumeContext", STRINGS],
		},
		{},
	),
	nodeUnstageVolume: node("NodeUnstageVolume", { 1: ["volumeId", "string"], 2: ["stagingTargetPath", "string"] }, {}),
	nodePublishVolume: node(
		"NodePublishVolume",
		{
			1: ["volumeId", "string"],
			2: ["publishContext", STRINGS],
			3: ["stagingTargetPath", "string"],
			4: ["targetPath", "string"],
			5: ["volumeCapability", VolumeCapability],
			6: ["readonly", "bool"],
			7: ["secrets", STRINGS],
			8: ["volumeContext", STRINGS],
		},
		{},
	),
	nodeUnpublishVolume: node("NodeUnpublishVolume", { 1: ["volumeId", "string"], 2: ["targetPath", "string"] }, {}),
	nodeGetVolumeStats: node(
		"NodeGetVolumeStats",
		{ 1: ["volumeId", "string"], 2: ["volumePath", "string"], 3: ["stagingTargetPath", "string"] },
		{ 1: ["usage", [VolumeUsage]], 2: ["volumeCondition", VolumeCondition] },
	),
	nodeExpandVolume: node(
		"NodeExpandVolume",
		{
			1: ["volumeId", "string"],
			2: ["volumePath", "string"],
			3: ["capacityRange", messageOf("CapacityRange", { 1: ["requiredBytes", "int64"], 2: ["limitBytes", "int64"] })],
			4: ["stagingTargetPath", "string"],
			5: ["volumeCapability", VolumeCapability],
			6: ["secrets", STRINGS],
		},
		{ 1: ["capacityBytes", "int64"] },
	),
} as const;

/** csi.v1.NodeServiceCapability.RPC.Type */
export const NODE_CAPABILITY = { stageUnstage: 1, getVolumeStats: 2, expandVolume: 3, singleNodeMultiWriter: 5, volumeMountGroup: 6 } as const;

/** csi.v1.VolumeUsage.Unit */
export const USAGE_UNIT = { bytes: 1, inodes: 2 } as const;

const ACCESS_MODE = { singleNodeWriter: 1, multiNodeReaderOnly: 3, multiNodeMultiWriter: 5, singleNodeSingleWriter: 6, singleNodeMultiWriter: 7 } as const;

/** A volume's mode of access as a driver knows it: one that tells writers of one node apart is told more. */
export function csiAccessMode(mode: string, tellsWritersApart: boolean): number {
	switch (mode) {
		case "ReadOnlyMany":
			return ACCESS_MODE.multiNodeReaderOnly;
		case "ReadWriteMany":
			return ACCESS_MODE.multiNodeMultiWriter;
		case "ReadWriteOncePod":
			return tellsWritersApart ? ACCESS_MODE.singleNodeSingleWriter : ACCESS_MODE.singleNodeWriter;
		default:
			return tellsWritersApart ? ACCESS_MODE.singleNodeMultiWriter : ACCESS_MODE.singleNodeWriter;
	}
}
