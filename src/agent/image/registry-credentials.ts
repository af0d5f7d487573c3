/** Credentials for an image's registry, out of a pod's imagePullSecrets, after kubelet's keyring (k8s.io/kubernetes/pkg/credentialprovider). */
import type { Pod, Secret } from "../../core/schema/kubernetes.d.ts";
import type { ObjectSource } from "../object-source.ts";

export interface RegistryCredential {
	username: string;
	password: string;
	/** The node's own, for all its pods; else of the pod's own Secret. */
	ofNode?: boolean;
}

const DEFAULT_REGISTRY = "docker.io";

/** Host, port and path of an image, without tag and digest. */
export function imageLocation(ref: string): { host: string; port: string; path: string } {
	const name = ref.replace(/@.*$/, "").replace(/:[^/:]*$/, "");
	const [first = "", ...rest] = name.split("/");
	const isHost = rest.length > 0 && /[.:]|^localhost$/.test(first);
	const [host = "", port = ""] = (isHost ? first : DEFAULT_REGISTRY).split(":");
	return { host, port, path: isHost ? rest.join("/") : name };
}

/** One part of a host, in which * stands for any characters. */
const partMatches = (pattern: string, part: string): boolean =>
	new RegExp(
		`^${pattern
			.replace(/[.+^${}()|[\]\\]/g, "\\$&")
			.replaceAll("*", ".*")
			.replaceAll("?", ".")}$`,
	).test(part);

/** Whether a registry's address, with or without a path and with * in parts of its host, is an image's. */
export function matchesImage(pattern: string, ref: string): boolean {
	const [address = "", ...pathParts] = pattern.replace(/^https?:\/\//, "").split("/");
	const [given = "", port = ""] = address.split(":");
	const host = given === "index.docker.io" ? DEFAULT_REGISTRY : given;
	// The first version of the registry's protocol, and the second, are how the default registry is written.
	const path = pathParts.join("/").replace(/^v[12]\/?$/, "");
	const image = imageLocation(ref);
	const [patternParts, hostParts] = [host.split("."), image.host.split(".")];
	if (port !== image.port || patternParts.length !== hostParts.length) return false;
	return patternParts.every((part, index) => partMatches(part, hostParts[index] ?? "")) && image.path.startsWith(path);
}

type DockerAuths = Record<string, { username?: string; password?: string; auth?: string }>;

/** Of entries those that fit the image, the most specific first. */
export function fitting<T>(entries: Readonly<Record<string, T>>, ref: string): T[] {
	const names = Object.keys(entries).filter((pattern) => matchesImage(pattern, ref));
	return names
		.sort()
		.reverse()
		.map((name) => entries[name] as T);
}

/** In the order of the pod's Secrets. */
export function podCredentials(ref: string, pod: Pod, objects: ObjectSource): RegistryCredential[] {
	return (pod.spec?.imagePullSecrets ?? []).flatMap(({ name }) => {
		const secret = objects.secret(pod.metadata.namespace ?? "", name ?? "");
		return fitting((secret && authsOf(secret)) ?? {}, ref).flatMap((entry) => {
			const [user = "", ...rest] = Buffer.from(entry.auth ?? "", "base64")
				.toString("utf8")
				.split(":");
			const username = entry.username ?? user;
			return username ? [{ username, password: entry.password ?? rest.join(":") }] : [];
		});
	});
}

function authsOf(secret: Secret): DockerAuths | undefined {
	const encoded = secret.data?.[".dockerconfigjson"] ?? secret.data?.[".dockercfg"];
	if (!encoded) return undefined;
	try {
		const parsed = JSON.parse(Buffer.from(encoded, "base64").toString("utf8")) as { auths?: DockerAuths } & DockerAuths;
		return parsed.auths ?? parsed;
	} catch {
		// A Secret that is no JSON holds no credential; the pull then says what the registry says.
		return undefined;
	}
}
