/** Versions that are shown and not stored: what one says, the other says too. */
import { describe, expect, test } from "vitest";
import type { AutoscalingV2HorizontalPodAutoscaler, Event } from "../schema/kubernetes.d.ts";
import { eventToCore, eventToV1, eventV1Kind } from "./event-v1.ts";
import { horizontalPodAutoscalerToV1, horizontalPodAutoscalerToV2 } from "./horizontal-pod-autoscaler-v1.ts";

const EVERYTHING: AutoscalingV2HorizontalPodAutoscaler = {
	apiVersion: "autoscaling/v2",
	kind: "HorizontalPodAutoscaler",
	metadata: { name: "h", annotations: { mine: "1" } },
	spec: {
		scaleTargetRef: { kind: "Deployment", name: "d", apiVersion: "apps/v1" },
		minReplicas: 2,
		maxReplicas: 9,
		metrics: [
			{ type: "Resource", resource: { name: "memory", target: { type: "AverageValue", averageValue: "1Gi" } } },
			{ type: "ContainerResource", containerResource: { name: "cpu", container: "c", target: { type: "Utilization", averageUtilization: 10 } } },
			{ type: "Pods", pods: { metric: { name: "m", selector: { matchLabels: { a: "b" } } }, target: { type: "AverageValue", averageValue: "5" } } },
			{
				type: "Object",
				object: { describedObject: { kind: "Service", name: "s" }, metric: { name: "m" }, target: { type: "Value", value: "7" } },
			},
			{ type: "External", external: { metric: { name: "m" }, target: { type: "AverageValue", averageValue: "8" } } },
			{ type: "Resource", resource: { name: "cpu", target: { type: "Utilization", averageUtilization: 55 } } },
		],
		behavior: {
			scaleUp: { stabilizationWindowSeconds: 0, selectPolicy: "Max", policies: [{ type: "Pods", value: 4, periodSeconds: 15 }] },
			scaleDown: { selectPolicy: "Disabled", tolerance: "50m", policies: [{ type: "Percent", value: 100, periodSeconds: 15 }] },
		},
	},
	status: {
		currentReplicas: 2,
		desiredReplicas: 3,
		lastScaleTime: "2026-01-01T00:00:00Z",
		currentMetrics: [
			{ type: "Resource", resource: { name: "cpu", current: { averageUtilization: 40, averageValue: "400m" } } },
			{ type: "Pods", pods: { metric: { name: "m" }, current: { averageValue: "2" } } },
		],
		conditions: [{ type: "AbleToScale", status: "True", lastTransitionTime: "2026-01-01T00:00:00Z", reason: "R", message: "M" }],
	},
};

describe("autoscaling/v1", () => {
	test("shows the CPU share as a field and all else in annotations", () => {
		const shown = horizontalPodAutoscalerToV1(EVERYTHING);
		expect(shown.spec).toEqual({ scaleTargetRef: EVERYTHING.spec?.scaleTargetRef, minReplicas: 2, maxReplicas: 9, targetCPUUtilizationPercentage: 55 });
		expect(shown.status).toEqual({ currentReplicas: 2, desiredReplicas: 3, lastScaleTime: "2026-01-01T00:00:00Z", currentCPUUtilizationPercentage: 40 });
		const annotations = shown.metadata.annotations ?? {};
		expect(JSON.parse(annotations["autoscaling.alpha.kubernetes.io/metrics"] ?? "")).toEqual([
			{ type: "Resource", resource: { name: "memory", targetAverageValue: "1Gi" } },
			{ type: "ContainerResource", containerResource: { name: "cpu", targetAverageUtilization: 10, container: "c" } },
			{ type: "Pods", pods: { metricName: "m", targetAverageValue: "5", selector: { matchLabels: { a: "b" } } } },
			{ type: "Object", object: { target: { kind: "Service", name: "s" }, metricName: "m", targetValue: "7" } },
			{ type: "External", external: { metricName: "m", targetAverageValue: "8" } },
		]);
		expect(JSON.parse(annotations["autoscaling.alpha.kubernetes.io/behavior"] ?? "")).toMatchObject({
			ScaleUp: { StabilizationWindowSeconds: 0, Policies: [{ Type: "Pods", Value: 4, PeriodSeconds: 15 }] },
			ScaleDown: { Tolerance: "50m", StabilizationWindowSeconds: null },
		});
		expect(annotations["mine"]).toBe("1");
	});

	test("gives back what was stored", () => {
		expect(horizontalPodAutoscalerToV2(horizontalPodAutoscalerToV1(EVERYTHING))).toEqual(EVERYTHING);
	});

	test("without a metric means a CPU share of 80, and what an annotation cannot say is passed over", () => {
		const { spec } = horizontalPodAutoscalerToV2({
			apiVersion: "autoscaling/v1",
			kind: "HorizontalPodAutoscaler",
			metadata: { name: "h", annotations: { "autoscaling.alpha.kubernetes.io/metrics": "{" } },
			spec: { scaleTargetRef: { kind: "Deployment", name: "d" }, maxReplicas: 3 },
		});
		expect(spec?.metrics).toEqual([{ type: "Resource", resource: { name: "cpu", target: { type: "Utilization", averageUtilization: 80 } } }]);
	});
});

describe("events.k8s.io/v1", () => {
	const event: Event = {
		apiVersion: "v1",
		kind: "Event",
		metadata: { name: "e", namespace: "ns" },
		involvedObject: { kind: "Pod", name: "p", namespace: "ns" },
		reason: "R",
		message: "M",
		source: { component: "c" },
		firstTimestamp: "2026-01-01T00:00:00Z",
		lastTimestamp: "2026-01-01T00:00:00Z",
		count: 3,
		type: "Normal",
		reportingComponent: "c",
		reportingInstance: "",
	};

	test("shows an Event under its own names, and gives it back", () => {
		const shown = eventToV1(event);
		expect(shown).toEqual({
			apiVersion: "events.k8s.io/v1",
			kind: "Event",
			metadata: event.metadata,
			eventTime: null,
			regarding: event.involvedObject,
			reason: "R",
			note: "M",
			deprecatedSource: { component: "c" },
			deprecatedFirstTimestamp: "2026-01-01T00:00:00Z",
			deprecatedLastTimestamp: "2026-01-01T00:00:00Z",
			deprecatedCount: 3,
			type: "Normal",
			reportingController: "c",
			reportingInstance: "",
		});
		expect(eventToCore(shown)).toMatchObject(event as object);
	});

	test("is held to stricter rules when it is made", () => {
		const stored = eventV1Kind.storedAs?.kind;
		expect(stored?.validate({ ...event, type: "Odd" } as never).map(({ field, message }) => `${field}: ${message}`)).toEqual([
			"eventTime: Required value",
			'type: Invalid value: "": has invalid value: Odd',
			'firstTimestamp: Invalid value: "": needs to be unset',
			'lastTimestamp: Invalid value: "": needs to be unset',
			'count: Invalid value: "": needs to be unset',
			'source: Invalid value: "": needs to be unset',
		]);
	});
});
