/** Which cluster-scoped collections Namespace objects hold a replica of: a fixed list, and what policies take parameters from. */
import { paramCollections } from "../core/admission/policies/policy-params.ts";
import { MUTATING_POLICIES, POLICY_COLLECTIONS, policySource, type PolicySets, VALIDATING_POLICIES } from "../core/admission/policies/policy-sets.ts";
import { GATEWAY_CLASSES } from "../core/edge/gateway-api.ts";
import type { KindRegistry } from "../core/kinds/define-kind.ts";
import type { KubeObject, ResourceName } from "../core/meta/object.ts";
import type { ValidatingAdmissionPolicy } from "../core/schema/kubernetes.d.ts";
import type { Store } from "../store/store.ts";
import { WEBHOOK_CONFIGURATIONS } from "./cluster-webhooks.ts";
import { DEFINITIONS } from "./custom-definitions.ts";
import { CLUSTER_SUBSCRIPTIONS } from "./webhooks/webhook-deliveries.ts";

const FIXED: readonly ResourceName[] = [
	"rbac.authorization.k8s.io/clusterroles",
	"rbac.authorization.k8s.io/clusterrolebindings",
	"scheduling.k8s.io/priorityclasses",
	"storage.k8s.io/storageclasses",
	"networking.k8s.io/ingressclasses",
	"node.k8s.io/runtimeclasses",
	GATEWAY_CLASSES,
	...WEBHOOK_CONFIGURATIONS,
	...POLICY_COLLECTIONS,
	CLUSTER_SUBSCRIPTIONS,
];

export class ReplicatedCollections {
	/** The policies as the Cluster object itself goes by them. */
	readonly policies: () => PolicySets;
	readonly #store: () => Store;
	readonly #kinds: KindRegistry;
	/** Grows with each change of a policy or binding. */
	#policiesVersion = 0;
	/** Worked out again when policies or kinds change. */
	#all: readonly ResourceName[] | undefined;

	constructor(store: () => Store, kinds: KindRegistry) {
		this.#store = store;
		this.#kinds = kinds;
		this.policies = policySource(
			() => this.#policiesVersion,
			<T extends KubeObject>(resource: ResourceName) => store().list<T>(resource),
		);
	}

	/** Call for each change that is committed. */
	changed(resource: ResourceName): void {
		if (POLICY_COLLECTIONS.includes(resource)) this.#policiesVersion++;
		if (resource === DEFINITIONS || POLICY_COLLECTIONS.includes(resource)) this.#all = undefined;
	}

	list(): readonly ResourceName[] {
		if (this.#all === undefined) {
			const policies = [VALIDATING_POLICIES, MUTATING_POLICIES].flatMap((each) => this.#store().list<ValidatingAdmissionPolicy>(each));
			this.#all = [...new Set([...FIXED, ...paramCollections(policies, this.#kinds)])];
		}
		return this.#all;
	}
}
