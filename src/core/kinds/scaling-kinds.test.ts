import { describe, expect, it } from "vitest";
import { cells, created, refusals, updateRefusals } from "../../../test/support/judged.ts";
import type { AutoscalingV2HorizontalPodAutoscaler, PodDisruptionBudget } from "../schema/kubernetes.d.ts";

const scaler = (more: object = {}) => ({ spec: { scaleTargetRef: { kind: "Deployment", name: "web" }, maxReplicas: 3, ...more } });
const cpu = (target: object) => scaler({ metrics: [{ type: "Resource", resource: { name: "cpu", target } }] });

describe("a PodDisruptionBudget", () => {
	it.each<[object, string[]]>([
		[{ minAvailable: "50%", selector: {} }, []],
		[
			{ minAvailable: 1, maxUnavailable: 1 },
			['spec: Invalid value: {"minAvailable":1,"maxUnavailable":1}: minAvailable and maxUnavailable cannot be both set'],
		],
		[{ minAvailable: "101%" }, ['spec.minAvailable: Invalid value: "101%": must not be greater than 100%']],
		[{ maxUnavailable: -1 }, ["spec.maxUnavailable: Invalid value: -1: must be greater than or equal to 0"]],
		[
			{ unhealthyPodEvictionPolicy: "Never" },
			['spec.unhealthyPodEvictionPolicy: Unsupported value: "Never": supported values: "AlwaysAllow", "IfHealthyBudget"'],
		],
	])("of %j", (spec, errors) => expect(refusals("PodDisruptionBudget", { spec })).toEqual(errors));

	it("starts with a status of zeros, and shows what it keeps", () => {
		const made = created<PodDisruptionBudget>("PodDisruptionBudget", { spec: { minAvailable: 1 }, status: { disruptionsAllowed: 9 } });
		expect(made.status).toEqual({ disruptionsAllowed: 0, currentHealthy: 0, desiredHealthy: 0, expectedPods: 0 });
		expect(cells("PodDisruptionBudget", made)).toEqual({ "Min Available": "1", "Max Unavailable": "N/A", "Allowed Disruptions": 0 });
	});

	it("has a status that counts", () =>
		expect(updateRefusals("PodDisruptionBudget", { spec: {} }, { status: { disruptionsAllowed: -1, conditions: [{ type: "a" }] } }, "status")).toEqual([
			'status.conditions[0].status: Unsupported value: "": supported values: "False", "True", "Unknown"',
			"status.conditions[0].lastTransitionTime: Required value",
			"status.conditions[0].reason: Required value",
			"status.disruptionsAllowed: Invalid value: -1: must be greater than or equal to 0",
		]));
});

describe("a HorizontalPodAutoscaler", () => {
	it("keeps CPU at 80 % when it says nothing else", () => {
		const { spec } = created<AutoscalingV2HorizontalPodAutoscaler>("HorizontalPodAutoscaler", scaler({ behavior: {} }));
		expect(spec?.metrics).toEqual([{ type: "Resource", resource: { name: "cpu", target: { type: "Utilization", averageUtilization: 80 } } }]);
		expect(spec?.behavior).toEqual({
			scaleUp: {
				stabilizationWindowSeconds: 0,
				selectPolicy: "Max",
				policies: [
					{ type: "Pods", value: 4, periodSeconds: 15 },
					{ type: "Percent", value: 100, periodSeconds: 15 },
				],
			},
			scaleDown: { selectPolicy: "Max", policies: [{ type: "Percent", value: 100, periodSeconds: 15 }] },
		});
	});

	it.each<[object, string[]]>([
		[scaler(), []],
		[scaler({ minReplicas: 0 }), ["spec.minReplicas: Invalid value: 0: must be greater than or equal to 1"]],
		[scaler({ minReplicas: 4 }), ["spec.maxReplicas: Invalid value: 3: must be greater than or equal to `minReplicas`"]],
		[
			scaler({ scaleTargetRef: { kind: "a/b" } }),
			["spec.scaleTargetRef.kind: Invalid value: \"a/b\": may not contain '/'", "spec.scaleTargetRef.name: Required value"],
		],
		[
			cpu({ type: "Utilization" }),
			["spec.metrics[0].resource.target.averageUtilization: Required value: must set either a target raw value or a target utilization"],
		],
		[cpu({ type: "AverageValue", averageValue: "0" }), ['spec.metrics[0].resource.target.averageValue: Invalid value: "0": must be positive']],
		[
			cpu({ type: "Utilization", averageUtilization: 1, averageValue: "1" }),
			["spec.metrics[0].resource.target.averageValue: Forbidden: may not set both a target raw value and a target utilization"],
		],
		[scaler({ metrics: [{ type: "Pods" }] }), ["spec.metrics[0].pods: Required value: must populate information for the given metric source"]],
		[
			scaler({ behavior: { scaleUp: { policies: [{ type: "Pods", value: 0, periodSeconds: 1801 }] } } }),
			[
				"spec.behavior.scaleUp.policies[0].value: Invalid value: 0: must be greater than zero",
				"spec.behavior.scaleUp.policies[0].periodSeconds: Invalid value: 1801: must be less than or equal to 1800",
			],
		],
	])("of %j", (body, errors) => expect(refusals("HorizontalPodAutoscaler", body)).toEqual(errors));

	it("shows what it measures", () => {
		const made = created<AutoscalingV2HorizontalPodAutoscaler>("HorizontalPodAutoscaler", scaler());
		expect(cells("HorizontalPodAutoscaler", made)).toMatchObject({ Reference: "Deployment/web", Targets: "cpu: <unknown>/80%", MinPods: "1", Replicas: 0 });
		made.status = {
			desiredReplicas: 2,
			currentReplicas: 2,
			currentMetrics: [{ type: "Resource", resource: { name: "cpu", current: { averageUtilization: 35 } } }],
		};
		expect(cells("HorizontalPodAutoscaler", made)).toMatchObject({ Targets: "cpu: 35%/80%", Replicas: 2 });
	});
});

describe("a RuntimeClass", () => {
	it("names its handler, tolerates a thing once, and keeps the handler", () => {
		const toleration = { key: "a", operator: "Exists" };
		expect(refusals("RuntimeClass", { handler: "runsc" })).toEqual([]);
		expect(refusals("RuntimeClass", { handler: "Run" })[0]).toMatch(/^handler: Invalid value: "Run": a lowercase RFC 1123 label/);
		expect(refusals("RuntimeClass", { handler: "a", scheduling: { tolerations: [toleration, toleration] } })).toEqual([
			'scheduling.tolerations[1]: Duplicate value: {"key":"a","operator":"Exists"}',
		]);
		expect(updateRefusals("RuntimeClass", { handler: "a" }, { handler: "b" })).toEqual(['handler: Invalid value: "b": field is immutable']);
	});
});
