/**
 * Image references as distribution/reference normalises them: `busybox` is `docker.io/library/busybox:latest`.
 * Both runtimes store images under the normalised name, so a short name in a pod finds what was imported.
 */
import { RuntimeError } from "../runtime/runtime.ts";

const DEFAULT_REGISTRY = "docker.io";
const DEFAULT_TAG = "latest";
const REPOSITORY = /^[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*(?:\/[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*)*$/;
const REGISTRY = /^(?:[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?(?:\.[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?)*|\[[a-fA-F0-9:]+\])(?::[0-9]+)?$/;
const TAG = /^[\w][\w.-]{0,127}$/;
const DIGEST = /^[a-z0-9]+(?:[.+_-][a-z0-9]+)*:[0-9a-fA-F]{32,}$/;
const REPOSITORY_LENGTH_MAX = 255;

export interface ImageReference {
	registry: string;
	repository: string;
	/** Empty when only a digest was given. */
	tag: string;
	/** Empty without one. */
	digest: string;
	/** registry/repository[:tag][@digest] */
	canonical: string;
}

function invalid(ref: string): RuntimeError {
	return new RuntimeError("InvalidImageName", `Failed to apply default image tag "${ref}": couldn't parse image name "${ref}": invalid reference format`);
}

function splitRegistry(name: string): [registry: string, repository: string] {
	const slash = name.indexOf("/");
	const first = slash < 0 ? "" : name.slice(0, slash);
	const isRegistry = first !== "" && (/[.:[]/.test(first) || first === "localhost" || first !== first.toLowerCase());
	const registry = isRegistry ? (first === "index.docker.io" ? DEFAULT_REGISTRY : first) : DEFAULT_REGISTRY;
	const repository = isRegistry ? name.slice(slash + 1) : name;
	return [registry, registry === DEFAULT_REGISTRY && !repository.includes("/") ? `library/${repository}` : repository];
}

/** Throws a RuntimeError (InvalidImageName) for what is no image reference. */
export function parseImageRef(ref: string): ImageReference {
	const at = ref.indexOf("@");
	const digest = at < 0 ? "" : ref.slice(at + 1);
	const named = at < 0 ? ref : ref.slice(0, at);
	const colon = named.lastIndexOf(":");
	const tagged = colon > named.lastIndexOf("/");
	const [registry, repository] = splitRegistry(tagged ? named.slice(0, colon) : named);
	const tag = tagged ? named.slice(colon + 1) : digest === "" ? DEFAULT_TAG : "";
	const sound =
		REGISTRY.test(registry) &&
		REPOSITORY.test(repository) &&
		repository.length <= REPOSITORY_LENGTH_MAX &&
		(tag === "" ? !tagged : TAG.test(tag)) &&
		(at < 0 || DIGEST.test(digest));
	if (!sound) throw invalid(ref);
	const canonical = `${registry}/${repository}${tag === "" ? "" : `:${tag}`}${digest === "" ? "" : `@${digest}`}`;
	return { registry, repository, tag, digest, canonical };
}

/** The name under which a runtime stores what `ref` means. */
export function normalizeImageRef(ref: string): string {
	return parseImageRef(ref).canonical;
}
