/** Runs the scheduler whenever a pod waits that can be tried, and tells the Namespace objects what it decided. */
import type { MessageBody } from "../protocol/messages.ts";
import type { Node, PersistentVolume } from "../schema/kubernetes.d.ts";
import type { Decisions, VolumeBinding } from "../scheduler/scheduler.ts";
import { BOUND_BY_CONTROLLER, YES } from "../volumes/claim-annotations.ts";
import type { Action, Controller, ReconcileContext, ReconcileResult, View } from "./controller.ts";
import { draftOf } from "./identity.ts";
import { bindingOf } from "./pod-binding.ts";

const VOLUMES = "persistentvolumes";
export const SCHEDULER = "scheduler";
export const QUEUE_KEY = "queue";
/** Decisions in one turn: what is left over waits for the next, so that requests get theirs. */
export const DECISIONS_PER_TURN_MAX = 500;

export interface SchedulerDeps {
	/** Decides about waiting pods, and remembers what it decided. */
	schedule(ctx: ReconcileContext, limit: number): Decisions;
	/** When it has something to do again, in milliseconds since 1970. */
	nextScheduleMs(nowMs: number): number | undefined;
}

export function schedulerController({ schedule, nextScheduleMs }: SchedulerDeps): Controller {
	return {
		name: SCHEDULER,
		watches: [],
		standingKeys: [QUEUE_KEY],
		reconcile(_key, view, ctx): ReconcileResult {
			const decisions = schedule(ctx, DECISIONS_PER_TURN_MAX);
			const actions = [...messagesOf(decisions, view), ...decisions.volumeBindings.flatMap((binding) => claimVolumes(binding, view))];
			const nextMs = nextScheduleMs(ctx.nowMs);
			return { actions, ...(nextMs === undefined ? {} : { requeueAfterMs: Math.max(0, nextMs - ctx.nowMs) }) };
		},
	};
}

/** Keeps the free volumes for the claims that they were chosen for; the volume binder does the rest. */
function claimVolumes({ pod, claims }: VolumeBinding, view: View): Action[] {
	return claims.flatMap(({ name, uid, volume }): Action[] => {
		const found = volume === undefined ? undefined : view.get<PersistentVolume>(VOLUMES, volume);
		if (found === undefined || found.spec?.claimRef?.uid) return [];
		const draft = draftOf(found);
		if (!found.spec?.claimRef) draft.metadata.annotations = { ...draft.metadata.annotations, [BOUND_BY_CONTROLLER]: YES };
		draft.spec = { ...draft.spec, claimRef: { apiVersion: "v1", kind: "PersistentVolumeClaim", namespace: pod.namespace, name, uid } };
		return [{ type: "update", resource: VOLUMES, object: draft }];
	});
}

function messagesOf({ bindings, unplaced, preemptions, denominated, volumeBindings, ...devices }: Decisions, view: View): Action[] {
	const answers = new Map<string, Extract<MessageBody, { type: "bind" }>>();
	const answerTo = (namespace: string): Extract<MessageBody, { type: "bind" }> => {
		const answer = answers.get(namespace) ?? { type: "bind", bindings: [], unschedulable: [] };
		answers.set(namespace, answer);
		return answer;
	};
	for (const placement of bindings) answerTo(placement.ref.namespace).bindings.push(bindingOf(placement, view.get<Node>("nodes", placement.node)));
	for (const one of unplaced) answerTo(one.pod.namespace).unschedulable.push(one);
	const send = (name: string, body: MessageBody): Action => ({ type: "send", message: { to: { object: "namespace", name }, body } });
	return [
		...[...answers].map(([name, body]) => send(name, body)),
		...[...Map.groupBy(volumeBindings, ({ pod }) => pod.namespace)].map(([name, ofNamespace]) => send(name, { type: "bindVolumes", bindings: ofNamespace })),
		...[...Map.groupBy(devices.deviceReleases, ({ pod }) => pod.namespace)].map(([name, releases]) => send(name, { type: "releaseDevices", releases })),
		...[...Map.groupBy(devices.devicePreparations, ({ pod }) => pod.namespace)].map(([name, preparations]) =>
			send(name, { type: "prepareDevices", preparations }),
		),
		...[...Map.groupBy(denominated, ({ namespace }) => namespace)].map(([name, pods]) => send(name, { type: "denominate", pods })),
		...preemptions.flatMap(({ victims, ...preemption }) =>
			[...Map.groupBy(victims, ({ ref }) => ref.namespace)].map(([name, ofNamespace]) =>
				send(name, { type: "preempt", ...preemption, victims: ofNamespace.map(({ ref }) => ref) }),
			),
		),
	];
}
