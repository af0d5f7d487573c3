/**
 * Which PersistentVolume a pod's claim has: asked of the API once for each pod, as a binding does not change, and kept in the
 * pod's directory: with the control plane away a pod's volumes are mounted again after a reboot.
 */
import { join } from "node:path";
import { whyNotOf } from "../../core/controllers/ephemeral-volume-controller.ts";
import type { PersistentVolume, PersistentVolumeClaim, Pod } from "../../core/schema/kubernetes.d.ts";
import { readBytesIfPresent, writeFileAtomic } from "../atomic-file.ts";
import { type ApiClient, bodyOf, parseJson } from "../control-plane-client.ts";
import { errorText } from "../log.ts";
import { type PodPaths, podRef } from "../pod-names.ts";
import { MountFailure } from "./volume.ts";

export interface BoundVolume {
	claim: PersistentVolumeClaim;
	volume: PersistentVolume;
}

export interface ClaimSource {
	/** `volumeName` is the pod's own name for it. Rejects with a MountFailure. */
	bound(pod: Pod, paths: PodPaths, asked: { volumeName: string; claimName: string; ephemeral: boolean }): Promise<BoundVolume>;
	/** The node has made the volume's file system this large: the claim says so, and waits no longer. */
	grown(pod: Pod, paths: PodPaths, claimName: string, size: string): Promise<void>;
}

type Known = Record<string, BoundVolume>;

export class BoundVolumes implements ClaimSource {
	readonly #api: ApiClient;
	/** By the pod's uid. */
	readonly #known = new Map<string, Known>();
	/** Pods of whose claims there may be news. */
	readonly #stale = new Set<string>();

	constructor(api: ApiClient) {
		this.#api = api;
	}

	async bound(pod: Pod, paths: PodPaths, asked: { volumeName: string; claimName: string; ephemeral: boolean }): Promise<BoundVolume> {
		const { uid } = podRef(pod);
		const known = this.#known.get(uid) ?? (await load(paths));
		this.#known.set(uid, known);
		const found = known[asked.claimName];
		const key = `${uid}/${asked.claimName}`;
		const isStale = this.#stale.has(key);
		this.#stale.delete(key);
		if (found && !(isStale && found.volume.spec?.csi)) return found;
		const fetched = await this.#fetch(pod, asked).catch((error: unknown) => {
			if (found) return found;
			const { namespace } = podRef(pod);
			const cause = `error processing PVC ${namespace}/${asked.claimName}: ${errorText(error)}`;
			const name = asked.volumeName;
			throw new MountFailure(
				`Unable to attach or mount volumes: unmounted volumes=[${name}], unattached volumes=[], failed to process volumes=[${name}]: ${cause}`,
			);
		});
		known[asked.claimName] = fetched;
		await writeFileAtomic(fileOf(paths), JSON.stringify(known));
		return fetched;
	}

	/** What was found out for the pod before. */
	known(podUid: string, claimName: string): BoundVolume | undefined {
		return this.#known.get(podUid)?.[claimName];
	}

	forget(podUid: string): void {
		this.#known.delete(podUid);
		for (const key of this.#stale) if (key.startsWith(`${podUid}/`)) this.#stale.delete(key);
	}

	/** The control plane has said something of the pod: a volume of it may have become larger. */
	refresh(podUid: string): void {
		for (const claimName of Object.keys(this.#known.get(podUid) ?? {})) this.#stale.add(`${podUid}/${claimName}`);
	}

	async grown(pod: Pod, paths: PodPaths, claimName: string, size: string): Promise<void> {
		const { uid, namespace } = podRef(pod);
		const known = this.#known.get(uid);
		const bound = known?.[claimName];
		if (!known || !bound) return;
		const conditions = (bound.claim.status?.conditions ?? []).filter(({ type }) => type !== "FileSystemResizePending");
		const status = { ...bound.claim.status, capacity: { ...bound.claim.status?.capacity, storage: size }, conditions };
		const path = `/api/v1/namespaces/${encodeURIComponent(namespace)}/persistentvolumeclaims/${encodeURIComponent(claimName)}/status`;
		bodyOf(await this.#api.request("PATCH", path, { status: { capacity: status.capacity, conditions } }, "application/merge-patch+json"));
		known[claimName] = { ...bound, claim: { ...bound.claim, status } };
		await writeFileAtomic(fileOf(paths), JSON.stringify(known));
	}

	async #fetch(pod: Pod, { claimName, ephemeral }: { claimName: string; ephemeral: boolean }): Promise<BoundVolume> {
		const { namespace } = podRef(pod);
		const path = `/api/v1/namespaces/${encodeURIComponent(namespace)}/persistentvolumeclaims/${encodeURIComponent(claimName)}`;
		const claim = await this.#get<PersistentVolumeClaim>(path, "failed to fetch PVC from API server");
		const foreign = ephemeral ? whyNotOf(claim, pod) : undefined;
		if (foreign !== undefined) throw new Error(foreign);
		if (claim.metadata.deletionTimestamp) throw new Error("PVC is being deleted");
		const { volumeName = "" } = claim.spec ?? {};
		if (claim.status?.phase !== "Bound" || volumeName === "") throw new Error("PVC is not bound");
		const volume = await this.#get<PersistentVolume>(
			`/api/v1/persistentvolumes/${encodeURIComponent(volumeName)}`,
			`failed to fetch PV ${volumeName} from API server`,
		);
		const uid = volume.spec?.claimRef?.uid ?? "";
		if (uid !== claim.metadata.uid) throw new Error(`expected pvcRef.UID ${claim.metadata.uid} for PV ${volumeName} but got: ${uid}`);
		return { claim: withoutFields(claim), volume: withoutFields(volume) };
	}

	async #get<T>(path: string, otherwise: string): Promise<T> {
		const { code, body } = await this.#api.request("GET", path).catch((error: unknown) => {
			throw new Error(`${otherwise}: ${errorText(error)}`);
		});
		if (code !== 200) throw new Error(`${otherwise}: ${(body as { message?: string } | undefined)?.message ?? `the API answered ${code}`}`);
		return body as T;
	}
}

const fileOf = (paths: PodPaths): string => join(paths.podDirectory, "bound-volumes.json");

async function load(paths: PodPaths): Promise<Known> {
	const bytes = await readBytesIfPresent(fileOf(paths));
	return ((bytes && parseJson(bytes.toString("utf8"))) as Known | undefined) ?? {};
}

function withoutFields<T extends PersistentVolume | PersistentVolumeClaim>(object: T): T {
	const { managedFields: _fields, ...metadata } = object.metadata;
	return { ...object, metadata };
}
