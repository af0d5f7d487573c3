/**
 * Binds claims to volumes (k8s.io/kubernetes/pkg/controller/volume/persistentvolume). It runs where the volumes are, in the
 * Cluster object, and knows the claims by a replica: a volume is given to one claim in one transaction, and what that means
 * for the claim goes to its namespace as a message.
 */
import type { KubeObject } from "../meta/object.ts";
import { semanticEqual } from "../meta/equality.ts";
import type { PersistentVolume, PersistentVolumeClaim, StorageClass } from "../schema/kubernetes.d.ts";
import { volumesKeptFor } from "../volumes/volume-matching.ts";
import { storageClassOf } from "../volumes/claim-annotations.ts";
import { CLAIMS } from "./cluster-replica-controller.ts";
import type { Action, Controller, ObjectChange, ReconcileContext, ReconcileResult, View } from "./controller.ts";
import { NOTHING } from "./controller.ts";
import { nameOf, uidOf } from "./identity.ts";
import type { ClaimChange } from "./persistentvolume/claim-write.ts";
import { actionsOf, claimKeyOf, STORAGE_CLASSES, syncClaim } from "./persistentvolume/sync-claim.ts";
import { syncVolume, VOLUMES } from "./persistentvolume/sync-volume.ts";

export const PERSISTENT_VOLUME = "persistentvolume";

export interface BinderDeps {
	/** Whether the namespace has said that it has no such claim. */
	claimIsGone(namespace: string, name: string): boolean;
}

const volumeKey = (name: string): string => `volume/${name}`;
const claimKey = (key: string): string => `claim/${key}`;

function keysOfVolume({ old, object }: ObjectChange, view: View): string[] {
	const [before, now] = [old as PersistentVolume | undefined, object as PersistentVolume | undefined];
	const claims = [before, now].flatMap((volume) => (volume?.spec?.claimRef ? [`${volume.spec.claimRef.namespace}/${volume.spec.claimRef.name}`] : []));
	const name = nameOf((now ?? before) as KubeObject);
	const waiting = now !== undefined && mayServeOthers(before, now) ? unboundClaims(view) : [];
	return [volumeKey(name), ...new Set([...claims, ...waiting.map(claimKeyOf)].map(claimKey)), ...boundByName(view, name, now)];
}

/** Whether claims that wait may find in the volume now what they did not before. */
function mayServeOthers(before: PersistentVolume | undefined, now: PersistentVolume): boolean {
	if (now.spec?.claimRef || now.status?.phase !== "Available") return false;
	const bare = (volume: PersistentVolume | undefined) => volume && [volume.spec, volume.metadata.labels, volume.status?.phase, storageClassOf(volume)];
	return !semanticEqual(bare(before), bare(now));
}

const unboundClaims = (view: View): PersistentVolumeClaim[] => view.list<PersistentVolumeClaim>(CLAIMS).filter(({ spec }) => !spec?.volumeName);

/** A volume that comes or goes concerns the claims that name it. */
function boundByName(view: View, volume: string, now: PersistentVolume | undefined): string[] {
	if (now?.spec?.claimRef) return [];
	return view
		.list<PersistentVolumeClaim>(CLAIMS)
		.filter(({ spec }) => spec?.volumeName === volume)
		.map((claim) => claimKey(claimKeyOf(claim)));
}

function keysOfClaim({ old, object }: ObjectChange, view: View): string[] {
	const [before, now] = [old as PersistentVolumeClaim | undefined, object as PersistentVolumeClaim | undefined];
	const claim = (now ?? before) as PersistentVolumeClaim;
	const named = [before, now].flatMap((each) => each?.spec?.volumeName ?? []);
	const isAnother = now === undefined || before === undefined || uidOf(before) !== uidOf(now);
	const keeping = isAnother ? volumesKeptFor(claim.metadata, (grouping, key) => view.grouped(grouping, key)).map(nameOf) : [];
	return [claimKey(claimKeyOf(claim)), ...new Set([...named, ...keeping].map(volumeKey))];
}

/** A class that comes or changes may serve those that wait for it, or for a default one. */
function keysOfClass({ old, object }: ObjectChange, view: View): string[] {
	const name = nameOf((object ?? old) as StorageClass);
	const concerned = unboundClaims(view).filter((claim) => storageClassOf(claim) === name || storageClassOf(claim) === "");
	return concerned.map((claim) => claimKey(claimKeyOf(claim)));
}

function reconcileVolume(name: string, view: View, deps: BinderDeps): Action[] {
	const volume = view.get<PersistentVolume>(VOLUMES, name);
	if (volume === undefined) return [];
	const { namespace = "", name: claim = "" } = volume.spec?.claimRef ?? {};
	return syncVolume(volume, {
		claim: view.get<PersistentVolumeClaim>(CLAIMS, `${namespace}/${claim}`),
		isGone: view.get("namespaces", namespace) === undefined || deps.claimIsGone(namespace, claim),
		ask: { type: "send", message: { to: { object: "namespace", name: namespace }, body: { type: "wantReplicas", resource: CLAIMS, names: [claim] } } },
	});
}

function reconcileClaim(key: string, view: View, ctx: ReconcileContext): Action[] {
	const claim = view.get<PersistentVolumeClaim>(CLAIMS, key);
	const told = ctx.recall(key);
	if (claim === undefined) return told === undefined ? [] : [{ type: "remember", key, value: undefined }];
	const decision = syncClaim(claim, view);
	const text = decision.change && JSON.stringify([uidOf(claim), tellingOf(decision.change)]);
	// What was told before about the claim as it is is not told again with each volume that comes and goes.
	if (decision.change && isOnlyTelling(decision.change)) {
		if (text === told) return decision.volumeActions;
		return [...actionsOf(claim, decision), { type: "remember", key, value: text }];
	}
	return [...actionsOf(claim, decision), ...(told === undefined ? [] : [{ type: "remember", key, value: undefined } satisfies Action])];
}

const tellingOf = ({ event, waits }: ClaimChange): unknown => [event, waits];
const isOnlyTelling = ({ annotations, volumeName, storageClassName, status }: ClaimChange): boolean =>
	annotations === undefined && volumeName === undefined && storageClassName === undefined && status === undefined;

export function persistentVolumeController(deps: BinderDeps): Controller {
	return {
		name: PERSISTENT_VOLUME,
		watches: [
			{ resource: VOLUMES, keys: keysOfVolume },
			{ resource: CLAIMS, keys: keysOfClaim },
			{ resource: STORAGE_CLASSES, keys: keysOfClass },
		],
		objectOf: (key, view) => (key.startsWith("claim/") ? view.get(CLAIMS, key.slice("claim/".length)) : view.get(VOLUMES, key.slice("volume/".length))),
		reconcile(key, view, ctx): ReconcileResult {
			const slash = key.indexOf("/");
			const name = key.slice(slash + 1);
			const actions = key.startsWith("claim/") ? reconcileClaim(name, view, ctx) : reconcileVolume(name, view, deps);
			return actions.length === 0 ? NOTHING : { actions };
		},
	};
}
