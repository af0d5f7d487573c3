/**
 * Volumes of CSI drivers, as kubelet has them: attached by the cluster, staged once for the node, published for each pod; let go
 * in the opposite order when the last pod has gone. What was asked of a driver is written down before, so that an agent that was
 * killed, or a machine that was switched off, undoes it.
 */
import { mkdir, rm, rmdir, stat } from "node:fs/promises";
import { createHash } from "node:crypto";
import { dirname } from "node:path";
import type { Message } from "../../../core/codec/message.ts";
import type { CSIDriver, VolumeAttachment } from "../../../core/schema/kubernetes.d.ts";
import { value } from "../../../core/quantity/quantity.ts";
import { isMissing } from "../../atomic-file.ts";
import type { Clock } from "../../clock.ts";
import { type ApiClient, bodyOf } from "../../control-plane-client.ts";
import { Limiter } from "../../limiter.ts";
import { isMountPoint } from "../mounts.ts";
import { MountFailure, type MountedVolume, type VolumeContext, VolumeNotAttached } from "../volume.ts";
import { CSI, NODE_CAPABILITY, USAGE_UNIT } from "./csi-messages.ts";
import { rpcErrorText } from "../../plugins/rpc-error.ts";
import type { CsiDrivers } from "./csi-drivers.ts";
import { CsiPaths, type PodVolume, uniqueName, type VolumeData } from "./csi-paths.ts";
import { capabilityOf, type CsiVolume, publishExtras, secretsFor, takesGroup } from "./csi-request.ts";

/** How often a volume is published again for a driver that wants that; kubelet does it with each look at a pod. */
const REPUBLISH_MS = 60_000;

export interface CsiVolumesOptions {
	drivers: CsiDrivers;
	api: ApiClient;
	clock: Clock;
	nodeName: string;
	/** The kubelet's. */
	root: string;
	/** node.status.volumesInUse changed. */
	onInUse(): void;
}

/** What a volume holds and has room for. */
export interface VolumeUsage {
	bytes?: { available: number; total: number; used: number };
	inodes?: { available: number; total: number; used: number };
	/** What the driver says is wrong with it. */
	abnormal?: string;
}

interface Published {
	atMs: number;
	path: string;
	keepsGroup: boolean;
	volume: CsiVolume;
	can: ReadonlySet<number>;
}

export class CsiVolumes {
	readonly #options: CsiVolumesOptions;
	readonly #paths: CsiPaths;
	/** By where: what this agent has published itself. Another publishes again, as drivers must take it. */
	readonly #published = new Map<string, Published>();
	readonly #staged = new Set<string>();
	/** One step at a time of each volume of the node. */
	readonly #turns = new Map<string, Limiter>();
	readonly #inUse = new Map<string, number>();

	constructor(options: CsiVolumesOptions) {
		this.#options = options;
		this.#paths = new CsiPaths(options.root);
	}

	/** What earlier agents have left counts as in use until it is let go. */
	async start(): Promise<void> {
		for (const volume of await this.#paths.volumes()) this.#count(volume, 1);
	}

	/** node.status.volumesInUse: a volume in it is not detached. */
	get inUse(): string[] {
		return [...this.#inUse.keys()].sort();
	}

	/** Makes the volume ready for the pod; idempotent. Rejects with a MountFailure in kubelet's words. */
	async setUp(context: VolumeContext, volume: CsiVolume): Promise<MountedVolume> {
		const data = { podUid: context.pod.metadata.uid ?? "", ...dataOf(volume) };
		const path = this.#paths.target(data);
		const known = this.#published.get(path);
		const driver = await this.#options.drivers.object(volume.driver).catch(refusing(volume, "MountVolume.SetUp"));
		const republish = driver?.spec.requiresRepublish === true && known !== undefined && this.#options.clock.nowMs() - known.atMs >= REPUBLISH_MS;
		const wantsMore = known !== undefined && isToGrow(volume);
		if (known && !republish && !wantsMore) return known;
		return this.#turn(data, async () => {
			const attachable = volume.persistent !== undefined && driver?.spec.attachRequired !== false;
			const all = { ...data, attachable };
			if (!known) {
				checkMode(volume, driver);
				await this.#writeDown(all);
			}
			const publishContext = attachable ? await this.#attachment(volume) : undefined;
			const can = await this.#options.drivers
				.capabilities(volume.driver)
				.catch(refusing(volume, volume.block ? "MapVolume.SetUpDevice" : "MountVolume.SetUp", "failed to get CSI client"));
			const call = { context, volume, driver, can, data: all, publishContext };
			const staging = await this.#stage(call);
			if (wantsMore && volume.persistent) await this.#expand(call, staging);
			return this.#publish(call, staging);
		});
	}

	/** Lets all volumes of a pod go. Rejects when a driver does not. */
	async tearDown(podUid: string): Promise<void> {
		for (const volume of await this.#paths.volumes(podUid)) await this.#turn(volume, () => this.#letGo(volume));
		for (const directory of this.#paths.podDirectories(podUid)) await rmdir(directory).catch(whenKept);
	}

	/** Pods of which something is left, whoever made it. */
	leftovers(): Promise<string[]> {
		return this.#paths.podUids();
	}

	/** What a pod's volume has, by its driver; undefined when that does not say. */
	async usage(podUid: string, specName: string): Promise<VolumeUsage | undefined> {
		const found = [...this.#published.values()].find(({ path, volume }) => volume.specName === specName && path.includes(podUid));
		if (!found?.can.has(NODE_CAPABILITY.getVolumeStats)) return undefined;
		const { volume, path } = found;
		const staging = this.#paths.staging(dataOf(volume));
		const request = { volumeId: volume.handle, volumePath: path, ...(this.#staged.has(staging) ? { stagingTargetPath: staging } : {}) };
		const { usage = [], volumeCondition } = await this.#options.drivers.call(volume.driver, CSI.nodeGetVolumeStats, request);
		const of = (unit: number) => {
			const one = (usage as Message[]).find((each) => each.unit === unit);
			return one && { available: Number(one.available ?? 0), total: Number(one.total ?? 0), used: Number(one.used ?? 0) };
		};
		const [bytes, inodes] = [of(USAGE_UNIT.bytes), of(USAGE_UNIT.inodes)];
		const { abnormal, message } = (volumeCondition ?? {}) as { abnormal?: boolean; message?: string };
		return { ...(bytes ? { bytes } : {}), ...(inodes ? { inodes } : {}), ...(abnormal ? { abnormal: message ?? "" } : {}) };
	}

	#turn<T>(volume: VolumeData, step: () => Promise<T>): Promise<T> {
		const key = uniqueName(volume);
		const turn = this.#turns.get(key) ?? new Limiter(1);
		this.#turns.set(key, turn);
		return turn.run(step);
	}

	async #writeDown(data: PodVolume): Promise<void> {
		const present = await this.#paths.volumes(data.podUid);
		await this.#paths.write(data);
		if (!present.some(({ specVolID }) => specVolID === data.specVolID)) this.#count(data, 1);
	}

	#count(volume: VolumeData, by: 1 | -1): void {
		if (!volume.attachable) return;
		const name = uniqueName(volume);
		const count = (this.#inUse.get(name) ?? 0) + by;
		if (count > 0) this.#inUse.set(name, count);
		else this.#inUse.delete(name);
		if (count === 0 || (count === 1 && by === 1)) this.#options.onInUse();
	}

	/** The publish context. Rejects while the volume is not attached here. */
	async #attachment({ driver, handle, specName }: CsiVolume): Promise<Record<string, string>> {
		const { api, nodeName } = this.#options;
		const name = `csi-${createHash("sha256").update(`${handle}${driver}${nodeName}`).digest("hex")}`;
		const answer = await api.request("GET", `/apis/storage.k8s.io/v1/volumeattachments/${name}`).catch(refusing({ specName }, "MountVolume.WaitForAttach"));
		// The node may not read what is not there.
		if (answer.code === 404 || answer.code === 403) throw new VolumeNotAttached();
		const { metadata, status } = bodyOf<VolumeAttachment>(answer);
		if (metadata.deletionTimestamp || status?.attached !== true) throw new VolumeNotAttached();
		return status.attachmentMetadata ?? {};
	}

	/** Where the volume is staged; undefined for a driver that does not stage. */
	async #stage(call: Call): Promise<string | undefined> {
		const { volume, can, data } = call;
		if (!volume.persistent || !can.has(NODE_CAPABILITY.stageUnstage)) return undefined;
		const staging = this.#paths.staging(data);
		if (this.#staged.has(staging)) return staging;
		const verb = volume.block ? "MapVolume.SetUpDevice" : "MountVolume.MountDevice";
		try {
			await mkdir(staging, { recursive: true, mode: 0o750 });
			await this.#options.drivers.call(volume.driver, CSI.nodeStageVolume, {
				volumeId: volume.handle,
				...(call.publishContext ? { publishContext: call.publishContext } : {}),
				stagingTargetPath: staging,
				volumeCapability: capabilityOf(volume, can, mountGroup(call)),
				secrets: await this.#secrets(call, "nodeStage"),
				volumeContext: volume.attributes,
			});
		} catch (error) {
			throw failure(volume, verb, rpcErrorText(error));
		}
		this.#staged.add(staging);
		return staging;
	}

	async #publish(call: Call, staging: string | undefined): Promise<MountedVolume> {
		const { volume, can, data, driver, context } = call;
		const path = this.#paths.target(data);
		try {
			const extras = await publishExtras(context, volume, driver);
			await mkdir(dirname(path), { recursive: true, mode: 0o750 });
			await this.#options.drivers.call(volume.driver, CSI.nodePublishVolume, {
				volumeId: volume.handle,
				...(call.publishContext ? { publishContext: call.publishContext } : {}),
				...(staging === undefined ? {} : { stagingTargetPath: staging }),
				targetPath: path,
				volumeCapability: capabilityOf(volume, can, mountGroup(call)),
				readonly: volume.readOnly,
				secrets: { ...(await this.#secrets(call, "nodePublish")), ...extras.secrets },
				volumeContext: extras.context,
			});
		} catch (error) {
			throw failure(volume, volume.block ? "MapVolume.SetUpDevice" : "MountVolume.SetUp", rpcErrorText(error));
		}
		const keepsGroup = volume.block || !takesGroup(volume, driver) || mountGroup(call) !== undefined;
		const published = { atMs: this.#options.clock.nowMs(), path, keepsGroup, volume, can };
		this.#published.set(path, published);
		return published;
	}

	async #expand(call: Call, staging: string | undefined): Promise<void> {
		const { volume, data, context } = call;
		const { volume: object } = volume.persistent as NonNullable<CsiVolume["persistent"]>;
		const wanted = object.spec?.capacity?.storage ?? "0";
		const verb = "MountVolume.NodeExpandVolume";
		try {
			if (call.can.has(NODE_CAPABILITY.expandVolume))
				await this.#options.drivers.call(volume.driver, CSI.nodeExpandVolume, {
					volumeId: volume.handle,
					volumePath: this.#paths.target(data),
					capacityRange: { requiredBytes: value(wanted) },
					...(staging === undefined ? {} : { stagingTargetPath: staging }),
					volumeCapability: capabilityOf(volume, call.can, undefined),
					secrets: await this.#secrets(call, "nodeExpand"),
				});
		} catch (error) {
			throw failure(volume, verb, `NodeExpandVolume.NodeExpandVolume failed: ${rpcErrorText(error)}`);
		}
		await context.claims.grown(context.pod, context.paths, object.spec?.claimRef?.name ?? "", wanted);
		context.events.record(
			context.pod,
			"Normal",
			"FileSystemResizeSuccessful",
			`${verb} succeeded for volume ${JSON.stringify(volume.specName)} ${this.#options.nodeName}`,
		);
	}

	#secrets({ context, volume }: Call, use: "nodeStage" | "nodePublish" | "nodeExpand"): Promise<Record<string, string>> {
		return secretsFor(context, this.#options.api, this.#options.nodeName, volume, use);
	}

	async #letGo(volume: PodVolume): Promise<void> {
		const { drivers } = this.#options;
		const target = this.#paths.target(volume);
		const what = volume.block ? "UnmapVolume.TearDownDevice" : "UnmountVolume.TearDown";
		try {
			if (await exists(target)) await drivers.call(volume.driverName, CSI.nodeUnpublishVolume, { volumeId: volume.volumeHandle, targetPath: target });
			if (await isMountPoint(target)) throw new Error(`the driver has left ${target} mounted`);
			this.#published.delete(target);
			await rm(target, { recursive: true, force: true });
			await this.#unstage(volume);
		} catch (error) {
			throw new Error(
				`${what} failed for volume ${JSON.stringify(volume.specVolID)} (UniqueName: ${JSON.stringify(uniqueName(volume))}) : ${rpcErrorText(error)}`,
			);
		}
		await rm(this.#paths.ofPod(volume), { recursive: true, force: true });
		this.#count(volume, -1);
	}

	/** When no other pod of the node has the volume. */
	async #unstage(volume: PodVolume): Promise<void> {
		if (volume.volumeLifecycleMode === "Ephemeral") return;
		const others = (await this.#paths.volumes()).filter((one) => uniqueName(one) === uniqueName(volume) && one.podUid !== volume.podUid);
		const staging = this.#paths.staging(volume);
		if (others.length > 0 || !(await exists(staging))) return;
		await this.#options.drivers.call(volume.driverName, CSI.nodeUnstageVolume, { volumeId: volume.volumeHandle, stagingTargetPath: staging });
		if (await isMountPoint(staging)) throw new Error(`the driver has left ${staging} mounted`);
		this.#staged.delete(staging);
		await rm(this.#paths.stagingParent(volume), { recursive: true, force: true });
	}
}

interface Call {
	context: VolumeContext;
	volume: CsiVolume;
	driver: CSIDriver | undefined;
	can: ReadonlySet<number>;
	data: PodVolume;
	publishContext: Record<string, string> | undefined;
}

const dataOf = ({ driver, handle, specName, block, persistent }: CsiVolume): VolumeData => ({
	driverName: driver,
	volumeHandle: handle,
	specVolID: specName,
	volumeLifecycleMode: persistent ? "Persistent" : "Ephemeral",
	block,
	attachable: persistent !== undefined,
});

/** The pod's group for a driver that mounts for one. */
const mountGroup = ({ context, can, driver, volume }: Call): number | undefined =>
	can.has(NODE_CAPABILITY.volumeMountGroup) && takesGroup(volume, driver) ? context.pod.spec?.securityContext?.fsGroup : undefined;

/** Whether the claim waits for its node to make the volume's file system as large as the volume. */
const isToGrow = ({ persistent }: CsiVolume): boolean =>
	persistent?.claim.status?.conditions?.some(({ type, status }) => type === "FileSystemResizePending" && status === "True") === true;

function checkMode({ driver, persistent, specName }: CsiVolume, object: CSIDriver | undefined): void {
	const mode = persistent ? "Persistent" : "Ephemeral";
	const modes = object?.spec.volumeLifecycleModes ?? ["Persistent"];
	if (modes.includes(mode)) return;
	throw failure(
		{ specName },
		"MountVolume.NewMounter initialization",
		object
			? `volume mode ${JSON.stringify(mode)} not supported by driver ${driver} (only supports ${JSON.stringify(modes)})`
			: `volume mode ${JSON.stringify(mode)} not supported by driver ${driver} (no CSIDriver object)`,
	);
}

const failure = ({ specName }: Pick<CsiVolume, "specName">, verb: string, why: string): MountFailure =>
	new MountFailure(`${verb} failed for volume ${JSON.stringify(specName)} : ${why}`);

const refusing =
	(volume: Pick<CsiVolume, "specName">, verb: string, what?: string) =>
	(error: unknown): never => {
		const text = rpcErrorText(error);
		throw failure(volume, verb, what === undefined ? text : `kubernetes.io/csi: mounter.SetUpAt ${what}: ${text}`);
	};

async function exists(path: string): Promise<boolean> {
	try {
		await stat(path);
		return true;
	} catch (error) {
		// A mount whose server has gone is there.
		return !isMissing(error);
	}
}

/** A directory that is used, or is not there, is left as it is. */
function whenKept(error: unknown): void {
	if (!isMissing(error) && (error as NodeJS.ErrnoException).code !== "ENOTEMPTY") throw error;
}
