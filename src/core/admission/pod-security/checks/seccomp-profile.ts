/** seccompProfile: baseline lets nobody switch seccomp off, restricted wants a profile named. */
import type { SeccompProfile } from "../../../schema/kubernetes.d.ts";
import { type Check, containersOf, containersText, isWindows, type JudgedPod, namesOf, plural, quotedSet, settersText, type Violation } from "../check.ts";

const POD_ANNOTATION = "seccomp.security.alpha.kubernetes.io/pod";
const CONTAINER_ANNOTATION_PREFIX = "container.seccomp.security.alpha.kubernetes.io/";
const REASON = "seccompProfile";

const isAllowed = ({ type }: SeccompProfile): boolean => type === "RuntimeDefault" || type === "Localhost";
const isAllowedAnnotation = (value: string): boolean => value === "runtime/default" || value === "docker/default" || value.startsWith("localhost/");

/** Before the field there were annotations. */
function judgeAnnotations({ annotations, spec }: JudgedPod): Violation | undefined {
	const keys = [POD_ANNOTATION, ...containersOf(spec).map(({ name }) => CONTAINER_ANNOTATION_PREFIX + name)];
	const bad = [...new Set(keys)].filter((key) => Object.hasOwn(annotations, key) && !isAllowedAnnotation(annotations[key] ?? ""));
	if (bad.length === 0) return undefined;
	const texts = bad.map((key) => `${key}=${JSON.stringify(annotations[key])}`).sort();
	return { reason: REASON, detail: `forbidden ${plural(bad.length, "annotation")} ${texts.join(", ")}` };
}

function judgeBaseline({ spec }: JudgedPod): Violation | undefined {
	const isBad = (profile: SeccompProfile | undefined): profile is SeccompProfile => profile !== undefined && !isAllowed(profile);
	const ofPod = spec.securityContext?.seccompProfile;
	const containers = containersOf(spec).filter(({ securityContext }) => isBad(securityContext?.seccompProfile));
	const bad = [ofPod, ...containers.map(({ securityContext }) => securityContext?.seccompProfile)].filter(isBad);
	if (bad.length === 0) return undefined;
	const setters = settersText(
		isBad(ofPod),
		containers.map(({ name }) => name),
	);
	return { reason: REASON, detail: `${setters} must not set securityContext.seccompProfile.type to ${quotedSet(bad.map(({ type }) => type))}` };
}

function judgeRestricted(pod: JudgedPod): Violation | undefined {
	const explicit = judgeBaseline(pod);
	if (explicit || pod.spec.securityContext?.seccompProfile) return explicit;
	const names = namesOf(pod.spec, ({ securityContext }) => !securityContext?.seccompProfile);
	if (names.length === 0) return undefined;
	return { reason: REASON, detail: `pod or ${containersText(names)} must set securityContext.seccompProfile.type to "RuntimeDefault" or "Localhost"` };
}

export const seccompProfileBaseline: Check = {
	id: "seccompProfile_baseline",
	level: "baseline",
	versions: [
		{ since: 0, judge: judgeAnnotations },
		{ since: 19, judge: judgeBaseline },
	],
};

export const seccompProfileRestricted: Check = {
	id: "seccompProfile_restricted",
	level: "restricted",
	versions: [
		{ since: 19, judge: judgeRestricted },
		{ since: 25, judge: (pod) => (isWindows(pod.spec) ? undefined : judgeRestricted(pod)) },
	],
	overrides: seccompProfileBaseline.id,
};
