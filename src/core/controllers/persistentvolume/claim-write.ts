/**
 * What the Cluster object decides about claims, which their Namespace objects carry out: each write names the version of the
 * claim that it was decided on, and one that has changed since is told of anew instead.
 */
import type { MessageBody, ObjectMessage } from "../../protocol/messages.ts";
import type { PersistentVolumeClaim, PersistentVolumeClaimStatus, Pod } from "../../schema/kubernetes.d.ts";
import { claimNames } from "../../scheduler/volume-objects.ts";
import { CLAIMS, tellCluster } from "../cluster-replica-controller.ts";
import type { Action, View } from "../controller.ts";
import { draftOf, nameOf, namespaceOf, uidOf } from "../identity.ts";
import { isFinished } from "../pod-state.ts";

export interface ClaimEvent {
	/** The component that says it. */
	source: string;
	eventType: "Normal" | "Warning";
	reason: string;
	message: string;
}

export interface ClaimChange {
	/** null takes one away. */
	annotations?: Record<string, string | null>;
	volumeName?: string;
	storageClassName?: string;
	/** Capacity and modes that are not given are none. */
	status?: Pick<PersistentVolumeClaimStatus, "phase" | "capacity" | "accessModes">;
	event?: ClaimEvent;
	/** Its volume waits for a pod: the Namespace object knows which. */
	waits?: true;
}

export interface ClaimWrite extends ClaimChange {
	name: string;
	uid: string;
	resourceVersion: string;
}

export const BINDER = "persistentvolume-controller";

/** Sends a decision about one claim to its namespace. */
export function writeClaim(claim: PersistentVolumeClaim, change: ClaimChange): Action {
	const { resourceVersion = "" } = claim.metadata;
	const write: ClaimWrite = { name: nameOf(claim), uid: uidOf(claim), resourceVersion, ...change };
	const message: ObjectMessage = { to: { object: "namespace", name: namespaceOf(claim) }, body: { type: "claimWrites", writes: [write] } };
	return { type: "send", message };
}

/** Events follow what they tell of; a claim that is another one by now is left alone. */
export function applyClaimWrite(view: View, namespace: string, write: ClaimWrite): Action[] {
	const claim = view.get<PersistentVolumeClaim>(CLAIMS, write.name);
	if (claim === undefined || uidOf(claim) !== write.uid || claim.metadata.resourceVersion !== write.resourceVersion)
		return [tellCluster(view, namespace, CLAIMS, [write.name])];
	const event = write.waits ? waitingEvent(view, claim) : write.event;
	return [
		...bodyWrites(claim, write),
		...(event ? [{ type: "send", message: { to: { object: "namespace", name: namespace }, body: eventAbout(claim, event) } } satisfies Action] : []),
	];
}

function bodyWrites(claim: PersistentVolumeClaim, { annotations, volumeName, storageClassName, status }: ClaimWrite): Action[] {
	const draft = draftOf(claim);
	for (const [key, value] of Object.entries(annotations ?? {})) {
		draft.metadata.annotations = { ...draft.metadata.annotations };
		if (value === null) delete draft.metadata.annotations[key];
		else draft.metadata.annotations[key] = value;
	}
	if (volumeName !== undefined) draft.spec = { ...draft.spec, volumeName } as typeof draft.spec;
	if (storageClassName !== undefined) draft.spec = { ...draft.spec, storageClassName } as typeof draft.spec;
	const changesBody = annotations !== undefined || volumeName !== undefined || storageClassName !== undefined;
	const actions: Action[] = changesBody ? [{ type: "update", resource: CLAIMS, object: draft }] : [];
	if (status === undefined) return actions;
	// The second write of the same transaction: it is about what the first has made.
	const { resourceVersion: _version, ...metadata } = draft.metadata;
	const { phase: _phase, capacity: _capacity, accessModes: _modes, ...kept } = claim.status ?? {};
	const object: PersistentVolumeClaim = { ...draft, metadata, status: { ...kept, ...status } };
	return [...actions, { type: "updateStatus", resource: CLAIMS, object }];
}

export const eventAbout = ({ apiVersion, kind, metadata }: PersistentVolumeClaim, event: ClaimEvent): MessageBody => {
	const { name, namespace, uid, resourceVersion } = metadata;
	return { type: "recordEvent", about: { apiVersion, kind, metadata: { name, namespace, uid, resourceVersion } }, ...event };
};

/** emitEventForUnboundDelayBindingClaim. */
function waitingEvent(view: View, claim: PersistentVolumeClaim): ClaimEvent {
	const waiting = view
		.list<Pod>("pods")
		.filter((pod) => !isFinished(pod) && !pod.spec?.nodeName && claimNames(pod).some(({ name }) => name === nameOf(claim)))
		.map(nameOf);
	const [reason, message] =
		waiting.length === 0
			? ["WaitForFirstConsumer", "waiting for first consumer to be created before binding"]
			: ["WaitForPodScheduled", `waiting for ${waiting.length > 1 ? "pods" : "pod"} ${waiting.join(",")} to be scheduled`];
	return { source: BINDER, eventType: "Normal", reason, message };
}
