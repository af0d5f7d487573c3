/**
 * Makes pods leave devices that their drivers have tainted with NoExecute, as soon as no toleration keeps them
 * (k8s.io/kubernetes/pkg/controller/devicetainteviction). Taints of DeviceTaintRules are not served in 1.36 unless asked for.
 */
import { tolerates } from "../devices/device-allocator.ts";
import { deviceId, poolsOf } from "../devices/device-pools.ts";
import { RESOURCE_CLAIMS } from "../devices/pod-claims.ts";
import type { MessageBody, PodRef } from "../protocol/messages.ts";
import { RESOURCE_SLICES } from "../scheduler/filters/dynamic-resources.ts";
import type { DeviceRequestAllocationResult, DeviceTaint, Pod, ResourceSlice, ResourceV1ResourceClaim as ResourceClaim } from "../schema/kubernetes.d.ts";
import type { Action, Controller, ReconcileContext, ReconcileResult, View } from "./controller.ts";
import { NOTHING } from "./controller.ts";
import { evictionOf } from "./pod-node-loss.ts";
import { isBeingDeleted, uidOf } from "./identity.ts";
import { timeMs } from "./meta-time.ts";
import { isFinished } from "./pod-state.ts";

/** One key for all: taints are rare, and without one a look costs nothing. */
const KEY = "tainted-devices";
const NO_EXECUTE = "NoExecute";

/** Taints that end pods, by device. */
function taintedDevices(view: View): Map<string, DeviceTaint[]> {
	const tainted = new Map<string, DeviceTaint[]>();
	for (const { devices } of poolsOf(view.list<ResourceSlice>(RESOURCE_SLICES)))
		for (const { id, device } of devices) {
			const taints = (device.taints ?? []).filter(({ effect }) => effect === NO_EXECUTE);
			if (taints.length > 0) tainted.set(id, taints);
		}
	return tainted;
}

/** When the users of the device must go; undefined for never. */
function evictionMs({ tolerations = [] }: DeviceRequestAllocationResult, taints: readonly DeviceTaint[], nowMs: number): number | undefined {
	const times = taints.map((taint) => {
		const seconds = tolerations
			.filter((toleration) => toleration.effect === NO_EXECUTE && tolerates(toleration, taint))
			.map(({ tolerationSeconds }) => (tolerationSeconds === undefined ? Number.POSITIVE_INFINITY : Math.max(0, tolerationSeconds)));
		// One that tolerates forever does so whatever others say.
		const limit = seconds.length === 0 ? 0 : seconds.includes(Number.POSITIVE_INFINITY) ? Number.POSITIVE_INFINITY : Math.min(...seconds);
		return (timeMs(taint.timeAdded) ?? nowMs) + limit * 1000;
	});
	const first = Math.min(...times);
	return first === Number.POSITIVE_INFINITY ? undefined : first;
}

function reconcile(_key: string, view: View, { nowMs }: ReconcileContext): ReconcileResult {
	const tainted = taintedDevices(view);
	if (tainted.size === 0) return NOTHING;
	const leaving = new Map<string, PodRef[]>();
	let nextMs = Number.POSITIVE_INFINITY;
	for (const { metadata, status } of view.list<ResourceClaim>(RESOURCE_CLAIMS)) {
		const times = (status?.allocation?.devices?.results ?? []).map((result) =>
			evictionMs(result, tainted.get(deviceId(result.driver, result.pool, result.device)) ?? [], nowMs),
		);
		const atMs = Math.min(...times.map((time) => time ?? Number.POSITIVE_INFINITY));
		if (atMs > nowMs) {
			nextMs = Math.min(nextMs, atMs);
			continue;
		}
		const namespace = metadata.namespace ?? "";
		const users = (status?.reservedFor ?? []).filter(({ apiGroup, resource }) => !apiGroup && resource === "pods");
		leaving.set(namespace, [...(leaving.get(namespace) ?? []), ...users.map(({ name, uid }) => ({ namespace, name, uid }))]);
	}
	const actions = [...leaving].map(([name, pods]): Action => {
		const body: MessageBody = { type: "evictDeviceUsers", pods };
		return { type: "send", message: { to: { object: "namespace", name }, body } };
	});
	return { actions, ...(nextMs === Number.POSITIVE_INFINITY ? {} : { requeueAfterMs: nextMs - nowMs }) };
}

export const deviceTaintEvictionController: Controller = {
	name: "device-taint-eviction",
	standingKeys: [KEY],
	watches: [
		{ resource: RESOURCE_SLICES, keys: () => [KEY] },
		{ resource: RESOURCE_CLAIMS, keys: () => [KEY] },
	],
	reconcile,
};

/** In the pod's namespace: one that has ended or is going already needs no telling. */
export function applyDeviceEviction(view: View, ref: PodRef, nowMs: number): Action[] {
	const pod = view.get<Pod>("pods", ref.name);
	if (pod === undefined || uidOf(pod) !== ref.uid || !pod.spec?.nodeName || isBeingDeleted(pod) || isFinished(pod)) return [];
	const reason = "DeletionByDeviceTaintManager";
	const message = "Device Taint manager: deleting due to NoExecute taint";
	return evictionOf(pod, { reason: "DeviceTaintManagerEviction", message: "Marking for deletion" }, { reason, message }, nowMs);
}
