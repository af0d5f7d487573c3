import type { Pod, ServiceAccountTokenProjection, VolumeProjection } from "../../core/schema/kubernetes.d.ts";
import { configMapBytes, requireConfigMap, requireSecret, secretBytes } from "../object-source.ts";
import { writeVolumeFiles } from "./atomic-writer.ts";
import { downwardFiles } from "./downward-api.ts";
import { DEFAULT_FILE_MODE, keyFiles } from "./key-files.ts";
import type { VolumeContext, VolumeFile, VolumeSetUp } from "./volume.ts";

/** The API's default of a token's life, in seconds. */
const DEFAULT_TOKEN_SECONDS = 3600;

export const setUpProjected: VolumeSetUp = async (context, volume, directory) => {
	const source = volume.projected ?? {};
	const mode = source.defaultMode ?? DEFAULT_FILE_MODE;
	const files = new Map<string, VolumeFile>();
	for (const projection of source.sources ?? []) for (const [path, file] of await projectionFiles(context, projection, mode)) files.set(path, file);
	await writeVolumeFiles(directory, files);
	return directory;
};

async function projectionFiles(context: VolumeContext, projection: VolumeProjection, mode: number): Promise<Map<string, VolumeFile>> {
	const { pod, objects, facts } = context;
	const namespace = pod.metadata.namespace ?? "";
	if (projection.configMap) {
		const { name = "", items, optional } = projection.configMap;
		const found = requireConfigMap(objects, namespace, name, optional);
		return keyFiles(found ? configMapBytes(found) : new Map(), items, mode, optional, "config");
	}
	if (projection.secret) {
		const { name = "", items, optional } = projection.secret;
		const found = requireSecret(objects, namespace, name, optional);
		return keyFiles(found ? secretBytes(found) : new Map(), items, mode, optional, "secret");
	}
	if (projection.downwardAPI) return downwardFiles(pod, facts, projection.downwardAPI.items ?? [], mode);
	if (projection.serviceAccountToken) return tokenFile(context, projection.serviceAccountToken, mode);
	throw new Error("this kind of projected volume source is not supported");
}

async function tokenFile(context: VolumeContext, projection: ServiceAccountTokenProjection, mode: number): Promise<Map<string, VolumeFile>> {
	const token = await context.tokens.token(context.pod, {
		audience: projection.audience,
		expirationSeconds: projection.expirationSeconds ?? DEFAULT_TOKEN_SECONDS,
	});
	return new Map([[projection.path, { content: Buffer.from(token), mode: tokenMode(context.pod, mode) }]]);
}

/** Kubelet narrows a token to its owner: 0600 when all containers run as one user, group-readable with fsGroup. */
function tokenMode(pod: Pod, mode: number): number {
	if (pod.spec?.securityContext?.fsGroup !== undefined) return 0o640;
	const users = new Set((pod.spec?.containers ?? []).map((c) => c.securityContext?.runAsUser ?? pod.spec?.securityContext?.runAsUser));
	return users.size === 1 && !users.has(undefined) && [...users][0] === process.getuid?.() ? 0o600 : mode;
}
