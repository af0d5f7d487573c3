/** What every kind of volume is given and gives back. One file per kind; volume-set.ts chooses. */
import type { Pod, Volume } from "../../core/schema/kubernetes.d.ts";
import type { PodFacts } from "../downward-field.ts";
import type { Logger } from "../log.ts";
import type { ObjectSource } from "../object-source.ts";
import type { PodPaths } from "../pod-names.ts";
import type { ClaimSource } from "./bound-volumes.ts";

export interface TokenSource {
	/** A ServiceAccount token bound to the pod; rejects with what the API said. */
	token(pod: Pod, request: { audience: string | undefined; expirationSeconds: number }): Promise<string>;
}

/** A failure that says all there is to say, in kubelet's words. */
export class MountFailure extends Error {
	constructor(message: string) {
		super(message);
		this.name = "MountFailure";
	}
}

export interface VolumeContext {
	pod: Pod;
	paths: PodPaths;
	facts: PodFacts;
	objects: ObjectSource;
	tokens: TokenSource;
	claims: ClaimSource;
	/** Where this node keeps the built-in provisioner's volumes. */
	localPath: string;
	log: Logger;
	/** Whether the runtime mounts (false: it links, and a tmpfs would be of no use). */
	isolated: boolean;
}

/** Makes the volume, or brings it up to date, and returns the host's path that containers mount. Idempotent. */
export type VolumeSetUp = (context: VolumeContext, volume: Volume, directory: string) => Promise<string>;

/** One file of a volume's content. */
export interface VolumeFile {
	content: Buffer;
	mode: number;
}
