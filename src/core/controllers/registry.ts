/** The controllers of each object. A new controller is one file and one line here. */
import { apiServiceAvailabilityController } from "./apiservice-availability-controller.ts";
import { type AttachDetachDeps, attachDetachController } from "./attachdetach-controller.ts";
import { apiServiceRegistrationController } from "./apiservice-registration-controller.ts";
import type { CertificateAuthority } from "../certificates/certificate.ts";
import type { KindRegistry } from "../kinds/define-kind.ts";
import { budgetReplicaController } from "./budget-replica-controller.ts";
import type { Controller } from "./controller.ts";
import { bootstrapRoleController } from "./bootstrap-role-controller.ts";
import { type ApprovalDeps, certificateSigningRequestApprovingController } from "./certificate-signing-request-approving-controller.ts";
import { certificateSigningRequestCleanerController } from "./certificate-signing-request-cleaner-controller.ts";
import { certificateSigningRequestSigningController } from "./certificate-signing-request-signing-controller.ts";
import { clusterAuthenticationTrustController, type AuthenticationTrustDeps } from "./cluster-authentication-trust-controller.ts";
import { clusterReplicaController } from "./cluster-replica-controller.ts";
import { clusterRoleAggregationController } from "./clusterrole-aggregation-controller.ts";
import { cronJobController } from "./cronjob-controller.ts";
import { type DaemonSetDeps, daemonSetController } from "./daemonset-controller.ts";
import { type CleanupDeps, customResourceCleanupController } from "./custom-resource-cleanup-controller.ts";
import { customResourceDefinitionController, type DefinitionDeps } from "./custom-resource-definition-controller.ts";
import { deploymentController } from "./deployment-controller.ts";
import { deviceTaintEvictionController } from "./device-taint-eviction-controller.ts";
import { disruptionController } from "./disruption-controller.ts";
import { edgeServiceController } from "./edge-service-controller.ts";
import { ephemeralVolumeController } from "./ephemeral-volume-controller.ts";
import { endpointSliceMirroringController } from "./endpoint-slice-mirroring-controller.ts";
import { endpointSliceController } from "./endpoint-slice-controller.ts";
import { endpointsController } from "./endpoints-controller.ts";
import { gatewayClassController } from "./gateway-class-controller.ts";
import { type GatewayDeps, gatewayController } from "./gateway-controller.ts";
import { garbageCollector, type GarbageCollectorDeps } from "./garbage-collector.ts";
import { horizontalPodAutoscalingController } from "./horizontal-pod-autoscaling-controller.ts";
import { type IngressDeps, ingressController } from "./ingress-controller.ts";
import { type HttpRouteDeps, httpRouteController } from "./http-route-controller.ts";
import { jobController } from "./job-controller.ts";
import { namespaceExpiryController } from "./namespace-expiry-controller.ts";
import { localPathProvisionerController } from "./local-path-provisioner-controller.ts";
import { namespaceController } from "./namespace-controller.ts";
import { type DrainDeps, namespaceDrainController } from "./namespace-drain-controller.ts";
import { nodeIpamController } from "./node-ipam-controller.ts";
import { type NodeLiveness, nodeLifecycleController } from "./node-lifecycle-controller.ts";
import { type BinderDeps, persistentVolumeController } from "./persistentvolume-controller.ts";
import { podGarbageCollectorController } from "./pod-garbage-collector-controller.ts";
import { podAssignmentController } from "./pod-assignment-controller.ts";
import { nodeLeaseController } from "./node-lease-controller.ts";
import { podLedgerController } from "./pod-ledger-controller.ts";
import { type PodTableDeps, podTableController } from "./pod-table-controller.ts";
import { policyTableController } from "./policy-table-controller.ts";
import { podSchedulingController, type SchedulingDeps } from "./pod-scheduling-controller.ts";
import { pvProtectionController } from "./pv-protection-controller.ts";
import { pvcProtectionController } from "./pvc-protection-controller.ts";
import { resourceQuotaController } from "./resource-quota-controller.ts";
import { resourceClaimController } from "./resource-claim-controller.ts";
import { replicaSetController } from "./replicaset-controller.ts";
import { replicationController } from "./replication-controller.ts";
import { rootCaController } from "./root-ca-controller.ts";
import { type AccountTokenDeps, serviceAccountTokenController } from "./serviceaccount-token-controller.ts";
import { tokenCleanerController } from "./token-cleaner-controller.ts";
import { type SchedulerDeps, schedulerController } from "./scheduler-controller.ts";
import { serviceAccountController } from "./serviceaccount-controller.ts";
import { serviceAllocationController } from "./service-allocation-controller.ts";
import { serviceCidrController } from "./service-cidr-controller.ts";
import { serviceLoadBalancerController } from "./service-lb-controller.ts";
import { serviceTableController } from "./service-table-controller.ts";
import { staleDisruptionController } from "./stale-disruption-controller.ts";
import { statefulSetController } from "./statefulset-controller.ts";
import { systemServiceController } from "./system-service-controller.ts";
import { ttlController } from "./ttl-controller.ts";
import { ttlAfterFinishedController } from "./ttl-after-finished-controller.ts";
import { validatingAdmissionPolicyStatusController } from "./validating-admission-policy-status-controller.ts";
import { type WebhookReceiverDeps, webhookReceiverController } from "./webhook-receiver-controller.ts";
import { volumeExpandController } from "./volume-expand-controller.ts";
import type { ClusterNetwork } from "../protocol/cluster-addresses.ts";
import type { Schema } from "../schema/types.ts";

export interface NamespaceDeps
	extends DaemonSetDeps,
		CleanupDeps,
		AccountTokenDeps,
		AuthenticationTrustDeps,
		PodTableDeps,
		GarbageCollectorDeps,
		IngressDeps,
		GatewayDeps,
		HttpRouteDeps,
		WebhookReceiverDeps,
		DrainDeps,
		SchedulingDeps {
	network: ClusterNetwork;
	namespaceActive(): boolean;
}

export function namespaceControllers(deps: NamespaceDeps): Controller[] {
	const controllers = [
		deploymentController,
		replicaSetController,
		replicationController,
		statefulSetController,
		daemonSetController(deps),
		jobController,
		cronJobController,
		ttlAfterFinishedController,
		disruptionController(deps),
		staleDisruptionController,
		horizontalPodAutoscalingController(deps),
		endpointSliceController,
		endpointSliceMirroringController,
		endpointsController,
		serviceTableController,
		serviceLoadBalancerController(deps),
		ingressController(deps),
		gatewayController(deps),
		httpRouteController(deps),
		edgeServiceController(deps),
		policyTableController,
		podTableController(deps),
		serviceAllocationController,
		ephemeralVolumeController,
		resourceClaimController,
		// What the Cluster object decides about a pod's claims it must have heard of before the pod.
		clusterReplicaController,
		podSchedulingController(deps),
		podAssignmentController,
		podGarbageCollectorController(),
		podLedgerController(deps),
		budgetReplicaController,
		garbageCollector(deps),
		serviceAccountController(deps),
		serviceAccountTokenController(deps),
		tokenCleanerController,
		rootCaController(deps),
		clusterAuthenticationTrustController(deps),
		bootstrapRoleController(deps),
		resourceQuotaController(deps),
		pvcProtectionController,
		systemServiceController(deps),
		namespaceDrainController(deps),
		nodeLeaseController,
		customResourceCleanupController(deps),
		webhookReceiverController(deps),
	];
	return controllers.map((controller) => creatingNothingAtTheEnd(controller, deps.namespaceTerminating));
}

/** A namespace that is going away takes no new objects: none is tried (upstream passes over the NamespaceTerminating error). */
function creatingNothingAtTheEnd(controller: Controller, namespaceTerminating: () => boolean): Controller {
	return {
		...controller,
		reconcile(key, view, ctx) {
			const result = controller.reconcile(key, view, ctx);
			return namespaceTerminating() ? { ...result, actions: result.actions.filter(({ type }) => type !== "create" && type !== "event") } : result;
		},
	};
}

export interface ClusterDeps extends NodeLiveness, DefinitionDeps, ApprovalDeps, SchedulerDeps, GarbageCollectorDeps, BinderDeps, AttachDetachDeps {
	/** Undefined where the control plane has no CA of its own. */
	authority: CertificateAuthority | undefined;
	network: ClusterNetwork;
	registry: KindRegistry;
	/** Where the types of the built-in kinds are found. */
	schema: Schema;
}

export function clusterControllers(deps: ClusterDeps): Controller[] {
	return [
		schedulerController(deps),
		nodeLifecycleController(deps),
		nodeIpamController(deps),
		namespaceController,
		namespaceExpiryController,
		persistentVolumeController(deps),
		localPathProvisionerController,
		volumeExpandController,
		attachDetachController(deps),
		deviceTaintEvictionController,
		pvProtectionController,
		clusterRoleAggregationController,
		certificateSigningRequestApprovingController(deps),
		certificateSigningRequestSigningController(deps),
		certificateSigningRequestCleanerController,
		garbageCollector(deps),
		customResourceDefinitionController(deps),
		apiServiceRegistrationController,
		apiServiceAvailabilityController,
		validatingAdmissionPolicyStatusController({ kinds: deps.registry, schema: deps.schema }),
		serviceCidrController,
		gatewayClassController,
		ttlController,
	];
}
