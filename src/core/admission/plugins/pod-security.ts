/** PodSecurity: holds pods to the level of the Pod Security Standards that their namespace's labels name (k8s.io/pod-security-admission). */
import { aggregateText } from "../../errors/field-error.ts";
import { invalidObject } from "../../errors/status-error.ts";
import { resourceOf } from "../../kinds/define-kind.ts";
import type { Container, Namespace, ObjectMeta, Pod, PodSpec } from "../../schema/kubernetes.d.ts";
import type { PodSecurityConfiguration } from "../configuration.ts";
import { type AdmissionPlugin, type AdmissionRequest, type AdmissionView, refuse } from "../plugin.ts";
import { detailsText, violationsOf } from "../pod-security/evaluate.ts";
import { isStricter, levelVersionText, type Mode, type Policy, policyOf, sameLevelVersion } from "../pod-security/policy.ts";

/** Of what the audit log is told. */
const ANNOTATION_PREFIX = "pod-security.kubernetes.io/";
const SECCOMP_POD_ANNOTATION = "seccomp.security.alpha.kubernetes.io/pod";
const SECCOMP_CONTAINER_PREFIX = "container.seccomp.security.alpha.kubernetes.io/";
/** Every other subresource of a pod is judged like the pod: it may write the spec. */
const IGNORED_POD_SUBRESOURCES: ReadonlySet<string> = new Set(["exec", "attach", "binding", "eviction", "log", "portforward", "proxy", "status"]);

const isPrivileged = (policy: Policy, modes: readonly Mode[]): boolean => modes.every((mode) => policy[mode].level === "privileged");

/** The policy without what it leaves free. */
const policyText = (policy: Policy): string =>
	(["enforce", "audit", "warn"] satisfies Mode[])
		.filter((mode) => policy[mode].level !== "privileged")
		.map((mode) => `${mode}=${levelVersionText(policy[mode])}`)
		.join(", ");

function warnOfExemption(request: AdmissionRequest, policy: Policy, { defaults }: PodSecurityConfiguration): void {
	const modes = ["enforce", "audit", "warn"] satisfies Mode[];
	if (isPrivileged(policy, modes) || modes.every((mode) => sameLevelVersion(policy[mode], defaults[mode]))) return;
	request.addWarning(`namespace "${request.object.metadata.name}" is exempt from Pod Security, and the policy (${policyText(policy)}) will be ignored`);
}

/** The labels must be readable; a stricter enforce level is held against the pods there are. */
function validateNamespace(request: AdmissionRequest, configuration: PodSecurityConfiguration): void {
	const { metadata } = request.object as Namespace;
	const name = metadata.name ?? "";
	const next = policyOf(metadata.labels, configuration.defaults);
	const old = request.old && policyOf(request.old.metadata.labels, configuration.defaults);
	if (next.errors.length > 0 && JSON.stringify(next.errors) !== JSON.stringify(old?.errors)) throw invalidObject("", "Namespace", name, next.errors);
	const exempt = configuration.exemptions.namespaces.includes(name);
	if (old === undefined) {
		if (exempt) warnOfExemption(request, next.policy, configuration);
		return;
	}
	const [enforce, before] = [next.policy.enforce, old.policy.enforce];
	const relaxed = enforce.version === before.version && !isStricter(enforce.level, before.level);
	if (sameLevelVersion(enforce, before) || enforce.level === "privileged" || relaxed) return;
	if (exempt) warnOfExemption(request, next.policy, configuration);
	else request.followUp({ type: "existingPods", namespace: name, enforce });
}

function containerChanged(next: Container, old: Container | undefined, annotation: (key: string) => boolean): boolean {
	return old === undefined || next.image !== old.image || annotation(SECCOMP_CONTAINER_PREFIX + next.name);
}

/** Images and seccomp annotations are what an update may change of what is judged. */
function isSignificant(next: Pod, old: Pod): boolean {
	const annotation = (key: string): boolean => next.metadata.annotations?.[key] !== old.metadata.annotations?.[key];
	if (annotation(SECCOMP_POD_ANNOTATION)) return true;
	for (const list of ["containers", "initContainers"] as const) {
		const [mine, theirs] = [next.spec?.[list] ?? [], old.spec?.[list] ?? []];
		if (mine.length !== theirs.length || mine.some((container, index) => containerChanged(container, theirs[index], annotation))) return true;
	}
	const before = old.spec?.ephemeralContainers ?? [];
	const sameName = (name: string) => before.find((container) => container.name === name) as Container | undefined;
	return (next.spec?.ephemeralContainers ?? []).some((container) => containerChanged(container as Container, sameName(container.name), annotation));
}

interface Judged {
	metadata: ObjectMeta | undefined;
	spec: PodSpec;
	/** A pod is refused; what makes pods is only warned of. */
	enforced: boolean;
}

/** What is to be judged of the request; undefined for what runs nothing, or nothing new. */
function judgedPart(request: AdmissionRequest): Judged | undefined {
	if (resourceOf(request.kind) !== "pods") {
		const template = request.subresource === "" ? request.kind.podTemplate?.(request.object) : undefined;
		return template?.spec && { metadata: template.metadata, spec: template.spec, enforced: false };
	}
	const pod = request.object as Pod;
	if (pod.spec === undefined || IGNORED_POD_SUBRESOURCES.has(request.subresource)) return undefined;
	if (request.operation === "UPDATE" && request.old && !isSignificant(pod, request.old as Pod)) return undefined;
	return { metadata: pod.metadata, spec: pod.spec, enforced: true };
}

function judge(request: AdmissionRequest, { metadata, spec, enforced }: Judged, policy: Policy): void {
	const { enforce, audit, warn } = policy;
	if (enforced) request.annotate?.(`${ANNOTATION_PREFIX}enforce-policy`, levelVersionText(enforce));
	const found = enforced ? violationsOf(enforce, metadata, spec) : [];
	if (request.annotate !== undefined) {
		const audited = violationsOf(audit, metadata, spec);
		if (audited.length > 0)
			request.annotate(`${ANNOTATION_PREFIX}audit-violations`, `would violate PodSecurity ${JSON.stringify(levelVersionText(audit))}: ${detailsText(audited)}`);
	}
	if (found.length > 0) throw refuse(request, `violates PodSecurity "${levelVersionText(enforce)}": ${detailsText(found)}`);
	const warned = violationsOf(warn, metadata, spec);
	if (warned.length > 0) request.addWarning(`would violate PodSecurity "${levelVersionText(warn)}": ${detailsText(warned)}`);
}

export const podSecurity: AdmissionPlugin = {
	name: "PodSecurity",
	resources: "*",
	operations: ["CREATE", "UPDATE"],
	subresources: "*",
	validate(request: AdmissionRequest, view: AdmissionView): void {
		const configuration = view.configuration.podSecurity;
		if (resourceOf(request.kind) === "namespaces") {
			if (request.subresource === "") validateNamespace(request, configuration);
			return;
		}
		const judged = judgedPart(request);
		if (judged === undefined) return;
		const { namespaces, usernames, runtimeClasses } = configuration.exemptions;
		const exemption = namespaces.includes(request.namespace)
			? "namespace"
			: usernames.includes(request.user.name)
				? "user"
				: runtimeClasses.includes(judged.spec.runtimeClassName ?? "")
					? "runtimeClass"
					: undefined;
		if (exemption !== undefined) return request.annotate?.(`${ANNOTATION_PREFIX}exempt`, exemption);
		const { policy, errors } = policyOf(view.namespaceObject()?.metadata.labels, configuration.defaults);
		if (errors.length > 0) request.annotate?.(`${ANNOTATION_PREFIX}error`, `Failed to parse policy: ${aggregateText(errors)}`);
		judge(request, judged, policy);
	},
};
