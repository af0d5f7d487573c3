/** The kinds that every cluster serves. A new kind is one file and one line here. */
import { apiServiceKind } from "./api-service.ts";
import { localSubjectAccessReviewKind, selfSubjectAccessReviewKind, selfSubjectRulesReviewKind, subjectAccessReviewKind } from "./access-reviews.ts";
import { bindingKind } from "./binding.ts";
import { certificateSigningRequestKind } from "./certificate-signing-request.ts";
import { clusterRoleBindingKind } from "./cluster-role-binding.ts";
import { clusterRoleKind } from "./cluster-role.ts";
import { clusterWebhookSubscriptionKind } from "./cluster-webhook-subscription.ts";
import { componentStatusKind } from "./component-status.ts";
import { configMapKind } from "./config-map.ts";
import { controllerRevisionKind } from "./controller-revision.ts";
import { cronJobKind } from "./cron-job.ts";
import { csiDriverKind } from "./csi-driver.ts";
import { csiNodeKind } from "./csi-node.ts";
import { csiStorageCapacityKind } from "./csi-storage-capacity.ts";
import { daemonSetKind } from "./daemon-set.ts";
import { type KindDefinition, type KindRegistry, resourceOf } from "./define-kind.ts";
import { customResourceDefinitionKind } from "./custom-resource-definition.ts";
import { deploymentKind } from "./deployment.ts";
import { deviceClassKind } from "./device-class.ts";
import { endpointSliceKind } from "./endpoint-slice.ts";
import { endpointsKind } from "./endpoints.ts";
import { eventKind } from "./event.ts";
import { eventV1Kind } from "./event-v1.ts";
import { flowSchemaKind } from "./flow-schema.ts";
import { horizontalPodAutoscalerKind } from "./horizontal-pod-autoscaler.ts";
import { horizontalPodAutoscalerV1Kind } from "./horizontal-pod-autoscaler-v1.ts";
import { selfSubjectReviewKind, tokenReviewKind } from "./identity-reviews.ts";
import { ingressKind } from "./ingress.ts";
import { ingressClassKind } from "./ingress-class.ts";
import { ipAddressKind } from "./ip-address.ts";
import { jobKind } from "./job.ts";
import { leaseKind } from "./lease.ts";
import { limitRangeKind } from "./limit-range.ts";
import { mutatingAdmissionPolicyKind } from "./mutating-admission-policy.ts";
import { mutatingAdmissionPolicyBindingKind } from "./mutating-admission-policy-binding.ts";
import { mutatingWebhookConfigurationKind } from "./mutating-webhook-configuration.ts";
import { namespaceKind } from "./namespace.ts";
import { networkPolicyKind } from "./network-policy.ts";
import { nodeMetricsKind } from "./node-metrics.ts";
import { nodeKind } from "./node.ts";
import { persistentVolumeKind } from "./persistent-volume.ts";
import { persistentVolumeClaimKind } from "./persistent-volume-claim.ts";
import { podMetricsKind } from "./pod-metrics.ts";
import { podKind } from "./pod.ts";
import { podTemplateKind } from "./pod-template.ts";
import { podDisruptionBudgetKind } from "./pod-disruption-budget.ts";
import { priorityClassKind } from "./priority-class.ts";
import { priorityLevelConfigurationKind } from "./priority-level-configuration.ts";
import { replicaSetKind } from "./replica-set.ts";
import { replicationControllerKind } from "./replication-controller.ts";
import { resourceClaimKind } from "./resource-claim.ts";
import { resourceClaimTemplateKind } from "./resource-claim-template.ts";
import { resourceQuotaKind } from "./resource-quota.ts";
import { resourceSliceKind } from "./resource-slice.ts";
import { roleBindingKind } from "./role-binding.ts";
import { roleKind } from "./role.ts";
import { runtimeClassKind } from "./runtime-class.ts";
import { secretKind } from "./secret.ts";
import { serviceAccountKind } from "./service-account.ts";
import { serviceKind } from "./service.ts";
import { statefulSetKind } from "./stateful-set.ts";
import { serviceCidrKind } from "./service-cidr.ts";
import { storageClassKind } from "./storage-class.ts";
import { validatingAdmissionPolicyKind } from "./validating-admission-policy.ts";
import { validatingAdmissionPolicyBindingKind } from "./validating-admission-policy-binding.ts";
import { validatingWebhookConfigurationKind } from "./validating-webhook-configuration.ts";
import { volumeAttachmentKind } from "./volume-attachment.ts";
import { volumeAttributesClassKind } from "./volume-attributes-class.ts";
import { webhookReceiverKind } from "./webhook-receiver.ts";
import { webhookSubscriptionKind } from "./webhook-subscription.ts";

/** A registry of these kinds; of several versions of one collection the first is the preferred one. */
export function buildRegistry(kinds: readonly KindDefinition[]): KindRegistry {
	const byResource = new Map<string, KindDefinition>();
	const byKind = new Map<string, KindDefinition>();
	const byStoreName = new Map<string, KindDefinition>();
	for (const kind of kinds) {
		byResource.set(`${kind.group}/${kind.version}/${kind.plural}`, kind);
		byKind.set(`${kind.group}/${kind.version}/${kind.kind}`, kind);
		const name = resourceOf(kind);
		if (!byStoreName.has(name)) byStoreName.set(name, kind);
	}
	return {
		all: () => kinds,
		byResource: (group, version, plural) => byResource.get(`${group}/${version}/${plural}`),
		byKind: (group, version, kind) => byKind.get(`${group}/${version}/${kind}`),
		byStoreName: (resource) => byStoreName.get(resource),
	};
}

const KINDS: readonly KindDefinition<never>[] = [
	bindingKind,
	componentStatusKind,
	configMapKind,
	endpointsKind,
	eventKind,
	eventV1Kind,
	limitRangeKind,
	namespaceKind,
	nodeKind,
	podKind,
	podTemplateKind,
	replicationControllerKind,
	resourceQuotaKind,
	secretKind,
	serviceAccountKind,
	serviceKind,
	controllerRevisionKind,
	daemonSetKind,
	deploymentKind,
	replicaSetKind,
	statefulSetKind,
	cronJobKind,
	jobKind,
	selfSubjectReviewKind,
	tokenReviewKind,
	localSubjectAccessReviewKind,
	selfSubjectAccessReviewKind,
	selfSubjectRulesReviewKind,
	subjectAccessReviewKind,
	leaseKind,
	endpointSliceKind,
	clusterRoleBindingKind,
	clusterRoleKind,
	roleBindingKind,
	roleKind,
	priorityClassKind,
	customResourceDefinitionKind,
	apiServiceKind,
	podDisruptionBudgetKind,
	ingressClassKind,
	ingressKind,
	networkPolicyKind,
	ipAddressKind,
	serviceCidrKind,
	horizontalPodAutoscalerKind,
	horizontalPodAutoscalerV1Kind,
	nodeMetricsKind,
	podMetricsKind,
	storageClassKind,
	volumeAttributesClassKind,
	csiDriverKind,
	csiNodeKind,
	csiStorageCapacityKind,
	runtimeClassKind,
	persistentVolumeKind,
	persistentVolumeClaimKind,
	volumeAttachmentKind,
	mutatingWebhookConfigurationKind,
	validatingWebhookConfigurationKind,
	validatingAdmissionPolicyKind,
	validatingAdmissionPolicyBindingKind,
	mutatingAdmissionPolicyKind,
	mutatingAdmissionPolicyBindingKind,
	certificateSigningRequestKind,
	flowSchemaKind,
	priorityLevelConfigurationKind,
	deviceClassKind,
	resourceClaimKind,
	resourceClaimTemplateKind,
	resourceSliceKind,
	webhookSubscriptionKind,
	clusterWebhookSubscriptionKind,
	webhookReceiverKind,
];

/** Each hook is only ever called with objects of its own kind, which the types of a mixed list cannot say. */
export const builtinKinds: KindRegistry = buildRegistry(KINDS as unknown as readonly KindDefinition[]);
