/**
 * Accepts the names of CustomResourceDefinitions, establishes them, and empties them before they go (apiextensions-apiserver
 * pkg/controller: status/naming_controller, establish, finalizer/crd_finalizer).
 */
import { hasBadBundle } from "../crd/ca-bundle.ts";
import { isEstablished } from "../crd/custom-kinds.ts";
import { conditionOf, ESTABLISHED, NAMES_ACCEPTED, type NewCondition, TERMINATING, withCondition } from "../crd/definition-conditions.ts";
import type { KindRegistry } from "../kinds/define-kind.ts";
import { CLEANUP_FINALIZER } from "../kinds/custom-resource-definition.ts";
import { semanticEqual } from "../meta/equality.ts";
import { resourceName } from "../meta/object.ts";
import type { CustomResourceDefinition, CustomResourceDefinitionNames } from "../schema/kubernetes.d.ts";
import { type Action, type Controller, NOTHING, type ObjectChange, type ReconcileContext, type ReconcileResult, type View } from "./controller.ts";
import { draftOf, isBeingDeleted, nameOf, setMetadataList, uidOf } from "./identity.ts";
import { metaTime } from "./meta-time.ts";

const DEFINITIONS = "apiextensions.k8s.io/customresourcedefinitions";
/** Objects deleted in one reconcile. */
const DELETIONS_PER_RECONCILE_MAX = 500;
/** How often namespaces that have not answered are asked again, in milliseconds. */
const ASK_AGAIN_MS = 30_000;

export interface DefinitionDeps {
	/** The built-in kinds: their names are taken. */
	builtin: KindRegistry;
	/** The namespaces that hold no object of the definition's any more. */
	emptied(uid: string): ReadonlySet<string>;
}

export function customResourceDefinitionController(deps: DefinitionDeps): Controller {
	return {
		name: "custom-resource-definition",
		watches: [
			{ resource: DEFINITIONS, keys: concerned },
			{ resource: "*", keys: instanceGone },
		],
		reconcile: (key, view, ctx) => reconcile(key, view, ctx, deps),
	};
}

/** The definition itself, and those of its group that wait for names. */
function concerned({ old, object }: ObjectChange, view: View): string[] {
	const changed = (object ?? old) as CustomResourceDefinition;
	const waiting = view
		.list<CustomResourceDefinition>(DEFINITIONS)
		.filter((other) => other.spec.group === changed.spec.group && conditionOf(other, NAMES_ACCEPTED)?.status !== "True");
	return [...new Set([nameOf(changed), ...waiting.map(nameOf)])];
}

/** A cluster-scoped object that goes may be the last that a definition waits for. */
function instanceGone({ resource, object }: ObjectChange, view: View): string[] {
	if (object !== undefined || !resource.includes("/") || resource === DEFINITIONS) return [];
	const [group = "", plural = ""] = resource.split("/");
	const definition = view.get<CustomResourceDefinition>(DEFINITIONS, `${plural}.${group}`);
	return definition && isBeingDeleted(definition) ? [nameOf(definition)] : [];
}

function reconcile(key: string, view: View, ctx: ReconcileContext, deps: DefinitionDeps): ReconcileResult {
	const definition = view.get<CustomResourceDefinition>(DEFINITIONS, key);
	if (definition === undefined) return NOTHING;
	return isBeingDeleted(definition) ? empty(definition, view, ctx, deps) : accept(definition, view, ctx, deps);
}

interface TakenNames {
	/** Plurals, singulars and short names. */
	resources: Set<string>;
	/** Kinds and list kinds. */
	kinds: Set<string>;
}

function takenNames(definition: CustomResourceDefinition, view: View, builtin: KindRegistry): TakenNames {
	const { group } = definition.spec;
	const taken: TakenNames = { resources: new Set(), kinds: new Set() };
	const take = ({ plural, singular, shortNames, kind, listKind }: CustomResourceDefinitionNames) => {
		for (const name of [plural, singular, ...(shortNames ?? [])]) if (name) taken.resources.add(name);
		for (const name of [kind, listKind]) if (name) taken.kinds.add(name);
	};
	for (const kind of builtin.all()) if (kind.group === group) take({ ...kind, shortNames: [...(kind.shortNames ?? [])], categories: [] });
	for (const other of view.list<CustomResourceDefinition>(DEFINITIONS))
		if (other.spec.group === group && nameOf(other) !== nameOf(definition) && other.status?.acceptedNames) take(other.status.acceptedNames);
	return taken;
}

interface Verdict {
	accepted: CustomResourceDefinitionNames;
	condition: NewCondition;
}

/** calculateNamesAndConditions: each name is accepted that it had already, or that no one else has. */
function judgeNames(definition: CustomResourceDefinition, taken: TakenNames): Verdict {
	const wanted = definition.spec.names;
	const before = definition.status?.acceptedNames;
	const accepted: CustomResourceDefinitionNames = { ...before, plural: before?.plural ?? "", kind: before?.kind ?? "" };
	let conflict: { reason: string; message: string } | undefined;
	const judge = (reason: string, names: readonly string[], had: readonly string[], used: ReadonlySet<string>, accept: () => void) => {
		const refused = names.find((name) => !had.includes(name) && used.has(name));
		if (refused === undefined) accept();
		else conflict ??= { reason: `${reason}Conflict`, message: `${JSON.stringify(refused)} is already in use` };
	};
	judge("Plural", [wanted.plural], [before?.plural ?? ""], taken.resources, () => Object.assign(accepted, { plural: wanted.plural }));
	judge("Singular", [wanted.singular ?? ""], [before?.singular ?? ""], taken.resources, () => Object.assign(accepted, { singular: wanted.singular }));
	judge("ShortNames", wanted.shortNames ?? [], before?.shortNames ?? [], taken.resources, () => setOptional(accepted, "shortNames", wanted.shortNames));
	judge("Kind", [wanted.kind], [before?.kind ?? ""], taken.kinds, () => Object.assign(accepted, { kind: wanted.kind }));
	judge("ListKind", [wanted.listKind ?? ""], [before?.listKind ?? ""], taken.kinds, () => Object.assign(accepted, { listKind: wanted.listKind }));
	setOptional(accepted, "categories", wanted.categories);
	const verdict = conflict ?? { reason: "NoConflicts", message: "no conflicts found" };
	return { accepted, condition: { type: NAMES_ACCEPTED, status: conflict ? "False" : "True", ...verdict } };
}

function setOptional(names: CustomResourceDefinitionNames, key: "shortNames" | "categories", value: string[] | undefined): void {
	if (value?.length) names[key] = [...value];
	else delete names[key];
}

function accept(definition: CustomResourceDefinition, view: View, ctx: ReconcileContext, { builtin }: DefinitionDeps): ReconcileResult {
	const { accepted, condition } = judgeNames(definition, takenNames(definition, view, builtin));
	const draft = draftOf(definition);
	const nowIso = metaTime(ctx.nowMs);
	draft.status = { storedVersions: [], ...draft.status, acceptedNames: accepted };
	withCondition(draft, condition, nowIso);
	// Once established it stays so: its objects must not become unreachable.
	if (conditionOf(definition, ESTABLISHED)?.status !== "True") withCondition(draft, establishedBy(condition, definition), nowIso);
	return semanticEqual(draft.status, definition.status) ? NOTHING : { actions: [{ type: "updateStatus", resource: DEFINITIONS, object: draft }] };
}

function establishedBy({ status }: NewCondition, definition: CustomResourceDefinition): NewCondition {
	if (status === "True" && hasBadBundle(definition))
		return { type: ESTABLISHED, status: "False", reason: "InvalidCABundle", message: "The conversion webhook CABundle is invalid" };
	return status === "True"
		? { type: ESTABLISHED, status: "True", reason: "InitialNamesAccepted", message: "the initial names have been accepted" }
		: { type: ESTABLISHED, status: "False", reason: "NotAccepted", message: "not all names are accepted" };
}

function empty(definition: CustomResourceDefinition, view: View, ctx: ReconcileContext, deps: DefinitionDeps): ReconcileResult {
	if (!definition.metadata.finalizers?.includes(CLEANUP_FINALIZER)) return NOTHING;
	if (!isEstablished(definition)) return { actions: finished(definition) };
	return definition.spec.scope === "Cluster" ? emptyHere(definition, view, ctx) : emptyNamespaces(definition, view, ctx, deps);
}

function emptyHere(definition: CustomResourceDefinition, view: View, ctx: ReconcileContext): ReconcileResult {
	const resource = resourceName(definition.spec.group, definition.spec.names.plural);
	const instances = view.list(resource);
	if (instances.length === 0) return { actions: finished(definition) };
	const doomed = instances.filter((object) => !isBeingDeleted(object));
	const actions = doomed
		.slice(0, DELETIONS_PER_RECONCILE_MAX)
		.map((object): Action => ({ type: "delete", resource, name: nameOf(object), uid: uidOf(object) }));
	return { actions: [...inProgress(definition, ctx), ...actions], ...(doomed.length > actions.length ? { requeueAfterMs: 0 } : {}) };
}

/** Each Namespace object deletes its own and says when none is left. */
function emptyNamespaces(definition: CustomResourceDefinition, view: View, ctx: ReconcileContext, { emptied }: DefinitionDeps): ReconcileResult {
	const uid = uidOf(definition);
	const done = emptied(uid);
	const left = view
		.list("namespaces")
		.map(nameOf)
		.filter((name) => !done.has(name));
	if (left.length === 0) return { actions: finished(definition) };
	const begins = inProgress(definition, ctx);
	const { group, names } = definition.spec;
	const body = { type: "deleteInstances" as const, definition: nameOf(definition), uid, resource: resourceName(group, names.plural) };
	// The others are still at it, and say so in their own time.
	if (begins.length === 0 && done.size > 0) return { actions: [], requeueAfterMs: ASK_AGAIN_MS };
	const asks = left.map((name): Action => ({ type: "send", message: { to: { object: "namespace", name }, body } }));
	return { actions: [...begins, ...asks], requeueAfterMs: ASK_AGAIN_MS };
}

function withTerminating(definition: CustomResourceDefinition, condition: Omit<NewCondition, "type">, ctx: ReconcileContext): CustomResourceDefinition {
	const draft = draftOf(definition);
	withCondition(draft, { type: TERMINATING, ...condition }, metaTime(ctx.nowMs));
	return draft;
}

/** Says once that deletion goes on. */
function inProgress(definition: CustomResourceDefinition, ctx: ReconcileContext): Action[] {
	const reason = "InstanceDeletionInProgress";
	if (conditionOf(definition, TERMINATING)?.reason === reason) return [];
	const object = withTerminating(definition, { status: "True", reason, message: "CustomResource deletion is in progress" }, ctx);
	return [{ type: "updateStatus", resource: DEFINITIONS, object }];
}

function finished(definition: CustomResourceDefinition): Action[] {
	const draft = draftOf(definition);
	const rest = (draft.metadata.finalizers ?? []).filter((name) => name !== CLEANUP_FINALIZER);
	setMetadataList(draft, "finalizers", rest);
	return [{ type: "update", resource: DEFINITIONS, object: draft }];
}
