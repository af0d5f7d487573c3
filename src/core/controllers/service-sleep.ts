/**
 * Scale to zero: a Deployment with the annotation `petrel.dev/scale-to-zero-after` is put to sleep when the edge has had no
 * request for it that long, and woken by the next one. The edge speaks of Services; which Deployments are behind one is said here.
 */
import { goDurationMs } from "../edge/gateway-duration.ts";
import type { Deployment, Service } from "../schema/kubernetes.d.ts";
import { selectorFromSet } from "../selector/label-selector.ts";
import type { Action, View } from "./controller.ts";
import { draftOf, isBeingDeleted, nameOf } from "./identity.ts";
import { isSelecting, SERVICES } from "./service-endpoints.ts";

export const DEPLOYMENTS = "apps/deployments";
export const SLEEP_AFTER = "petrel.dev/scale-to-zero-after";
/** On a Deployment that sleeps: how many replicas it had. */
export const REPLICAS_AWAKE = "petrel.dev/replicas-before-sleep";
/** Shorter times would do nothing but start pods. */
const SLEEP_AFTER_MS_MIN = 1_000;

export interface ServiceScaleMessage {
	type: "scaleService";
	service: string;
	wanted: "sleep" | "wake";
}

const sleepTimeOf = (deployment: Deployment): number => Math.max(goDurationMs(deployment.metadata.annotations?.[SLEEP_AFTER]) || 0, 0);

/** The Deployments behind a Service that may sleep. */
function sleepersBehind(service: Service, view: View): Deployment[] {
	if (!isSelecting(service)) return [];
	const selector = selectorFromSet(service.spec?.selector);
	const all = view.list<Deployment>(DEPLOYMENTS).filter((deployment) => !isBeingDeleted(deployment) && sleepTimeOf(deployment) > 0);
	return all.filter(({ spec }) => selector.matches(spec?.template?.metadata?.labels));
}

/** The Services that stand before a Deployment. */
export function servicesBefore({ spec }: Deployment, view: View): string[] {
	const labels = spec?.template?.metadata?.labels;
	const services = view.list<Service>(SERVICES).filter(isSelecting);
	return services.filter((service) => selectorFromSet(service.spec?.selector).matches(labels)).map(nameOf);
}

/** How long after the last request the pods behind a Service go to sleep; undefined where they do not. */
export function sleepsAfterMs(service: Service, view: View): number | undefined {
	const times = sleepersBehind(service, view).map(sleepTimeOf);
	return times.length > 0 ? Math.max(SLEEP_AFTER_MS_MIN, ...times) : undefined;
}

export function applyServiceScale(view: View, { service: name, wanted }: ServiceScaleMessage): Action[] {
	const service = view.get<Service>(SERVICES, name);
	if (!service) return [];
	return sleepersBehind(service, view).flatMap((deployment) => (wanted === "sleep" ? toSleep(deployment) : awake(deployment)));
}

function toSleep(deployment: Deployment): Action[] {
	const replicas = deployment.spec?.replicas ?? 1;
	if (replicas === 0) return [];
	const draft = draftOf(deployment);
	draft.metadata.annotations = { ...draft.metadata.annotations, [REPLICAS_AWAKE]: String(replicas) };
	const message = `Scaled down from ${replicas} to 0: no request for ${deployment.metadata.annotations?.[SLEEP_AFTER]}`;
	return scaled(draft, 0, deployment, "ScaledToZero", message);
}

function awake(deployment: Deployment): Action[] {
	if (deployment.spec?.replicas !== 0) return [];
	const draft = draftOf(deployment);
	const { [REPLICAS_AWAKE]: before, ...annotations } = draft.metadata.annotations ?? {};
	draft.metadata.annotations = annotations;
	const replicas = Math.max(1, Number(before ?? 1) || 1);
	return scaled(draft, replicas, deployment, "ScaledFromZero", `Scaled up from 0 to ${replicas}: a request waits`);
}

function scaled(draft: Deployment, replicas: number, about: Deployment, reason: string, message: string): Action[] {
	if (draft.spec) draft.spec.replicas = replicas;
	return [
		{ type: "update", resource: DEPLOYMENTS, object: draft },
		{ type: "event", about, eventType: "Normal", reason, message },
	];
}
