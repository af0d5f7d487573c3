/** What every kind of volume is given and gives back. One file per kind; volume-set.ts chooses. */
import type { Pod, Volume } from "../../core/schema/kubernetes.d.ts";
import type { PodFacts } from "../downward-field.ts";
import type { EventRecorder } from "../event-recorder.ts";
import type { ImagePuller } from "../image-puller.ts";
import type { Logger } from "../log.ts";
import type { ObjectSource } from "../object-source.ts";
import type { PodPaths } from "../pod-names.ts";
import type { ContainerRuntime } from "../runtime/runtime.ts";
import type { ClaimSource } from "./bound-volumes.ts";
import type { CsiVolumes } from "./csi/csi-volumes.ts";

export interface TokenSource {
	/** A ServiceAccount token bound to the pod; rejects with what the API said. */
	token(pod: Pod, request: TokenWanted): Promise<string>;
	/** The same with its end. */
	bound(pod: Pod, request: TokenWanted): Promise<BoundToken>;
}

export interface TokenWanted {
	audience: string | undefined;
	expirationSeconds: number;
}

export interface BoundToken {
	token: string;
	expirationTimestamp: string;
}

/** A failure that says all there is to say, in kubelet's words. */
export class MountFailure extends Error {
	constructor(message: string) {
		super(message);
		this.name = "MountFailure";
	}
}

/** The cluster is still to attach the volume to this node. */
export class VolumeNotAttached extends Error {
	constructor() {
		super("the volume is not attached yet");
		this.name = "VolumeNotAttached";
	}
}

/** Where a volume is on the host. */
export interface MountedVolume {
	path: string;
	/** Its files keep their group: the host's own, or what was given to the pod's before. */
	keepsGroup?: boolean;
}

export interface VolumeContext {
	pod: Pod;
	paths: PodPaths;
	facts: PodFacts;
	objects: ObjectSource;
	tokens: TokenSource;
	claims: ClaimSource;
	images: ImagePuller;
	runtime: ContainerRuntime;
	csi: CsiVolumes;
	events: EventRecorder;
	/** Where this node keeps the built-in provisioner's volumes. */
	localPath: string;
	log: Logger;
	/** Whether the runtime mounts (false: it links, and a tmpfs would be of no use). */
	isolated: boolean;
}

/** Makes the volume, or brings it up to date, and returns the host's path that containers mount. Idempotent. */
export type VolumeSetUp = (context: VolumeContext, volume: Volume, directory: string) => Promise<string | MountedVolume>;

/** One file of a volume's content. */
export interface VolumeFile {
	content: Buffer;
	mode: number;
}
