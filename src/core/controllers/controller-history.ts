/** The versions of a StatefulSet's or DaemonSet's template, kept as ControllerRevisions (k8s.io/kubernetes/pkg/controller/history). */
import type { KubeObject } from "../meta/object.ts";
import { semanticEqual } from "../meta/equality.ts";
import type { ControllerRevision, LabelSelector, PodTemplateSpec } from "../schema/kubernetes.d.ts";
import { labelSelectorOf } from "../selector/label-selector.ts";
import { canonicalJson } from "./canonical-json.ts";
import { claim, type Claimed } from "./claim.ts";
import { type Action, controllerOf, type ObjectChange, type View } from "./controller.ts";
import { fnv1a32, safeEncode } from "./deployment/pod-template-hash.ts";
import { controllerReference, draftOf, nameOf, uidOf } from "./identity.ts";

export const REVISIONS = "apps/controllerrevisions";
/** On a pod: which revision it was made from. */
export const REVISION_LABEL = "controller-revision-hash";
/** Longest name that a revision's stem may have (controllerRevisionNameMaxLength less the hash). */
const STEM_LENGTH_MAX = 223;
/** More names of other content than this mean a broken hash. */
const COLLISIONS_MAX = 100;

export interface RevisionOwner extends KubeObject {
	spec?: { selector: LabelSelector; template: PodTemplateSpec };
	status?: { collisionCount?: number };
}

/** A template as a strategic merge patch that puts it back (getPatch). */
export const revisionData = (template: PodTemplateSpec): Record<string, unknown> => ({ spec: { template: { ...draftOf(template), $patch: "replace" } } });

/** The template that a revision keeps. */
export function templateOf(revision: ControllerRevision): PodTemplateSpec {
	const { $patch: _patch, ...template } = (revision.data as { spec: { template: PodTemplateSpec & { $patch?: string } } }).spec.template;
	return template;
}

/** Oldest first. */
export function sortRevisions(revisions: readonly ControllerRevision[]): ControllerRevision[] {
	const order = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);
	return [...revisions].sort(
		(a, b) => a.revision - b.revision || order(a.metadata.creationTimestamp ?? "", b.metadata.creationTimestamp ?? "") || order(nameOf(a), nameOf(b)),
	);
}

export function claimRevisions(owner: RevisionOwner, view: View): Claimed<ControllerRevision> {
	const orphans = view.list<ControllerRevision>(REVISIONS, owner.spec?.selector.matchLabels).filter((revision) => controllerOf(revision) === undefined);
	return claim(owner, labelSelectorOf(owner.spec?.selector), REVISIONS, [...view.controlledBy<ControllerRevision>(REVISIONS, uidOf(owner)), ...orphans]);
}

/** The owner whose revision was changed by someone. */
export const ownerOfRevision =
	(kind: string) =>
	({ old, object }: ObjectChange): string[] =>
		[old, object].flatMap((revision) => {
			const owner = revision && controllerOf(revision);
			return owner?.kind === kind ? [owner.name] : [];
		});

export interface TemplateRevision {
	/** Of the present template. */
	revision: ControllerRevision;
	/** All, oldest first, the present one last. */
	all: ControllerRevision[];
	/** Grows when another object has the name that a revision would get. */
	collisionCount: number;
	actions: Action[];
}

/**
 * The revision of the owner's present template: the newest with its content, which becomes the last one, or a new one.
 * `hashLabel` is the label on the revision that bears its hash.
 */
export function presentRevision(owner: RevisionOwner, owned: readonly ControllerRevision[], hashLabel: string, view: View): TemplateRevision {
	const template = owner.spec?.template ?? {};
	const data = revisionData(template);
	const sorted = sortRevisions(owned);
	const last = sorted.at(-1);
	const next = (last?.revision ?? 0) + 1;
	const collisionCount = owner.status?.collisionCount ?? 0;
	const equal = sorted.filter((revision) => semanticEqual(revision.data, data)).at(-1);
	if (equal === undefined) return addRevision(owner, sorted, { data, hashLabel, number: next, collisionCount }, view);
	if (equal === last) return { revision: equal, all: sorted, collisionCount, actions: [] };
	const raised = { ...draftOf(equal), revision: next };
	return {
		revision: raised,
		all: [...sorted.filter((revision) => revision !== equal), raised],
		collisionCount,
		actions: [{ type: "update", resource: REVISIONS, object: raised }],
	};
}

interface NewRevision {
	data: Record<string, unknown>;
	hashLabel: string;
	number: number;
	collisionCount: number;
}

function addRevision(owner: RevisionOwner, sorted: ControllerRevision[], wanted: NewRevision, view: View): TemplateRevision {
	for (let collisionCount = wanted.collisionCount; collisionCount < wanted.collisionCount + COLLISIONS_MAX; collisionCount++) {
		const salt = collisionCount === 0 ? "" : `#${collisionCount}`;
		const hash = safeEncode(String(fnv1a32(new TextEncoder().encode(canonicalJson(wanted.data) + salt))));
		const name = `${nameOf(owner).slice(0, STEM_LENGTH_MAX)}-${hash}`;
		if (view.get(REVISIONS, name) !== undefined) continue;
		const revision: ControllerRevision = {
			apiVersion: "apps/v1",
			kind: "ControllerRevision",
			metadata: {
				name,
				namespace: owner.metadata.namespace,
				labels: { ...owner.spec?.template.metadata?.labels, [wanted.hashLabel]: hash },
				...(owner.metadata.annotations ? { annotations: draftOf(owner.metadata.annotations) } : {}),
				ownerReferences: [controllerReference(owner)],
			},
			data: wanted.data,
			revision: wanted.number,
		};
		return { revision, all: [...sorted, revision], collisionCount, actions: [{ type: "create", resource: REVISIONS, object: revision }] };
	}
	throw new Error(`no free name for a revision of ${owner.kind} ${nameOf(owner)}`);
}

/** Drops the oldest revisions beyond the limit, but none in use. */
export function truncateHistory(history: readonly ControllerRevision[], inUse: (revision: ControllerRevision) => boolean, limit: number): Action[] {
	const idle = sortRevisions(history).filter((revision) => !inUse(revision));
	return idle
		.slice(0, Math.max(0, idle.length - limit))
		.map((revision): Action => ({ type: "delete", resource: REVISIONS, name: nameOf(revision), uid: uidOf(revision) }));
}
