/**
 * Makes pods' ResourceClaims of their templates, takes reservations back from pods that are done, frees the devices of claims that nobody
 * uses, and deletes claims with the pods they were made for (k8s.io/kubernetes/pkg/controller/resourceclaim).
 */
import {
	DELETE_PROTECTION,
	hasFreeReservation,
	isReservedFor,
	type NamedClaim,
	namedClaim,
	namedClaims,
	RESOURCE_CLAIMS,
	reservationOf,
	whyNotForPod,
} from "../devices/pod-claims.ts";
import { DEVICE_GROUP } from "../kinds/device-rules.ts";
import type { Pod, ResourceClaimConsumerReference, ResourceClaimTemplate, ResourceV1ResourceClaim as ResourceClaim } from "../schema/kubernetes.d.ts";
import {
	type Action,
	type Controller,
	controllerOf,
	NOTHING,
	type ObjectChange,
	type ReconcileContext,
	type ReconcileResult,
	type View,
} from "./controller.ts";
import { controllerReference, draftOf, isBeingDeleted, nameOf, namespaceOf, setMetadataList, uidOf } from "./identity.ts";
import { isFinished } from "./pod-state.ts";
import { resourceClaimsOf } from "./pod-references.ts";

const PODS = "pods";
const TEMPLATES = `${DEVICE_GROUP}/resourceclaimtemplates`;
/** Which of its pod's claims a generated one is. */
const POD_CLAIM_ANNOTATION = "resource.kubernetes.io/pod-claim-name";
/** Leaves room for a hyphen and SUFFIX_LENGTH characters in a label. */
const STEM_LENGTH_MAX = 57;
const SUFFIX_LENGTH = 5;
/** After a creation that the API refused, in milliseconds. */
const RETRY_MS = 30_000;

const POD_KEY = "pod:";
const CLAIM_KEY = "claim:";

/** It will not run (any more). */
const isDone = (pod: Pod): boolean => isFinished(pod) || (isBeingDeleted(pod) && !pod.spec?.nodeName);

function keysOfPod({ old, object }: ObjectChange): string[] {
	const pod = (object ?? old) as Pod;
	if (!pod.spec?.resourceClaims?.length && !pod.status?.extendedResourceClaimStatus) return [];
	if (object === undefined || isDone(pod))
		return [...new Set([...resourceClaimsOf(pod), ...resourceClaimsOf((old ?? pod) as Pod)])].map((name) => CLAIM_KEY + name);
	const before = old as Pod | undefined;
	const isNews =
		before === undefined || before.spec?.nodeName !== pod.spec?.nodeName || before.status?.resourceClaimStatuses !== pod.status?.resourceClaimStatuses;
	return isNews && !isBeingDeleted(pod) ? [POD_KEY + nameOf(pod)] : [];
}

/** A claim that went is made again; one that others have allocated must be reserved for the pods that wait on their nodes. */
function keysOfClaim({ old, object }: ObjectChange, view: View): string[] {
	const [before, now] = [old as ResourceClaim | undefined, object as ResourceClaim | undefined];
	const name = nameOf((now ?? before) as ResourceClaim);
	const own = now === undefined ? [] : [CLAIM_KEY + name];
	if (now !== undefined && (!now.status?.allocation || before?.status?.allocation)) return own;
	return [...own, ...podsWith(view, (pod) => resourceClaimsOf(pod).includes(name))];
}

function keysOfTemplate({ object }: ObjectChange, view: View): string[] {
	const template = object && nameOf(object);
	return template === undefined
		? []
		: podsWith(view, ({ spec }) => spec?.resourceClaims?.some(({ resourceClaimTemplateName }) => resourceClaimTemplateName === template) ?? false);
}

const podsWith = (view: View, wanted: (pod: Pod) => boolean): string[] =>
	view
		.list<Pod>(PODS)
		.filter((pod) => pod.spec?.resourceClaims?.length && wanted(pod))
		.map((pod) => POD_KEY + nameOf(pod));

/** Both names are cut in proportion to their lengths, so that something of each is left. */
function claimStem(pod: string, podClaim: string): string {
	const whole = `${pod}-${podClaim}-`;
	if (whole.length <= STEM_LENGTH_MAX) return whole;
	const cut = (name: string): string => name.slice(0, Math.trunc((name.length * STEM_LENGTH_MAX) / whole.length));
	return `${cut(pod)}-${cut(podClaim)}`;
}

function newClaim(pod: Pod, podClaim: string, template: ResourceClaimTemplate, ctx: ReconcileContext): ResourceClaim {
	const { metadata, spec } = draftOf(template.spec);
	const generateName = claimStem(nameOf(pod), podClaim);
	return {
		apiVersion: `${DEVICE_GROUP}/v1`,
		kind: "ResourceClaim",
		metadata: {
			name: generateName + ctx.suffix(SUFFIX_LENGTH),
			generateName,
			namespace: namespaceOf(pod),
			ownerReferences: [controllerReference(pod)],
			annotations: { ...metadata?.annotations, [POD_CLAIM_ANNOTATION]: podClaim },
			...(metadata?.labels ? { labels: metadata.labels } : {}),
		},
		spec,
	};
}

/** The claim that was made for the pod, whatever its status says. */
const madeFor = (view: View, pod: Pod, podClaim: string): ResourceClaim | undefined =>
	view.controlledBy<ResourceClaim>(RESOURCE_CLAIMS, uidOf(pod)).find(({ metadata }) => metadata.annotations?.[POD_CLAIM_ANNOTATION] === podClaim);

function isThere(view: View, pod: Pod, { name, generated }: NamedClaim): boolean {
	if (name === null || !generated) return true;
	const claim = name === undefined ? undefined : view.get<ResourceClaim>(RESOURCE_CLAIMS, name);
	return claim !== undefined && whyNotForPod(claim, pod) === undefined;
}

const failed = (pod: Pod, podClaim: string, why: string): Action => ({
	type: "event",
	about: pod,
	eventType: "Warning",
	reason: "FailedResourceClaimCreation",
	message: `PodResourceClaim ${podClaim}: ${why}`,
});

function syncPod(pod: Pod, view: View, ctx: ReconcileContext): ReconcileResult {
	const actions: Action[] = [];
	const made = new Map<string, string>();
	for (const wanted of pod.spec?.resourceClaims ?? []) {
		if (isThere(view, pod, namedClaim(pod, wanted))) continue;
		const found = madeFor(view, pod, wanted.name);
		const templateName = wanted.resourceClaimTemplateName ?? "";
		const template = found ? undefined : view.get<ResourceClaimTemplate>(TEMPLATES, templateName);
		if (found === undefined && template === undefined) {
			const missing = `resourceclaimtemplate.${DEVICE_GROUP} ${JSON.stringify(templateName)} not found`;
			return { actions: [failed(pod, wanted.name, `resource claim template ${JSON.stringify(templateName)}: ${missing}`)] };
		}
		if (ctx.refusal !== undefined && template !== undefined && actions.length === ctx.refusal.created)
			return { actions: [failed(pod, wanted.name, `create ResourceClaim : ${ctx.refusal.message}`)], requeueAfterMs: RETRY_MS };
		const claim = found ?? newClaim(pod, wanted.name, template as ResourceClaimTemplate, ctx);
		if (found === undefined) actions.push({ type: "create", resource: RESOURCE_CLAIMS, object: claim });
		made.set(wanted.name, nameOf(claim));
	}
	if (made.size > 0) actions.push({ type: "updateStatus", resource: PODS, object: withClaims(pod, made) });
	return { actions: [...actions, ...reservations(pod, view)] };
}

function withClaims(pod: Pod, made: ReadonlyMap<string, string>): Pod {
	const draft = draftOf(pod);
	const others = (pod.status?.resourceClaimStatuses ?? []).filter(({ name }) => !made.has(name));
	draft.status = { ...draft.status, resourceClaimStatuses: [...others, ...[...made].map(([name, resourceClaimName]) => ({ name, resourceClaimName }))] };
	return draft;
}

/** For a pod that got its node from someone else; the scheduler reserves what it allocates. */
function reservations(pod: Pod, view: View): Action[] {
	if (!pod.spec?.nodeName) return [];
	return namedClaims(pod).flatMap(({ name, generated }): Action[] => {
		const claim = name ? view.get<ResourceClaim>(RESOURCE_CLAIMS, name) : undefined;
		if (!claim?.status?.allocation || isBeingDeleted(claim) || isReservedFor(claim, uidOf(pod)) || !hasFreeReservation(claim)) return [];
		if (generated && whyNotForPod(claim, pod) !== undefined) return [];
		const draft = draftOf(claim);
		draft.status = { ...draft.status, reservedFor: [...(claim.status.reservedFor ?? []), reservationOf(pod)] };
		return [{ type: "updateStatus", resource: RESOURCE_CLAIMS, object: draft }];
	});
}

function isValid({ apiGroup, resource, name, uid }: ResourceClaimConsumerReference, view: View): boolean {
	if (apiGroup || resource !== "pods") throw new Error(`unsupported ReservedFor entry: ${JSON.stringify({ apiGroup, resource, name, uid })}`);
	const pod = view.get<Pod>(PODS, name);
	return pod !== undefined && uidOf(pod) === uid && !isDone(pod);
}

function syncClaim(claim: ResourceClaim, view: View): Action[] {
	const reservedFor = claim.status?.reservedFor ?? [];
	const valid = reservedFor.filter((entry) => isValid(entry, view));
	const actions: Action[] = [];
	const protectedOne = claim.metadata.finalizers?.includes(DELETE_PROTECTION) ?? false;
	// Only who was used and is not any more is freed: a claim may be allocated before anyone reserves it.
	const frees = valid.length === 0 && protectedOne && (reservedFor.length > 0 || isBeingDeleted(claim));
	if (frees || valid.length < reservedFor.length) {
		const { allocation, devices, reservedFor: _, ...others } = claim.status ?? {};
		const draft = draftOf(claim);
		const kept = frees ? {} : { ...(allocation ? { allocation } : {}), ...(devices ? { devices } : {}) };
		draft.status = { ...others, ...kept, ...(valid.length > 0 ? { reservedFor: valid } : {}) };
		actions.push({ type: "updateStatus", resource: RESOURCE_CLAIMS, object: draft });
		if (frees) actions.push({ type: "update", resource: RESOURCE_CLAIMS, object: withoutProtection(draft) });
	}
	if (valid.length === 0 && !isBeingDeleted(claim) && ownerIsDone(claim, view))
		actions.push({ type: "delete", resource: RESOURCE_CLAIMS, name: nameOf(claim), uid: uidOf(claim) });
	return actions;
}

/** Written after the status in the same transaction, so on whatever version that made. */
export function withoutProtection(claim: ResourceClaim): ResourceClaim {
	const draft = draftOf(claim);
	delete draft.metadata.resourceVersion;
	setMetadataList(
		draft,
		"finalizers",
		(draft.metadata.finalizers ?? []).filter((finalizer) => finalizer !== DELETE_PROTECTION),
	);
	return draft;
}

function ownerIsDone(claim: ResourceClaim, view: View): boolean {
	const owner = controllerOf(claim);
	if (owner?.apiVersion !== "v1" || owner.kind !== "Pod") return false;
	const pod = view.get<Pod>(PODS, owner.name);
	return pod === undefined || uidOf(pod) !== owner.uid || isDone(pod);
}

function reconcile(key: string, view: View, ctx: ReconcileContext): ReconcileResult {
	if (key.startsWith(CLAIM_KEY)) {
		const claim = view.get<ResourceClaim>(RESOURCE_CLAIMS, key.slice(CLAIM_KEY.length));
		return claim === undefined ? NOTHING : { actions: syncClaim(claim, view) };
	}
	const pod = view.get<Pod>(PODS, key.slice(POD_KEY.length));
	return pod === undefined || isBeingDeleted(pod) || isFinished(pod) ? NOTHING : syncPod(pod, view, ctx);
}

export const resourceClaimController: Controller = {
	name: "resource-claim",
	hearsRefusals: true,
	watches: [
		{ resource: PODS, keys: keysOfPod },
		{ resource: RESOURCE_CLAIMS, keys: keysOfClaim },
		{ resource: TEMPLATES, keys: keysOfTemplate },
	],
	objectOf: (key, view) =>
		key.startsWith(CLAIM_KEY) ? view.get<ResourceClaim>(RESOURCE_CLAIMS, key.slice(CLAIM_KEY.length)) : view.get<Pod>(PODS, key.slice(POD_KEY.length)),
	reconcile,
};
