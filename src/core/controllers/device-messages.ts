/** What a Namespace object does about the Cluster object's word on its pods' devices. */
import type { DeviceMessage } from "../protocol/messages.ts";
import type { Action, View } from "./controller.ts";
import { applyDeviceEviction } from "./device-taint-eviction-controller.ts";
import { applyDevicePreparation, applyDeviceRelease } from "./pod-devices.ts";

type Step = () => Action[];

/** In whose name, and the steps: each for one pod. */
export function deviceSteps(message: DeviceMessage, view: View, nowMs: number): [by: string, steps: Step[]] {
	if (message.type === "prepareDevices")
		return [
			"scheduler",
			message.preparations.map(
				(one): Step =>
					() =>
						applyDevicePreparation(view, one),
			),
		];
	if (message.type === "releaseDevices")
		return [
			"scheduler",
			message.releases.map(
				(one): Step =>
					() =>
						applyDeviceRelease(view, one),
			),
		];
	return [
		"device-taint-eviction",
		message.pods.map(
			(pod): Step =>
				() =>
					applyDeviceEviction(view, pod, nowMs),
		),
	];
}
