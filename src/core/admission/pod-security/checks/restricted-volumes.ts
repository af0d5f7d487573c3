/** restrictedVolumes: only volumes that are the pod's own or come by a claim. */
import type { Volume } from "../../../schema/kubernetes.d.ts";
import { type Check, type JudgedPod, plural, quoted, quotedSet, type Violation } from "../check.ts";
import { hostPathVolumes } from "./host-path-volumes.ts";

const ALLOWED = ["configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "persistentVolumeClaim", "projected", "secret"] as const;
/** The sources that upstream calls by their names; others, an image's volume among them, are "unknown". */
const NAMED: ReadonlySet<string> = new Set([
	"hostPath",
	"gcePersistentDisk",
	"awsElasticBlockStore",
	"gitRepo",
	"nfs",
	"iscsi",
	"glusterfs",
	"rbd",
	"flexVolume",
	"cinder",
	"cephfs",
	"flocker",
	"fc",
	"azureFile",
	"vsphereVolume",
	"quobyte",
	"azureDisk",
	"photonPersistentDisk",
	"portworxVolume",
	"scaleIO",
	"storageos",
]);

const typeOf = (volume: Volume): string => Object.keys(volume).find((key) => NAMED.has(key)) ?? "unknown";

function judge({ spec }: JudgedPod): Violation | undefined {
	const bad = (spec.volumes ?? []).filter((volume) => !ALLOWED.some((type) => volume[type] !== undefined));
	if (bad.length === 0) return undefined;
	const types = new Set(bad.map(typeOf));
	const uses = `${plural(bad.length, "uses", "use")} ${plural(types.size, "restricted volume type")}`;
	return {
		reason: "restricted volume types",
		detail: `${plural(bad.length, "volume")} ${quoted(bad.map(({ name }) => name))} ${uses} ${quotedSet(types)}`,
	};
}

export const restrictedVolumes: Check = { id: "restrictedVolumes", level: "restricted", versions: [{ since: 0, judge }], overrides: hostPathVolumes.id };
