/** Judges a pod by a level and version of the Pod Security Standards (k8s.io/pod-security-admission/policy/registry.go). */
import type { ObjectMeta, PodSpec } from "../../schema/kubernetes.d.ts";
import type { Check, JudgedPod, Violation } from "./check.ts";
import { allowPrivilegeEscalation } from "./checks/allow-privilege-escalation.ts";
import { appArmorProfile } from "./checks/app-armor-profile.ts";
import { capabilitiesBaseline } from "./checks/capabilities-baseline.ts";
import { capabilitiesRestricted } from "./checks/capabilities-restricted.ts";
import { hostNamespaces } from "./checks/host-namespaces.ts";
import { hostPathVolumes } from "./checks/host-path-volumes.ts";
import { hostPorts } from "./checks/host-ports.ts";
import { hostProbesAndHostLifecycle } from "./checks/host-probes-and-host-lifecycle.ts";
import { privileged } from "./checks/privileged.ts";
import { procMountBaseline, procMountRestricted } from "./checks/proc-mount.ts";
import { restrictedVolumes } from "./checks/restricted-volumes.ts";
import { runAsNonRoot } from "./checks/run-as-non-root.ts";
import { runAsUser } from "./checks/run-as-user.ts";
import { seLinuxOptions } from "./checks/se-linux-options.ts";
import { seccompProfileBaseline, seccompProfileRestricted } from "./checks/seccomp-profile.ts";
import { sysctls } from "./checks/sysctls.ts";
import { windowsHostProcess } from "./checks/windows-host-process.ts";
import type { LevelVersion, PolicyVersion } from "./policy.ts";

/** In the order in which violations are told: by level, then by id. */
const CHECKS: readonly Check[] = [
	appArmorProfile,
	capabilitiesBaseline,
	hostNamespaces,
	hostPathVolumes,
	hostPorts,
	hostProbesAndHostLifecycle,
	privileged,
	procMountBaseline,
	seLinuxOptions,
	seccompProfileBaseline,
	sysctls,
	windowsHostProcess,
	allowPrivilegeEscalation,
	capabilitiesRestricted,
	procMountRestricted,
	restrictedVolumes,
	runAsNonRoot,
	runAsUser,
	seccompProfileRestricted,
];

const formOf = (check: Check, version: PolicyVersion): Check["versions"][number] | undefined =>
	check.versions.findLast(({ since }) => version === "latest" || since <= version);

/** What the pod does that the level forbids; nothing when it is allowed. */
export function violationsOf({ level, version }: LevelVersion, metadata: ObjectMeta | undefined, spec: PodSpec): Violation[] {
	if (level === "privileged") return [];
	const applied = CHECKS.filter((check) => (level === "restricted" || check.level === "baseline") && formOf(check, version) !== undefined);
	const overridden = new Set(applied.map(({ overrides }) => overrides));
	const pod: JudgedPod = { annotations: metadata?.annotations ?? {}, spec };
	return applied.flatMap((check) => (overridden.has(check.id) ? [] : (formOf(check, version)?.judge(pod) ?? [])));
}

export const reasonsText = (violations: readonly Violation[]): string => violations.map(({ reason }) => reason).join(", ");
export const detailsText = (violations: readonly Violation[]): string =>
	violations.map(({ reason, detail }) => (detail === "" ? reason : `${reason} (${detail})`)).join(", ");
