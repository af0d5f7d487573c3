/** What a driver is told with a volume: how it is to be used, for whom, and with which secrets. */
import { createHash } from "node:crypto";
import type { Message } from "../../../core/codec/message.ts";
import { AGENT_PROTOCOL_VERSION, type VolumeSecretUse } from "../../../core/protocol/agent-protocol.ts";
import type {
	CSIDriver,
	CSIPersistentVolumeSource,
	CSIVolumeSource,
	PersistentVolume,
	PersistentVolumeClaim,
	Pod,
	Secret,
} from "../../../core/schema/kubernetes.d.ts";
import { type ApiClient, bodyOf } from "../../control-plane-client.ts";
import { errorText } from "../../log.ts";
import { requireSecret, secretBytes } from "../../object-source.ts";
import { podRef } from "../../pod-names.ts";
import type { VolumeContext } from "../volume.ts";
import { csiAccessMode, NODE_CAPABILITY } from "./csi-messages.ts";

/** The API's default of a token's life, in seconds. */
const DEFAULT_TOKEN_SECONDS = 3600;
const TOKENS = "csi.storage.k8s.io/serviceAccount.tokens";

/** A volume of a pod, with whatever says what it is. */
export interface CsiVolume {
	/** The volume's name: the PersistentVolume's, or the pod's own for an inline one. */
	specName: string;
	driver: string;
	handle: string;
	readOnly: boolean;
	fsType: string;
	attributes: Record<string, string>;
	accessModes: readonly string[];
	mountOptions: readonly string[];
	block: boolean;
	/** Absent for an inline volume. */
	persistent?: { volume: PersistentVolume; claim: PersistentVolumeClaim; source: CSIPersistentVolumeSource };
	/** Of an inline volume. */
	inlineSecret?: string;
}

export function inlineVolume(pod: Pod, name: string, source: CSIVolumeSource): CsiVolume {
	const handle = `csi-${createHash("sha256").update(`${pod.metadata.uid}${name}`).digest("hex")}`;
	return {
		specName: name,
		driver: source.driver,
		handle,
		readOnly: source.readOnly === true,
		fsType: source.fsType ?? "",
		attributes: source.volumeAttributes ?? {},
		accessModes: [],
		mountOptions: [],
		block: false,
		...(source.nodePublishSecretRef?.name ? { inlineSecret: source.nodePublishSecretRef.name } : {}),
	};
}

export function persistentVolume(volume: PersistentVolume, claim: PersistentVolumeClaim, readOnly: boolean): CsiVolume {
	const { spec, metadata } = volume;
	const source = spec?.csi as CSIPersistentVolumeSource;
	return {
		specName: metadata.name ?? "",
		driver: source.driver,
		handle: source.volumeHandle,
		readOnly: readOnly || source.readOnly === true,
		fsType: source.fsType ?? "",
		attributes: source.volumeAttributes ?? {},
		accessModes: spec?.accessModes ?? [],
		mountOptions: spec?.mountOptions ?? [],
		block: spec?.volumeMode === "Block",
		persistent: { volume, claim, source },
	};
}

export function capabilityOf(volume: CsiVolume, can: ReadonlySet<number>, mountGroup: number | undefined): Message {
	const mode = csiAccessMode(volume.accessModes[0] ?? "ReadWriteOnce", can.has(NODE_CAPABILITY.singleNodeMultiWriter));
	const mount = {
		...(volume.fsType ? { fsType: volume.fsType } : {}),
		...(volume.mountOptions.length > 0 ? { mountFlags: volume.mountOptions } : {}),
		...(mountGroup === undefined ? {} : { volumeMountGroup: String(mountGroup) }),
	};
	return { ...(volume.block ? { block: {} } : { mount }), accessMode: { mode } };
}

/** Whether the driver's volumes are given to the pod's group by chown (supportsFSGroup). */
export function takesGroup(volume: CsiVolume, driver: CSIDriver | undefined): boolean {
	const policy = driver?.spec.fsGroupPolicy ?? "ReadWriteOnceWithFSType";
	if (policy === "None" || volume.readOnly) return false;
	return policy === "File" || (volume.fsType !== "" && volume.accessModes.includes("ReadWriteOnce"));
}

export interface PublishExtras {
	context: Record<string, string>;
	secrets: Record<string, string>;
}

/** What a driver that asks for it is told of the pod, and its tokens. */
export async function publishExtras(context: VolumeContext, volume: CsiVolume, driver: CSIDriver | undefined): Promise<PublishExtras> {
	const { pod } = context;
	const ref = podRef(pod);
	const told: Record<string, string> = driver?.spec.podInfoOnMount
		? {
				"csi.storage.k8s.io/pod.name": ref.name,
				"csi.storage.k8s.io/pod.namespace": ref.namespace,
				"csi.storage.k8s.io/pod.uid": ref.uid,
				"csi.storage.k8s.io/serviceAccount.name": pod.spec?.serviceAccountName ?? "",
				"csi.storage.k8s.io/ephemeral": String(volume.persistent === undefined),
			}
		: {};
	const requests = driver?.spec.tokenRequests ?? [];
	if (requests.length === 0) return { context: { ...volume.attributes, ...told }, secrets: {} };
	const tokens: Record<string, unknown> = {};
	for (const { audience, expirationSeconds } of requests)
		tokens[audience] = await context.tokens.bound(pod, { audience: audience || undefined, expirationSeconds: expirationSeconds ?? DEFAULT_TOKEN_SECONDS });
	const bag = { [TOKENS]: JSON.stringify(tokens) };
	const inSecrets = driver?.spec.serviceAccountTokenInSecrets === true;
	return { context: { ...volume.attributes, ...told, ...(inSecrets ? {} : bag) }, secrets: inSecrets ? bag : {} };
}

const texts = (secret: Secret | undefined): Record<string, string> =>
	Object.fromEntries([...(secret ? secretBytes(secret) : [])].map(([key, bytes]) => [key, bytes.toString("utf8")]));

/** The Secret that a driver is given with a call. An inline volume's is the pod's; a PersistentVolume's may be of any namespace. */
export async function secretsFor(
	context: VolumeContext,
	api: ApiClient,
	nodeName: string,
	volume: CsiVolume,
	use: VolumeSecretUse,
): Promise<Record<string, string>> {
	const { source, volume: object } = volume.persistent ?? {};
	if (volume.inlineSecret !== undefined && use === "nodePublish")
		return texts(requireSecret(context.objects, podRef(context.pod).namespace, volume.inlineSecret, false));
	const ref = source?.[`${use}SecretRef`];
	if (!ref) return {};
	try {
		const path = `/agent/v1/nodes/${encodeURIComponent(nodeName)}/volume-secret`;
		return texts(bodyOf<Secret>(await api.request("POST", path, { version: AGENT_PROTOCOL_VERSION, volume: object?.metadata.name ?? "", use })));
	} catch (error) {
		const field = use === "nodePublish" ? "NodePublishSecretRef" : use === "nodeStage" ? "NodeStageSecretRef" : "NodeExpandSecretRef";
		throw new Error(`fetching ${field} ${ref.namespace}/${ref.name} failed: ${errorText(error)}`);
	}
}
