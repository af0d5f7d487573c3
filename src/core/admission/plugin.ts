/** What an admission plugin is, what it is given, and how it refuses. */
import type { ResourceAttributes } from "../authz/attributes.ts";
import { forbiddenError, type StatusError } from "../errors/status-error.ts";
import type { UserInfo } from "../api/request.ts";
import type { Attributes } from "../authz/attributes.ts";
import type { AuthorizerDecision } from "../cel/library/authorizer.ts";
import type { HookContext, KindDefinition, KindRegistry } from "../kinds/define-kind.ts";
import type { KubeObject, ResourceName } from "../meta/object.ts";
import type { AdmissionConfiguration } from "./configuration.ts";
import type { LevelVersion } from "./pod-security/policy.ts";
import type { Schema } from "../schema/types.ts";
import type { CallOutcome, Question } from "./outside-call.ts";
import type { PolicySets } from "./policies/policy-sets.ts";
import type { WebhookSets } from "./webhooks/webhook-set.ts";
import type { Namespace, Node, PriorityClass } from "../schema/kubernetes.d.ts";

/** The pods of a namespace, against its new enforce level. */
export type FollowUp = { type: "existingPods"; namespace: string; enforce: LevelVersion };

export type AdmissionOperation = "CREATE" | "UPDATE" | "DELETE" | "CONNECT";

/** What a second round of changes knows of the first (admission.ReinvocationContext): it comes when an outside plugin changed the object. */
export interface Reinvocation {
	isReinvoke: boolean;
	/** Set by a plugin whose change calls for another round. */
	isWanted: boolean;
	/** What plugins keep between the rounds, by their name. */
	readonly values: Map<string, unknown>;
}

/** What is sent to a subresource and stored nowhere. */
export interface Subject {
	group: string;
	version: string;
	kind: string;
	/** The type's name in the schema. */
	schema: string;
}

export interface AdmissionRequest {
	operation: AdmissionOperation;
	kind: KindDefinition;
	/** "" for the object itself. */
	subresource: string;
	/** As it is about to be stored, with defaults; mutating plugins change it in place, or put another in its place. */
	object: KubeObject;
	/** The type of `object` where it is not the kind's own: an Eviction, a Binding, PodExecOptions. */
	subject?: Subject;
	/** The name that the request gave: none where one is to be generated. */
	name: string;
	/** CreateOptions and the like, as the request had them. */
	options?: Record<string, unknown> | undefined;
	/** Absent on CREATE. */
	old: KubeObject | undefined;
	/** "" for cluster-scoped objects. */
	namespace: string;
	user: UserInfo;
	dryRun: boolean;
	addWarning(text: string): void;
	/** Asks what only another object can answer, once the write is done; the answer comes as warnings. */
	followUp(question: FollowUp): void;
	/** Adds to the entry of the audit log; where there is none, nobody hears of it. */
	annotate?: ((key: string, value: string) => void) | undefined;
	ctx: HookContext;
	reinvocation: Reinvocation;
	/** This write is part of a request that the webhooks have been asked about. */
	webhooksAsked?: boolean;
}

/** What plugins may read: the namespace's own objects and a replica of the cluster's configuration. Nothing of it may be changed. */
export interface AdmissionView {
	/** An object of the request's namespace. */
	get<T extends KubeObject>(resource: ResourceName, name: string): T | undefined;
	/** The objects of a collection in the request's namespace. */
	list<T extends KubeObject>(resource: ResourceName): T[];
	/** The request's Namespace; null when there is none. */
	namespaceObject(): Namespace | null;
	priorityClasses(): readonly PriorityClass[];
	/** A cluster-scoped collection: those that Namespace objects hold a replica of. */
	clusterList<T extends KubeObject>(resource: ResourceName): readonly T[];
	/** A node, where the nodes are known here. */
	node(name: string): Node | undefined;
	/** What the authorizer says of a user. */
	allows(user: AdmissionRequest["user"], attributes: ResourceAttributes): boolean;
	configuration: AdmissionConfiguration;
	/** The webhooks; undefined where none is to be called. */
	webhooks(): WebhookSets | undefined;
	/** The policies in CEL. */
	policies(): PolicySets;
	/** What the authorizer says of a user. */
	decide(user: UserInfo, attributes: Attributes): AuthorizerDecision;
	/** Whether this write can wait for other machines and objects: what the server itself writes cannot. */
	canAsk(): boolean;
	/** What other machines answer. Throws CallsNeeded until they have. */
	ask(questions: readonly Question[]): CallOutcome[];
	kinds: KindRegistry;
	/** Where the types of the built-in kinds are found. */
	schema: Schema;
	/** An object of one version of a kind as another shows it. */
	convert(object: KubeObject, to: KindDefinition): KubeObject;
}

export interface AdmissionPlugin {
	/** As kube-apiserver's --enable-admission-plugins names it. */
	name: string;
	/** The collections it is for; "*" for all. */
	resources: readonly ResourceName[] | "*";
	operations: readonly AdmissionOperation[];
	/** The subresources it is for; only the object itself when absent, "*" for all. */
	subresources?: readonly string[] | "*";
	/** Changes request.object, or throws a StatusError. */
	mutate?(request: AdmissionRequest, view: AdmissionView): void;
	/** Runs when every plugin has had its changes made. Throws a StatusError. */
	validate?(request: AdmissionRequest, view: AdmissionView): void;
}

/** extractResourceName: an object without metadata, as the options of an exec, has none to be named by. */
function nameIn({ name, object }: AdmissionRequest): string {
	const metadata = object.metadata as KubeObject["metadata"] | undefined;
	return name || metadata?.name || metadata?.generateName || (metadata === undefined ? "Unknown/errorGettingName" : "Unknown");
}

/** The 403 of a plugin (admission.NewForbidden): it names the object, or the prefix of its name to be. */
export function refuse(request: AdmissionRequest, why: string): StatusError {
	return forbiddenError({ group: request.kind.group, resource: request.kind.plural }, nameIn(request), why);
}

/** The kind that the request speaks of, by group and version. */
export function requestKind({ subject, kind: own }: AdmissionRequest): { group: string; version: string; kind: string } {
	const { group, version, kind } = subject ?? own;
	return { group, version, kind };
}
