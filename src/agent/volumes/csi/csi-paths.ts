/** Where kubelet has drivers put a volume (pkg/volume/csi), and what it writes beside it to find it again after a crash. */
import { createHash } from "node:crypto";
import { dirname, join } from "node:path";
import { namesIn, readFileIfPresent, writeFileAtomic } from "../../atomic-file.ts";
import { parseJson } from "../../control-plane-client.ts";

const PLUGIN = "kubernetes.io~csi";
const DATA_FILE = "vol_data.json";

/** What must be known of a volume to let it go. */
export interface VolumeData {
	driverName: string;
	volumeHandle: string;
	/** The volume's name: the PersistentVolume's, or the pod's own for an inline one. */
	specVolID: string;
	volumeLifecycleMode: "Persistent" | "Ephemeral";
	/** A device rather than a directory. */
	block: boolean;
	/** Was attached by the cluster: it is in node.status.volumesInUse. */
	attachable: boolean;
}

/** A volume as one pod has it. */
export interface PodVolume extends VolumeData {
	podUid: string;
}

/** Kubelet's unique name of a volume. */
export const uniqueName = ({ driverName, volumeHandle }: Pick<VolumeData, "driverName" | "volumeHandle">): string =>
	`kubernetes.io/csi/${driverName}^${volumeHandle}`;

export class CsiPaths {
	readonly #root: string;

	/** `root`: the kubelet's. */
	constructor(root: string) {
		this.#root = root;
	}

	/** Where the driver mounts the volume for one pod, or puts its device. */
	target({ podUid, specVolID, block }: PodVolume): string {
		return block ? join(this.#devices, "publish", specVolID, podUid) : join(this.#podVolume(podUid, specVolID), "mount");
	}

	/** Where the driver readies the volume for all pods of the node. */
	staging({ driverName, volumeHandle, specVolID, block }: VolumeData): string {
		if (block) return join(this.#devices, "staging", specVolID);
		return join(this.#root, "plugins", "kubernetes.io", "csi", driverName, createHash("sha256").update(volumeHandle).digest("hex"), "globalmount");
	}

	/** The directory that goes when the volume is let go by all. */
	stagingParent = (volume: VolumeData): string => (volume.block ? this.staging(volume) : dirname(this.staging(volume)));

	/** The directory that goes when the pod lets the volume go. */
	ofPod = ({ podUid, specVolID }: PodVolume): string => this.#podVolume(podUid, specVolID);

	/** Before the driver is asked for anything: what it then has done can be undone, whatever happens. */
	async write(volume: PodVolume): Promise<void> {
		const { podUid: _uid, ...data } = volume;
		await writeFileAtomic(join(this.ofPod(volume), DATA_FILE), JSON.stringify(data));
	}

	/** The volumes of all pods, or of one, by what was written of them. */
	async volumes(podUid?: string): Promise<PodVolume[]> {
		const found: PodVolume[] = [];
		for (const uid of podUid === undefined ? await namesIn(join(this.#root, "pods")) : [podUid]) {
			const directory = join(this.#root, "pods", uid, "volumes", PLUGIN);
			for (const name of await namesIn(directory)) {
				const data = parseJson((await readFileIfPresent(join(directory, name, DATA_FILE))) ?? "") as VolumeData | undefined;
				if (data?.driverName && data.volumeHandle) found.push({ ...data, podUid: uid });
			}
		}
		return found;
	}

	/** Pods of which a directory is left here. */
	podUids = (): Promise<string[]> => namesIn(join(this.#root, "pods"));

	/** What is empty once the pod has no volume. */
	podDirectories = (podUid: string): string[] => {
		const pod = join(this.#root, "pods", podUid);
		return [join(pod, "volumes", PLUGIN), join(pod, "volumes"), pod];
	};

	get #devices(): string {
		return join(this.#root, "plugins", "kubernetes.io", "csi", "volumeDevices");
	}

	#podVolume(podUid: string, specVolID: string): string {
		return join(this.#root, "pods", podUid, "volumes", PLUGIN, specVolID);
	}
}
