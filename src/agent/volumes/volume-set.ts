/** All volumes of one pod: made before its containers start, kept up to date while it runs, removed after it. */
import { chmod, chown, lstat, readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import type { Volume } from "../../core/schema/kubernetes.d.ts";
import { namesIn } from "../atomic-file.ts";
import type { PodPaths } from "../pod-names.ts";
import { inlineVolume } from "./csi/csi-request.ts";
import { setUpConfigMap } from "./config-map.ts";
import { setUpDownwardAPI } from "./downward-api.ts";
import { setUpEmptyDir } from "./empty-dir.ts";
import { setUpHostPath } from "./host-path.ts";
import { unmountIfMounted } from "./mounts.ts";
import { setUpImage } from "./image.ts";
import { setUpPersistentVolume } from "./persistent-volume.ts";
import { setUpProjected } from "./projected.ts";
import { setUpSecret } from "./secret.ts";
import { MountFailure, type MountedVolume, type VolumeContext, VolumeNotAttached, type VolumeSetUp } from "./volume.ts";

const KINDS: Record<string, VolumeSetUp> = {
	configMap: setUpConfigMap,
	secret: setUpSecret,
	downwardAPI: setUpDownwardAPI,
	projected: setUpProjected,
	emptyDir: setUpEmptyDir,
	hostPath: setUpHostPath,
	persistentVolumeClaim: setUpPersistentVolume,
	ephemeral: setUpPersistentVolume,
	image: setUpImage,
	csi: async (context, { name, csi }) => context.csi.setUp(context, inlineVolume(context.pod, name, csi ?? { driver: "" })),
};

/** Kinds whose files come again with each change of what they show. */
const WRITTEN_ANEW: ReadonlySet<string> = new Set(["configMap", "secret", "downwardAPI", "projected"]);

export class VolumeError extends Error {
	/** The pod's own name for it. */
	readonly volume: string;
	constructor(volume: string, cause: unknown) {
		const why = cause instanceof Error ? cause.message : String(cause);
		super(cause instanceof MountFailure ? why : `MountVolume.SetUp failed for volume ${JSON.stringify(volume)} : ${why}`, { cause });
		this.name = "VolumeError";
		this.volume = volume;
	}
}

const kindOf = (volume: Volume): string | undefined =>
	Object.keys(volume).find((key) => key !== "name" && volume[key as keyof Volume] !== undefined && volume[key as keyof Volume] !== null);

/** Host paths by volume name. Throws the first VolumeError after all were tried, so that one missing Secret hides no other work. */
export async function setUpVolumes(context: VolumeContext): Promise<Map<string, string>> {
	const paths = new Map<string, string>();
	let failure: VolumeError | undefined;
	let waiting: VolumeNotAttached | undefined;
	for (const volume of context.pod.spec?.volumes ?? []) {
		try {
			paths.set(volume.name, await setUpVolume(context, volume));
		} catch (error) {
			// Waiting is the lesser trouble: what is wrong is said first.
			if (!(error instanceof VolumeNotAttached)) failure ??= new VolumeError(volume.name, error);
			else waiting ??= error;
		}
	}
	if (failure) throw failure;
	if (waiting) throw waiting;
	return paths;
}

async function setUpVolume(context: VolumeContext, volume: Volume): Promise<string> {
	// A volume without a source is an emptyDir, as upstream defaults it.
	const kind = kindOf(volume) ?? "emptyDir";
	const setUp = KINDS[kind];
	if (!setUp) throw new Error(`no volume plugin matched: this node has none for ${kind}`);
	const mounted: MountedVolume = asMounted(await setUp(context, volume, volumeDirectory(context.paths, kind, volume.name)));
	const { fsGroup: group, fsGroupChangePolicy } = context.pod.spec?.securityContext ?? {};
	// The policy is not for what the agent writes anew with each change: below a root of the group's the new files are not.
	const policy = WRITTEN_ANEW.has(kind) ? undefined : fsGroupChangePolicy;
	if (group !== undefined && !mounted.keepsGroup) await giveVolumeToGroup(mounted.path, group, policy);
	// A driver's volume may hold a lot: who remembers it goes through it once.
	mounted.keepsGroup = true;
	return mounted.path;
}

const asMounted = (mounted: string | MountedVolume): MountedVolume => (typeof mounted === "string" ? { path: mounted } : mounted);

/** What a directory that was given to the group has: reading, writing and entering for it, and its mark on what is made there. */
const GROUP_BITS = 0o2070;

/** OnRootMismatch: a volume whose root is the group's already is left alone, however much is in it. */
async function giveVolumeToGroup(path: string, group: number, policy: string | undefined): Promise<void> {
	const { gid, mode } = await lstat(path);
	if (policy === "OnRootMismatch" && gid === group && (mode & GROUP_BITS) === GROUP_BITS) return;
	await giveToGroup(path, group);
}

/** Kubelet's names: volumes/kubernetes.io~configmap/NAME. */
function volumeDirectory(paths: PodPaths, kind: string, name: string): string {
	const plugin = `kubernetes.io~${kind.replace(/[A-Z]+/g, (s) => (kind === "emptyDir" ? `-${s.toLowerCase()}` : s.toLowerCase()))}`;
	return join(paths.volumesDirectory, plugin, name);
}

/** fsGroup: the group owns the files, reads what the owner reads, and new files inherit it. */
async function giveToGroup(path: string, group: number): Promise<void> {
	if (process.getuid?.() !== 0) return;
	const info = await lstat(path);
	if (info.isSymbolicLink()) return;
	if (info.gid !== group) await chown(path, info.uid, group);
	const groupBits = (info.mode & 0o600) >> 3;
	const mode = info.isDirectory() ? (info.mode & 0o7777) | GROUP_BITS : (info.mode & 0o7777) | groupBits;
	if (mode !== (info.mode & 0o7777)) await chmod(path, mode);
	if (info.isDirectory()) for (const entry of await readdir(path)) await giveToGroup(join(path, entry), group);
}

/** Unmounts and removes everything the pod's volumes hold; hostPaths stay untouched. */
export async function tearDownVolumes(paths: PodPaths, podUid: string, { csi, runtime }: Pick<VolumeContext, "csi" | "runtime">): Promise<void> {
	await csi.tearDown(podUid);
	const memoryRoot = join(paths.volumesDirectory, "kubernetes.io~empty-dir");
	for (const name of await namesIn(memoryRoot)) await unmountIfMounted(join(memoryRoot, name));
	const imageRoot = join(paths.volumesDirectory, "kubernetes.io~image");
	for (const name of await namesIn(imageRoot)) await runtime.unmountImage(join(imageRoot, name));
	await rm(paths.volumesDirectory, { recursive: true, force: true });
}
