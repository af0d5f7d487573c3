/** The write path that verbs and controllers share: what rest.BeforeCreate, BeforeUpdate and BeforeDelete do upstream, then the commit. */
import {
	type AdmissionOperation,
	type AdmissionRequest,
	admitMutating,
	admitValidating,
	type FollowUp,
	newReinvocation,
	type Subject,
} from "../core/admission/admission.ts";
import { recordUpdate } from "../core/apply/managed-fields.ts";
import type { UserInfo } from "../core/api/request.ts";
import type { FieldError } from "../core/errors/field-error.ts";
import { alreadyExists, badRequest, conflict, invalidObject, staleObject } from "../core/errors/status-error.ts";
import { semanticEqual } from "../core/meta/equality.ts";
import { apiVersionOf, type KindDefinition, resourceOf } from "../core/kinds/define-kind.ts";
import { generateName } from "../core/meta/names.ts";
import type { KubeObject } from "../core/meta/object.ts";
import { validateObjectMeta, validateObjectMetaUpdate } from "../core/meta/object-meta-validation.ts";
import { AllocationNeeded, type ResourceServer } from "./resource-server.ts";
import type { TwinFields } from "./twin-fields.ts";
import { cloneJson } from "../core/meta/clone.ts";

/** How often a generated name that is taken is drawn again. */
const GENERATE_NAME_TRIES = 8;

export interface WriteOptions {
	user: UserInfo;
	/** Field manager. */
	manager: string;
	/** "" for the object itself. */
	subresource: string;
	dryRun: boolean;
	addWarning(text: string): void;
	/** Adds to the request's entry in the audit log, where it has one. */
	annotate?: ((key: string, value: string) => void) | undefined;
	/** Who can ask other objects after the write does so here. */
	followUp?(question: FollowUp): void;
	/** Server-side apply has set managedFields already. */
	applied?: boolean;
	/** The webhooks have been asked about the request that this write belongs to. */
	webhooksAsked?: boolean;
	/** Where the writer creates many objects alike. */
	twins?: TwinFields;
}

const groupResourceOf = (kind: KindDefinition) => ({ group: kind.group, resource: kind.plural });

function refuseInvalid(kind: KindDefinition, object: KubeObject, errors: readonly FieldError[]): void {
	if (errors.length > 0) throw invalidObject(kind.group, kind.kind, object.metadata.name ?? "", errors);
}

/** Takes what the write needs from the Cluster object's pools, or asks for it. */
function allocate(server: ResourceServer, kind: KindDefinition, object: KubeObject, old: KubeObject | undefined, dryRun: boolean): void {
	const request = kind.allocationRequest?.(object, old, server.network);
	if (request === undefined) return;
	if (server.allocation === undefined) throw new AllocationNeeded(request, `${server.namespace}/${object.metadata.name}`, dryRun);
	kind.applyAllocation?.(object, server.allocation);
}

/** What a webhook is told of a write: the object, and who does what with which options. */
function admissionOf(
	server: ResourceServer,
	kind: KindDefinition,
	operation: AdmissionOperation,
	{ object, old }: { object: KubeObject; old: KubeObject | undefined },
	options: WriteOptions | RemovalOptions,
): AdmissionRequest {
	const { user, dryRun } = options;
	const isWrite = "manager" in options;
	return {
		operation,
		kind,
		subresource: isWrite ? options.subresource : "",
		object,
		old,
		name: object.metadata?.name ?? "",
		namespace: server.namespace,
		user,
		dryRun,
		addWarning: options.addWarning ?? (() => {}),
		followUp: (question) => ("followUp" in options ? options.followUp?.(question) : undefined),
		annotate: options.annotate,
		ctx: server.hookContext(user),
		reinvocation: newReinvocation(),
		options: optionsObject(operation, options),
		...(options.webhooksAsked ? { webhooksAsked: true } : {}),
	};
}

/** What is sent and stored nowhere: an Eviction, a review, how to exec. */
export interface Posted {
	object: KubeObject;
	/** Where it is of another type than the kind's own. */
	subject?: Subject;
	name: string;
	/** "" for a review of the cluster that a Namespace object answers. */
	namespace?: string;
	operation?: "CREATE" | "CONNECT";
	/** Runs once all changes are made. */
	check?(object: KubeObject): void;
}

/** Admission of what is stored nowhere. The writes that follow from it ask no webhook again. */
export function admitPosted(server: ResourceServer, kind: KindDefinition, posted: Posted, options: WriteOptions): KubeObject {
	const { object, operation = "CREATE", check, ...rest } = posted;
	const admission: AdmissionRequest = { ...admissionOf(server, kind, operation, { object, old: undefined }, options), ...rest };
	admitMutating(admission, server.admission);
	check?.(admission.object);
	admitValidating(admission, server.admission);
	return admission.object;
}

const OPTION_KINDS: Readonly<Partial<Record<AdmissionOperation, string>>> = { CREATE: "CreateOptions", UPDATE: "UpdateOptions", DELETE: "DeleteOptions" };

/** The request's options as the object that upstream makes of them; a connection has none. */
function optionsObject(operation: AdmissionOperation, options: WriteOptions | RemovalOptions): Record<string, unknown> | undefined {
	if (OPTION_KINDS[operation] === undefined) return undefined;
	const given =
		"manager" in options
			? { fieldManager: options.manager }
			: { gracePeriodSeconds: options.gracePeriodSeconds, preconditions: options.preconditions, propagationPolicy: options.propagation };
	return { kind: OPTION_KINDS[operation], apiVersion: "meta.k8s.io/v1", ...given, ...(options.dryRun ? { dryRun: ["All"] } : {}) };
}

/** What only the server says of a new object. */
function clearSystemFields(server: ResourceServer, kind: KindDefinition, object: KubeObject): void {
	const meta = object.metadata;
	if (kind.scope === "Namespaced") meta.namespace = server.namespace;
	for (const field of ["uid", "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds", "selfLink", "generation"] as const) delete meta[field];
}

/** Once no plugin changes the object any more. */
function fillSystemFields(server: ResourceServer, kind: KindDefinition, object: KubeObject): void {
	clearSystemFields(server, kind, object);
	const meta = object.metadata;
	if (!meta.name && meta.generateName) meta.name = freeName(server, kind, meta.generateName);
	meta.uid = server.attempt.uuid();
	meta.creationTimestamp = server.nowIso();
}

function freeName(server: ResourceServer, kind: KindDefinition, prefix: string): string {
	for (let tries = 1; ; tries++) {
		const name = generateName(prefix, (length) => server.suffix(length));
		if (tries >= GENERATE_NAME_TRIES || !server.store.has(resourceOf(kind), name)) return name;
	}
}

/** Creates `given` (decoded, with schema defaults; it is changed in place) and returns it as stored. */
export function createObject(server: ResourceServer, kind: KindDefinition, given: KubeObject, options: WriteOptions): KubeObject {
	if (given.metadata.resourceVersion) throw badRequest("resourceVersion should not be set on objects to be created");
	clearSystemFields(server, kind, given);
	kind.defaults?.(given);
	// As upstream: what admission and the server fill in from here on (tokens' volumes, status, addresses) is nobody's field.
	if (!options.applied) trackFields(server, kind, undefined, given, options);
	const admission = admissionOf(server, kind, "CREATE", { object: given, old: undefined }, { ...options, subresource: "" });
	admitMutating(admission, server.admission);
	const { object, ctx } = admission;
	fillSystemFields(server, kind, object);
	kind.prepareCreate?.(object, ctx);
	kind.defaults?.(object);
	refuseInvalid(kind, object, [
		...validateObjectMeta(object.metadata, { namespaced: kind.scope === "Namespaced", nameRule: kind.nameRule ?? "subdomain" }),
		...kind.validate(object),
	]);
	admitValidating(admission, server.admission);
	server.authorizer.checkGrant(options.user, resourceOf(kind), object);
	if (server.store.has(resourceOf(kind), object.metadata.name ?? "")) throw alreadyExists(groupResourceOf(kind), object.metadata.name ?? "");
	allocate(server, kind, object, undefined, options.dryRun);
	for (const warning of kind.warnings?.(object, undefined) ?? []) options.addWarning(warning);
	return options.dryRun ? object : server.commit(kind, object, undefined);
}

function trackFields(server: ResourceServer, kind: KindDefinition, old: KubeObject | undefined, next: KubeObject, options: WriteOptions): void {
	const nowIso = server.nowIso();
	const record = () =>
		recordUpdate(server.schemaOf(kind), kind.schema, old, next, {
			manager: options.manager,
			apiVersion: apiVersionOf(kind),
			nowIso,
			subresource: options.subresource,
		});
	const managedFields = options.twins && old === undefined ? options.twins.of(next, options.manager, nowIso, record) : record();
	if (managedFields === undefined) delete next.metadata.managedFields;
	else next.metadata.managedFields = managedFields;
}

function checkPreconditions(kind: KindDefinition, next: KubeObject, old: KubeObject): void {
	const name = old.metadata.name ?? "";
	const { uid, resourceVersion } = next.metadata;
	if (uid && uid !== old.metadata.uid)
		throw conflict(groupResourceOf(kind), name, `Precondition failed: UID in precondition: ${uid}, UID in object meta: ${old.metadata.uid}`);
	if (resourceVersion && resourceVersion !== old.metadata.resourceVersion) throw staleObject(groupResourceOf(kind), name);
	if (!resourceVersion && kind.allowUnconditionalUpdate === false) {
		throw invalidObject(kind.group, kind.kind, name, [
			{ type: "FieldValueInvalid", field: "metadata.resourceVersion", message: "Invalid value: 0x0: must be specified for an update" },
		]);
	}
}

function keepSystemFields(next: KubeObject, old: KubeObject): void {
	const meta = next.metadata;
	meta.uid = old.metadata.uid;
	meta.creationTimestamp = old.metadata.creationTimestamp;
	meta.resourceVersion = old.metadata.resourceVersion;
	for (const field of ["deletionTimestamp", "deletionGracePeriodSeconds", "generation", "selfLink"] as const) {
		if (old.metadata[field] === undefined) delete meta[field];
		else Object.assign(meta, { [field]: old.metadata[field] });
	}
	if (old.metadata.namespace) meta.namespace = old.metadata.namespace;
}

function prepareUpdate(server: ResourceServer, kind: KindDefinition, next: KubeObject, old: KubeObject, options: WriteOptions): FieldError[] {
	const ctx = server.hookContext(options.user);
	if (options.subresource === "" || options.subresource === "scale") {
		kind.prepareUpdate?.(next, old, ctx);
		return [];
	}
	const subresource = options.subresource === "status" ? kind.subresources?.status : kind.subresources?.object?.[options.subresource];
	subresource?.prepareUpdate(next, old, ctx);
	return subresource?.validateUpdate?.(next, old) ?? [];
}

/** Whether the two differ only in what the server itself writes on every update. */
function unchanged(next: KubeObject, old: KubeObject): boolean {
	const bare = ({ metadata: { managedFields, resourceVersion, ...metadata }, ...rest }: KubeObject) => ({ ...rest, metadata });
	const timeless = (object: KubeObject) => (object.metadata.managedFields ?? []).map(({ time, ...entry }) => entry);
	return semanticEqual(bare(next), bare(old)) && semanticEqual(timeless(next), timeless(old));
}

const isFree = (kind: KindDefinition, object: KubeObject): boolean => (object.metadata.finalizers ?? []).length === 0 && !kind.holdsDeletion?.(object);

/**
 * Replaces `old` by `given` (decoded; it is changed in place) and returns the object as stored. An update that changes
 * nothing writes nothing; one that takes the last finalizer of an object being deleted removes it.
 */
export function updateObject(server: ResourceServer, kind: KindDefinition, given: KubeObject, old: KubeObject, options: WriteOptions): KubeObject {
	checkPreconditions(kind, given, old);
	keepSystemFields(given, old);
	kind.defaults?.(given);
	let errors = prepareUpdate(server, kind, given, old, options);
	if (!options.applied) trackFields(server, kind, old, given, options);
	const admission = admissionOf(server, kind, "UPDATE", { object: given, old }, options);
	admitMutating(admission, server.admission);
	const { object: next } = admission;
	if (next !== given) {
		keepSystemFields(next, old);
		errors = prepareUpdate(server, kind, next, old, options);
	}
	errors.push(...validateObjectMetaUpdate(next.metadata, old.metadata));
	if (options.subresource === "" || options.subresource === "scale") errors.push(...kind.validate(next, old), ...(kind.validateUpdate?.(next, old) ?? []));
	refuseInvalid(kind, next, errors);
	admitValidating(admission, server.admission);
	if (options.subresource === "") server.authorizer.checkGrant(options.user, resourceOf(kind), next, old);
	if (options.subresource === "") allocate(server, kind, next, old, options.dryRun);
	for (const warning of kind.warnings?.(next, old) ?? []) options.addWarning(warning);
	if (unchanged(next, old) && server.isCurrent(kind, next)) return old;
	if (options.dryRun) return next;
	const graceOver = (next.metadata.deletionGracePeriodSeconds ?? 0) === 0;
	if (next.metadata.deletionTimestamp && graceOver && isFree(kind, next)) return server.remove(kind, next);
	return server.commit(kind, next, old);
}

export interface RemovalOptions {
	user: UserInfo;
	dryRun: boolean;
	gracePeriodSeconds?: number;
	propagation?: "Foreground" | "Background" | "Orphan";
	preconditions?: { uid?: string; resourceVersion?: string };
	addWarning?(text: string): void;
	annotate?: ((key: string, value: string) => void) | undefined;
	/** The webhooks have been asked about the request that this deletion belongs to. */
	webhooksAsked?: boolean;
}

function deletionFinalizers(kind: KindDefinition, object: KubeObject, propagation: RemovalOptions["propagation"]): string[] {
	const had = object.metadata.finalizers ?? [];
	const chosen =
		propagation ?? (had.includes("orphan") ? "Orphan" : had.includes("foregroundDeletion") ? "Foreground" : (kind.defaultPropagation ?? "Background"));
	const others = had.filter((finalizer) => finalizer !== "orphan" && finalizer !== "foregroundDeletion");
	return chosen === "Orphan" ? [...others, "orphan"] : chosen === "Foreground" ? [...others, "foregroundDeletion"] : others;
}

function checkDeletePreconditions(kind: KindDefinition, object: KubeObject, wanted: RemovalOptions["preconditions"]): void {
	const { uid, resourceVersion, name = "" } = object.metadata;
	if (wanted?.uid && wanted.uid !== uid)
		throw conflict(groupResourceOf(kind), name, `Precondition failed: UID in precondition: ${wanted.uid}, UID in object meta: ${uid}`);
	if (wanted?.resourceVersion && wanted.resourceVersion !== resourceVersion)
		throw conflict(
			groupResourceOf(kind),
			name,
			`Precondition failed: ResourceVersion in precondition: ${wanted.resourceVersion}, ResourceVersion in object meta: ${resourceVersion}`,
		);
}

/** Marks the object as being deleted, or removes it when nothing holds it. Returns its state then. */
export function deleteObject(
	server: ResourceServer,
	kind: KindDefinition,
	object: KubeObject,
	options: RemovalOptions,
): { object: KubeObject; removed: boolean } {
	checkDeletePreconditions(kind, object, options.preconditions);
	const admission = admissionOf(server, kind, "DELETE", { object, old: object }, options);
	admitMutating(admission, server.admission);
	admitValidating(admission, server.admission);
	const next = markDeleted(server, kind, object, options);
	if ((next.metadata.deletionGracePeriodSeconds ?? 0) === 0 && isFree(kind, next))
		return { object: options.dryRun ? next : server.remove(kind, next), removed: true };
	if (options.dryRun || unchanged(next, object)) return { object: next, removed: false };
	return { object: server.commit(kind, next, object), removed: false };
}

function markDeleted(server: ResourceServer, kind: KindDefinition, object: KubeObject, options: RemovalOptions): KubeObject {
	const next = cloneJson(object);
	const finalizers = deletionFinalizers(kind, object, options.propagation);
	if (finalizers.length > 0) next.metadata.finalizers = finalizers;
	else delete next.metadata.finalizers;
	const grace = kind.gracePeriodSeconds?.(object, options.gracePeriodSeconds) ?? 0;
	const earlier = object.metadata.deletionTimestamp ? (object.metadata.deletionGracePeriodSeconds ?? 0) : undefined;
	if (earlier !== undefined && grace >= earlier) return next;
	const deletedMs = earlier === undefined ? server.ports.nowMs() : Date.parse(object.metadata.deletionTimestamp ?? "") - earlier * 1000;
	next.metadata.deletionTimestamp = `${new Date(deletedMs + grace * 1000).toISOString().slice(0, 19)}Z`;
	next.metadata.deletionGracePeriodSeconds = grace;
	if (earlier === undefined && next.metadata.generation) next.metadata.generation += 1;
	kind.prepareDelete?.(next);
	return next;
}
