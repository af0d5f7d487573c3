/** ServiceAccount: gives each pod its account, the account's pull secrets, and the volume with the account's token. */
import type { Container, Pod, PodSpec, ServiceAccount, Volume } from "../../schema/kubernetes.d.ts";
import { type AdmissionPlugin, type AdmissionRequest, type AdmissionView, refuse } from "../plugin.ts";

const DEFAULT_ACCOUNT = "default";
const TOKEN_MOUNT_PATH = "/var/run/secrets/kubernetes.io/serviceaccount";
const TOKEN_VOLUME_PREFIX = "kube-api-access-";
const TOKEN_VOLUME_SUFFIX_LENGTH = 5;
/** An hour, and the seven seconds by which the kubelet tells that upstream added the volume. */
const TOKEN_EXPIRATION_SECONDS = 3607;
/** 0644. */
const TOKEN_FILE_MODE = 420;
const MIRROR_ANNOTATION = "kubernetes.io/config.mirror";

const tokenVolume = (name: string): Volume => ({
	name,
	projected: {
		sources: [
			{ serviceAccountToken: { expirationSeconds: TOKEN_EXPIRATION_SECONDS, path: "token" } },
			{ configMap: { name: "kube-root-ca.crt", items: [{ key: "ca.crt", path: "ca.crt" }] } },
			{ downwardAPI: { items: [{ path: "namespace", fieldRef: { apiVersion: "v1", fieldPath: "metadata.namespace" } }] } },
		],
		defaultMode: TOKEN_FILE_MODE,
	},
});

function mountToken(spec: PodSpec, suffix: (length: number) => string): void {
	const existing = spec.volumes?.find((volume) => volume.name.startsWith(TOKEN_VOLUME_PREFIX));
	const withoutToken = (container: Container): boolean => !container.volumeMounts?.some((mount) => mount.mountPath === TOKEN_MOUNT_PATH);
	const containers = [...(spec.initContainers ?? []), ...spec.containers].filter(withoutToken);
	if (containers.length === 0) return;
	const name = existing?.name ?? TOKEN_VOLUME_PREFIX + suffix(TOKEN_VOLUME_SUFFIX_LENGTH);
	for (const container of containers) container.volumeMounts = [...(container.volumeMounts ?? []), { name, readOnly: true, mountPath: TOKEN_MOUNT_PATH }];
	if (existing === undefined) spec.volumes = [...(spec.volumes ?? []), tokenVolume(name)];
}

/** The pod that stands for a node's static pod refers to nothing of the API's. */
function checkMirrorPod(request: AdmissionRequest, spec: PodSpec): void {
	if (spec.serviceAccountName) throw refuse(request, "a mirror pod may not reference service accounts");
	if (spec.volumes?.some((volume) => volume.projected?.sources?.some((source) => source.serviceAccountToken))) {
		throw refuse(request, "a mirror pod may not use ServiceAccountToken volume projections");
	}
	if (spec.volumes?.some((volume) => volume.secret)) throw refuse(request, "a mirror pod may not reference secrets");
}

function fill(request: AdmissionRequest, spec: PodSpec, view: AdmissionView): void {
	const name = spec.serviceAccountName || spec.serviceAccount || DEFAULT_ACCOUNT;
	spec.serviceAccountName = name;
	spec.serviceAccount = name;
	const account = view.get<ServiceAccount>("serviceaccounts", name);
	if (account === undefined) {
		throw refuse(request, `error looking up service account ${request.namespace}/${name}: serviceaccount ${JSON.stringify(name)} not found`);
	}
	if (spec.automountServiceAccountToken ?? account.automountServiceAccountToken ?? true) mountToken(spec, request.ctx.suffix);
	if ((spec.imagePullSecrets ?? []).length === 0 && account.imagePullSecrets && account.imagePullSecrets.length > 0) {
		spec.imagePullSecrets = account.imagePullSecrets.map((secret) => ({ ...secret }));
	}
}

export const serviceAccount: AdmissionPlugin = {
	name: "ServiceAccount",
	resources: ["pods"],
	operations: ["CREATE"],
	mutate(request, view) {
		const pod = request.object as Pod;
		if (pod.spec === undefined) return;
		if (pod.metadata.annotations?.[MIRROR_ANNOTATION] !== undefined) checkMirrorPod(request, pod.spec);
		else fill(request, pod.spec, view);
	},
};
