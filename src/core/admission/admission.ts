/** Runs the admission plugins over a write, in upstream's order: first every change, then every check. */
import { resourceOf } from "../kinds/define-kind.ts";
import type { AdmissionPlugin, AdmissionRequest, AdmissionView } from "./plugin.ts";
import { certificateApproval } from "./plugins/certificate-approval.ts";
import { certificateSigning } from "./plugins/certificate-signing.ts";
import { certificateSubjectRestriction } from "./plugins/certificate-subject-restriction.ts";
import { defaultIngressClass } from "./plugins/default-ingress-class.ts";
import { defaultStorageClass } from "./plugins/default-storage-class.ts";
import { defaultTolerationSeconds } from "./plugins/default-toleration-seconds.ts";
import { limitRanger } from "./plugins/limit-ranger.ts";
import { namespaceLifecycle } from "./plugins/namespace-lifecycle.ts";
import { nodeRestriction } from "./plugins/node-restriction.ts";
import { persistentVolumeClaimResize } from "./plugins/persistent-volume-claim-resize.ts";
import { podSecurity } from "./plugins/pod-security.ts";
import { priority } from "./plugins/priority.ts";
import { resourceQuota } from "./plugins/resource-quota.ts";
import { runtimeClass } from "./plugins/runtime-class.ts";
import { serviceAccount } from "./plugins/service-account.ts";
import { storageObjectInUseProtection } from "./plugins/storage-object-in-use-protection.ts";
import { taintNodesByCondition } from "./plugins/taint-nodes-by-condition.ts";

export type { AdmissionOperation, AdmissionPlugin, AdmissionRequest, AdmissionView, FollowUp } from "./plugin.ts";

/** The order of kube-apiserver's AllOrderedPlugins, of those that are on by default. */
const PLUGINS: readonly AdmissionPlugin[] = [
	namespaceLifecycle,
	limitRanger,
	serviceAccount,
	nodeRestriction,
	taintNodesByCondition,
	podSecurity,
	priority,
	defaultTolerationSeconds,
	defaultStorageClass,
	storageObjectInUseProtection,
	persistentVolumeClaimResize,
	runtimeClass,
	certificateApproval,
	certificateSigning,
	certificateSubjectRestriction,
	defaultIngressClass,
	resourceQuota,
];

function concerns(plugin: AdmissionPlugin, request: AdmissionRequest): boolean {
	if (!plugin.operations.includes(request.operation)) return false;
	if (plugin.subresources === undefined ? request.subresource !== "" : plugin.subresources !== "*" && !plugin.subresources.includes(request.subresource))
		return false;
	return plugin.resources === "*" || plugin.resources.includes(resourceOf(request.kind));
}

/** Changes request.object as the plugins ask. Throws the StatusError of the first that refuses. */
export function admit(request: AdmissionRequest, view: AdmissionView): void {
	const plugins = PLUGINS.filter((plugin) => concerns(plugin, request));
	for (const plugin of plugins) plugin.mutate?.(request, view);
	for (const plugin of plugins) plugin.validate?.(request, view);
}
