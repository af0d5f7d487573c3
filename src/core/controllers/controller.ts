/**
 * A controller is a pure, synchronous function from a key and a view to actions. The runner owns the queue, back-off,
 * writes and events: reading, deciding and writing are one transaction, so there are no expectations to keep.
 */
import type { Grouping, KubeObject, OwnerReference, ResourceName } from "../meta/object.ts";
import type { APIService } from "../schema/kubernetes.d.ts";
import type { Gathered, MetricQuery } from "./autoscaling/metric-samples.ts";
import type { ObjectMessage } from "../protocol/messages.ts";

/** A change of one object, as the runner hands it to `Watch.keys`. */
export interface ObjectChange {
	resource: ResourceName;
	/** Absent on a creation. */
	old?: KubeObject;
	/** Absent on a deletion. */
	object?: KubeObject;
}

export interface Watch {
	/** "*" for every collection. */
	resource: ResourceName | "*";
	/** The reconcile keys that this change concerns. */
	keys(change: ObjectChange, view: View): readonly string[];
}

/**
 * What a controller may read: the store of the one Durable Object it runs in, as of now; and, in a Namespace object, the
 * replica of the nodes where the namespace has asked for one. Returned objects must not be mutated.
 */
export interface View {
	get<T extends KubeObject>(resource: ResourceName, name: string): T | undefined;
	/** All, or those whose labels match every given pair. */
	list<T extends KubeObject>(resource: ResourceName, labels?: Record<string, string>): T[];
	/** Those of one group, without a look at the others. */
	grouped<T extends KubeObject>(grouping: Grouping, key: string): T[];
	/** Objects of a collection whose controller owner reference is `uid`. */
	controlledBy<T extends KubeObject>(resource: ResourceName, uid: string): T[];
	/** Objects of any collection that name `uid` in an owner reference. */
	ownedBy(uid: string): { resource: ResourceName; object: KubeObject }[];
}

export interface ReconcileContext {
	nowMs: number;
	/** The namespace of this Durable Object; "" in the Cluster object. */
	namespace: string;
	/** In [0, 1), from a seed. */
	random(): number;
	/** rand.String of upstream's alphabet: for pod names. */
	suffix(length: number): string;
	/** What the controller's own "remember" has kept under the key. */
	recall(key: string): unknown;
	/** The answers to the last "gather" of the key, in the turn that they arrive in. */
	gathered(key: string): Gathered | undefined;
	/** The API has refused one of the creations that this reconcile decided on before: this is the second try, knowing that. */
	refusal?: Refusal;
}

/** A creation that admission or validation would not have: by a quota, a LimitRange, a policy, a name that is too long. */
export interface Refusal {
	/** Creations of the same reconcile before it that were taken; one more is refused. */
	created: number;
	/** The API's words. */
	message: string;
}

export type Action =
	/** `object.metadata.name` is final. AlreadyExists is not an error: the runner re-queues the key. */
	| { type: "create"; resource: ResourceName; object: KubeObject }
	/**
	 * Writes spec and metadata; carries the resourceVersion it was decided on, so one object is written once in a reconcile.
	 * "binding" writes a pod's node and conditions as pods/binding does, "finalize" a Namespace's spec.finalizers,
	 * "approval" what is decided on a CertificateSigningRequest.
	 */
	| { type: "update"; resource: ResourceName; object: KubeObject; subresource?: "binding" | "finalize" | "approval" }
	/** Writes through the status subresource. */
	| { type: "updateStatus"; resource: ResourceName; object: KubeObject }
	| {
			type: "delete";
			resource: ResourceName;
			name: string;
			/** Precondition. */
			uid: string;
			gracePeriodSeconds?: number;
			propagation?: "Foreground" | "Background" | "Orphan";
	  }
	/** An Event about `about`, counted into its series by the runner. */
	| { type: "event"; about: KubeObject; eventType: "Normal" | "Warning"; reason: string; message: string }
	/** At least once, in order per receiver, through the outbox. */
	| { type: "send"; message: ObjectMessage }
	/** Kept beside the store for the controller's next looks: what it must know and no object says. Undefined forgets. */
	| { type: "remember"; key: string; value: unknown }
	/**
	 * Asks nodes for their usage, adapters for metrics, or whether an extension API server answers, or has what these servers keep in
	 * the namespace deleted; the answers are in `ctx.gathered` when they bring the key back.
	 */
	| { type: "gather"; controller: string; key: string; nodes: string[]; queries: MetricQuery[]; probe?: APIService; sweep?: readonly APIService[] };

export interface ReconcileResult {
	actions: Action[];
	/** Ask again after this long, in milliseconds, whatever happens until then. */
	requeueAfterMs?: number;
}

export interface Controller {
	/** As kube-controller-manager names it: "deployment", "replicaset". Also its field manager and event source. */
	name: string;
	watches: readonly Watch[];
	/** Knows what to do about `ctx.refusal`; a controller that does not just fails, and tries again later. */
	hearsRefusals?: true;
	/** The object that a key is about, to tell of its failures; by default that of the key's name in the first collection watched. */
	objectOf?(key: string, view: View): KubeObject | undefined;
	/** Keys that name no object ("namespace", "place"): messages queue them. */
	standingKeys?: readonly string[];
	reconcile(key: string, view: View, ctx: ReconcileContext): ReconcileResult;
	/** For controllers whose keys come in bursts and ask for little each: one transaction for all of them. */
	reconcileAll?(keys: readonly string[], view: View, ctx: ReconcileContext): Action[];
}

/** The controlling owner, if any. */
export const controllerOf = (object: KubeObject): OwnerReference | undefined => object.metadata.ownerReferences?.find((o) => o.controller === true);
export const NOTHING: ReconcileResult = { actions: [] };
