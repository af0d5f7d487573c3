/** Rules between two versions of a pod: ValidatePodUpdate and its subresources' kin in pkg/apis/core/validation. */
import { type FieldError, forbidden, invalid } from "../errors/field-error.ts";
import { semanticEqual } from "../meta/equality.ts";
import { rangeError } from "../meta/name-rules.ts";
import type { Container, Pod, PodSpec, Toleration } from "../schema/kubernetes.d.ts";
import { changedPaths } from "./object-difference.ts";
import { qosClassOf } from "./qos.ts";
import { cloneJson } from "../meta/clone.ts";

const INT32_MAX = 2_147_483_647;
const UPDATABLE = [
	"`spec.containers[*].image`",
	"`spec.initContainers[*].image`",
	"`spec.activeDeadlineSeconds`",
	"`spec.tolerations` (only additions to existing tolerations)",
	"`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)",
].join(",");
const LISTS = ["containers", "initContainers"] as const;
const RESIZABLE = ["cpu", "memory"];

function validateDeadline(next: PodSpec, old: PodSpec): FieldError[] {
	const path = "spec.activeDeadlineSeconds";
	const value = next.activeDeadlineSeconds;
	if (value === undefined) {
		return old.activeDeadlineSeconds === undefined ? [] : [invalid(path, null, "must not update from a positive integer to nil value")];
	}
	if (value < 0 || value > INT32_MAX) return [invalid(path, value, rangeError(0, INT32_MAX))];
	if (old.activeDeadlineSeconds !== undefined && old.activeDeadlineSeconds < value) {
		return [invalid(path, value, "must be less than or equal to previous value")];
	}
	return [];
}

/** Each old toleration is still there, but for its seconds. */
function validateTolerations(next: readonly Toleration[], old: readonly Toleration[]): FieldError[] {
	const bare = ({ tolerationSeconds: _, ...rest }: Toleration): Omit<Toleration, "tolerationSeconds"> => rest;
	const kept = old.every((toleration) => next.some((candidate) => semanticEqual(bare(candidate), bare(toleration))));
	return kept ? [] : [forbidden("spec.tolerations", "existing toleration can not be modified except its tolerationSeconds")];
}

function validateGates(next: PodSpec, old: PodSpec): FieldError[] {
	const known = new Set((old.schedulingGates ?? []).map((gate) => gate.name));
	const added = (next.schedulingGates ?? []).find((gate) => !known.has(gate.name));
	return added ? [forbidden("spec.schedulingGates", `only deletion is allowed, but found new scheduling gate '${added.name}'`)] : [];
}

/** `next` with everything that may change put back to what it was. */
function withOldMutableFields(next: PodSpec, old: PodSpec): PodSpec {
	const munged = cloneJson(next);
	for (const list of LISTS) {
		for (const [index, container] of (munged[list] ?? []).entries()) {
			const before = old[list]?.[index];
			if (before?.image !== undefined) container.image = before.image;
		}
	}
	munged.activeDeadlineSeconds = old.activeDeadlineSeconds;
	munged.tolerations = old.tolerations;
	munged.schedulingGates = old.schedulingGates;
	if ((old.terminationGracePeriodSeconds ?? 0) < 0 && next.terminationGracePeriodSeconds === 1) {
		munged.terminationGracePeriodSeconds = old.terminationGracePeriodSeconds;
	}
	if ((old.schedulingGates?.length ?? 0) > 0) mungeGated(munged, old);
	return munged;
}

/** A gated pod's node selector may still be narrowed: KEP-3838. */
function mungeGated(munged: PodSpec, old: PodSpec): void {
	const added = Object.entries(old.nodeSelector ?? {}).every(([key, value]) => munged.nodeSelector?.[key] === value);
	if (added) munged.nodeSelector = old.nodeSelector;
	const oldTerms = old.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms;
	const nextAffinity = munged.affinity?.nodeAffinity;
	const nextTerms = nextAffinity?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms;
	const narrowed =
		!oldTerms ||
		(nextTerms?.length === oldTerms.length &&
			oldTerms.every((term, index) =>
				(["matchExpressions", "matchFields"] as const).every((field) =>
					(term[field] ?? []).every((e) => nextTerms[index]?.[field]?.some((candidate) => semanticEqual(candidate, e))),
				),
			));
	if (!narrowed || !nextAffinity) return;
	const rest = { ...nextAffinity, requiredDuringSchedulingIgnoredDuringExecution: old.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution };
	rest.preferredDuringSchedulingIgnoredDuringExecution = old.affinity?.nodeAffinity?.preferredDuringSchedulingIgnoredDuringExecution;
	munged.affinity = old.affinity === undefined ? undefined : { ...munged.affinity, nodeAffinity: old.affinity.nodeAffinity && rest };
}

export function validatePodUpdate(next: Pod, old: Pod): FieldError[] {
	const spec = next.spec;
	const before = old.spec;
	if (!spec || !before) return [];
	for (const list of LISTS) {
		if ((spec[list] ?? []).length !== (before[list] ?? []).length) return [forbidden(`spec.${list}`, "pod updates may not add or remove containers")];
	}
	const errors = [...validateDeadline(spec, before), ...validateTolerations(spec.tolerations ?? [], before.tolerations ?? []), ...validateGates(spec, before)];
	const munged = withOldMutableFields(spec, before);
	if (semanticEqual(munged, before)) return errors;
	return [...errors, forbidden("spec", `pod updates may not change fields other than ${UPDATABLE}\n${changedPaths(before, munged, "spec")}`)];
}

/** A container that has ended does not run again where the restart policy forbids it: ValidateContainerStateTransition. */
function validateTransitions(field: "containerStatuses" | "initContainerStatuses", next: Pod, old: Pod): FieldError[] {
	const spec = old.spec;
	const list = field === "containerStatuses" ? spec?.containers : spec?.initContainers;
	const errors: FieldError[] = [];
	for (const before of old.status?.[field] ?? []) {
		const ended = before.state?.terminated;
		const index = next.status?.[field]?.findIndex((status) => status.name === before.name) ?? -1;
		const container = list?.find((c) => c.name === before.name);
		if (!ended || index < 0 || container?.restartPolicy !== undefined) continue;
		const mayRestart = spec?.restartPolicy === "Always" || (spec?.restartPolicy === "OnFailure" && ended.exitCode !== 0);
		const initMayRestart = field === "initContainerStatuses" && spec?.restartPolicy !== "Never" && ended.exitCode !== 0;
		if (field === "initContainerStatuses" ? initMayRestart || spec?.restartPolicy === "Always" : mayRestart) continue;
		if (!next.status?.[field]?.[index]?.state?.terminated) {
			errors.push(forbidden(`status.${field}[${index}].state`, "may not be transitioned to non-terminated state"));
		}
	}
	return errors;
}

/** Whether a container may have all of the pod's run again, ended ones among them (KEP-5532). */
const mayRestartAll = ({ containers = [], initContainers = [] }: Partial<PodSpec>): boolean =>
	[...containers, ...initContainers].some(({ restartPolicyRules = [] }) => restartPolicyRules.some(({ action }) => action === "RestartAllContainers"));

/** ValidatePodStatusUpdate: the node is bound by the binding subresource alone; an ended container stays so. */
export function validatePodStatusUpdate(next: Pod, old: Pod): FieldError[] {
	const errors: FieldError[] = [];
	if ((next.spec?.nodeName ?? "") !== (old.spec?.nodeName ?? "")) errors.push(forbidden("status.nodeName", "may not be changed directly"));
	if (old.spec?.restartPolicy === "Always" || mayRestartAll(old.spec ?? {})) return errors;
	return [...errors, ...validateTransitions("containerStatuses", next, old), ...validateTransitions("initContainerStatuses", next, old)];
}

/** Ephemeral containers are only ever added: ValidatePodEphemeralContainersUpdate. */
export function validateEphemeralContainersUpdate(next: Pod, old: Pod): FieldError[] {
	const path = "spec.ephemeralContainers";
	const errors: FieldError[] = [];
	for (const before of old.spec?.ephemeralContainers ?? []) {
		const after = next.spec?.ephemeralContainers?.find((c) => c.name === before.name);
		const name = JSON.stringify(before.name);
		if (!after) errors.push(forbidden(path, `existing ephemeral containers ${name} may not be removed\n`));
		else if (!semanticEqual(after, before)) {
			errors.push(forbidden(path, `existing ephemeral containers ${name} may not be changed\n${changedPaths(before, after, path)}`));
		}
	}
	return errors;
}

const withoutResizable = (container: Container): unknown => {
	const drop = (list: Record<string, string> | undefined): Record<string, string> =>
		Object.fromEntries(Object.entries(list ?? {}).filter(([name]) => !RESIZABLE.includes(name)));
	const { limits, requests, ...rest } = container.resources ?? {};
	return { ...container, resources: { ...rest, limits: drop(limits), requests: drop(requests) } };
};

/** ValidatePodResize: KEP-1287. */
export function validatePodResize(next: Pod, old: Pod): FieldError[] {
	const errors: FieldError[] = [];
	if (qosClassOf(next) !== (old.status?.qosClass ?? qosClassOf(old))) {
		errors.push(invalid("spec", qosClassOf(next), "Pod QOS Class may not change as a result of resizing"));
	}
	for (const list of LISTS) {
		for (const [index, after] of (next.spec?.[list] ?? []).entries()) {
			const before = old.spec?.[list]?.[index];
			if (!before) continue;
			const at = `spec.${list}[${index}]`;
			if (!semanticEqual(withoutResizable(after), withoutResizable(before))) errors.push(forbidden("spec", "only cpu and memory resources are mutable"));
			for (const field of ["limits", "requests"] as const) {
				for (const name of Object.keys(before.resources?.[field] ?? {})) {
					if (after.resources?.[field]?.[name] === undefined) errors.push(forbidden(`${at}.resources.${field}`, `resource ${field} cannot be removed`));
				}
			}
		}
	}
	return errors;
}
