/** What one check of the Pod Security Standards is, and what the checks share (k8s.io/pod-security-admission/policy). */
import type { Container, EphemeralContainer, PodSpec } from "../../schema/kubernetes.d.ts";

export interface Violation {
	/** "host ports" */
	reason: string;
	/** The values that are refused: shown with a single object, left out when many pods are judged. */
	detail: string;
}

export interface JudgedPod {
	annotations: Readonly<Record<string, string>>;
	spec: PodSpec;
}

export interface Check {
	/** Upstream's: violations are told in the order of level and id. */
	id: string;
	level: "baseline" | "restricted";
	/** By the minor version from which each form applies, oldest first. */
	versions: readonly { since: number; judge(pod: JudgedPod): Violation | undefined }[];
	/** The baseline check that this one makes superfluous. */
	overrides?: string;
}

export type AnyContainer = Container | EphemeralContainer;

export const containersOf = (spec: PodSpec): AnyContainer[] => [...(spec.initContainers ?? []), ...spec.containers, ...(spec.ephemeralContainers ?? [])];

/** The names of the containers of which `isBad` is true. */
export const namesOf = (spec: PodSpec, isBad: (container: AnyContainer) => boolean): string[] =>
	containersOf(spec)
		.filter(isBad)
		.map(({ name }) => name);

export const quoted = (items: readonly string[]): string => items.map((item) => `"${item}"`).join(", ");
/** Each once, in order, quoted. */
export const quotedSet = (items: Iterable<string>): string => quoted([...new Set(items)].sort());
export const plural = (count: number, one: string, many = `${one}s`): string => (count === 1 ? one : many);
/** `container "a"`, `containers "a", "b"` */
export const containersText = (names: readonly string[]): string => `${plural(names.length, "container")} ${quoted(names)}`;

/** Who set a value that is refused: the pod, its containers, or both. */
export const settersText = (byPod: boolean, containers: readonly string[]): string =>
	[...(byPod ? ["pod"] : []), ...(containers.length > 0 ? [containersText(containers)] : [])].join(" and ");

/** Inside a user namespace root is nobody outside. */
export const isInUserNamespace = (spec: PodSpec): boolean => spec.hostUsers === false;
export const isWindows = (spec: PodSpec): boolean => spec.os?.name === "windows";
