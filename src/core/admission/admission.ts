/** Runs the admission plugins over a write, in upstream's order: every change before the object is validated, every check after. */
import { resourceOf } from "../kinds/define-kind.ts";
import type { AdmissionPlugin, AdmissionRequest, AdmissionView, Reinvocation } from "./plugin.ts";
import { certificateApproval } from "./plugins/certificate-approval.ts";
import { certificateSigning } from "./plugins/certificate-signing.ts";
import { certificateSubjectRestriction } from "./plugins/certificate-subject-restriction.ts";
import { deviceAdminAccess } from "./plugins/device-admin-access.ts";
import { defaultIngressClass } from "./plugins/default-ingress-class.ts";
import { defaultStorageClass } from "./plugins/default-storage-class.ts";
import { defaultTolerationSeconds } from "./plugins/default-toleration-seconds.ts";
import { limitRanger } from "./plugins/limit-ranger.ts";
import { mutatingAdmissionPolicy } from "./plugins/mutating-admission-policy.ts";
import { mutatingAdmissionWebhook } from "./plugins/mutating-admission-webhook.ts";
import { namespaceExpiry } from "./plugins/namespace-expiry.ts";
import { namespaceLifecycle } from "./plugins/namespace-lifecycle.ts";
import { nodeRestriction } from "./plugins/node-restriction.ts";
import { persistentVolumeClaimResize } from "./plugins/persistent-volume-claim-resize.ts";
import { podSecurity } from "./plugins/pod-security.ts";
import { podTopologyLabels } from "./plugins/pod-topology-labels.ts";
import { priority } from "./plugins/priority.ts";
import { resourceQuota } from "./plugins/resource-quota.ts";
import { runtimeClass } from "./plugins/runtime-class.ts";
import { serviceAccount } from "./plugins/service-account.ts";
import { storageObjectInUseProtection } from "./plugins/storage-object-in-use-protection.ts";
import { taintNodesByCondition } from "./plugins/taint-nodes-by-condition.ts";
import { validatingAdmissionPolicy } from "./plugins/validating-admission-policy.ts";
import { validatingAdmissionWebhook } from "./plugins/validating-admission-webhook.ts";
import { webhookReceiverAccess } from "./plugins/webhook-receiver-access.ts";
import { webhookSubscriptionAccess } from "./plugins/webhook-subscription-access.ts";

export type { AdmissionOperation, AdmissionPlugin, AdmissionRequest, AdmissionView, FollowUp, Reinvocation, Subject } from "./plugin.ts";

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
	podTopologyLabels,
	mutatingAdmissionPolicy,
	mutatingAdmissionWebhook,
	validatingAdmissionPolicy,
	validatingAdmissionWebhook,
	resourceQuota,
	deviceAdminAccess,
	// Petrel's own.
	webhookSubscriptionAccess,
	webhookReceiverAccess,
	namespaceExpiry,
];

function concerns(plugin: AdmissionPlugin, request: AdmissionRequest): boolean {
	if (!plugin.operations.includes(request.operation)) return false;
	if (plugin.subresources === undefined ? request.subresource !== "" : plugin.subresources !== "*" && !plugin.subresources.includes(request.subresource))
		return false;
	return plugin.resources === "*" || plugin.resources.includes(resourceOf(request.kind));
}

const concerned = (request: AdmissionRequest): AdmissionPlugin[] => PLUGINS.filter((plugin) => concerns(plugin, request));

/**
 * Changes request.object as the plugins ask. All are asked a second time when one that is outside of the server changed it.
 * Throws the StatusError of the first that refuses.
 */
export function admitMutating(request: AdmissionRequest, view: AdmissionView): void {
	const plugins = concerned(request);
	for (const plugin of plugins) plugin.mutate?.(request, view);
	if (!request.reinvocation.isWanted) return;
	request.reinvocation.isReinvoke = true;
	for (const plugin of plugins) plugin.mutate?.(request, view);
}

/** The checks, once all changes are made and the object is valid. Throws the StatusError of the first that refuses. */
export function admitValidating(request: AdmissionRequest, view: AdmissionView): void {
	for (const plugin of concerned(request)) plugin.validate?.(request, view);
}

export const newReinvocation = (): Reinvocation => ({ isReinvoke: false, isWanted: false, values: new Map() });
