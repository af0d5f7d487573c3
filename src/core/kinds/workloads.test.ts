import { describe, expect, it } from "vitest";
import { fieldErrorText } from "../errors/field-error.ts";
import type { Deployment, DeploymentSpec, StatefulSet } from "../schema/kubernetes.d.ts";
import type { HookContext } from "./define-kind.ts";
import { deploymentKind } from "./deployment.ts";
import { builtinKinds } from "./registry.ts";
import { applyScale, scaleOf } from "./scale.ts";
import { statefulSetKind } from "./stateful-set.ts";

const ctx: HookContext = { nowMs: 0, suffix: () => "x", user: { name: "u", groups: [] } };

function deployment(spec: Partial<DeploymentSpec> = {}): Deployment {
	const object: Deployment = {
		apiVersion: "apps/v1",
		kind: "Deployment",
		metadata: { name: "web", namespace: "default" },
		spec: {
			selector: { matchLabels: { app: "web" } },
			template: { metadata: { labels: { app: "web" } }, spec: { containers: [{ name: "c", image: "nginx:1", resources: { limits: { cpu: "1" } } }] } },
			...structuredClone(spec),
		},
	};
	deploymentKind.defaults?.(object);
	return object;
}

const broken = (spec: Partial<DeploymentSpec>): string[] => deploymentKind.validate(deployment(spec)).map(fieldErrorText);
const template = (labels: Record<string, string>, more = {}) => ({ metadata: { labels }, spec: { containers: [{ name: "c", image: "a" }], ...more } });

describe("a Deployment", () => {
	it("has upstream's defaults; its template gets no pod's requests", () => {
		const { spec } = deployment();
		expect(spec).toMatchObject({
			replicas: 1,
			strategy: { type: "RollingUpdate", rollingUpdate: { maxUnavailable: "25%", maxSurge: "25%" } },
			revisionHistoryLimit: 10,
			progressDeadlineSeconds: 600,
		});
		expect(spec?.template.spec).toMatchObject({ restartPolicy: "Always", schedulerName: "default-scheduler" });
		expect(spec?.template.spec?.containers[0]?.resources).toEqual({ limits: { cpu: "1" } });
		expect(spec?.template.spec?.enableServiceLinks).toBeUndefined();
	});

	it("counts its generations", () => {
		const old = deployment();
		old.status = { replicas: 3 };
		deploymentKind.prepareCreate?.(old, ctx);
		expect(old.status).toBeUndefined();
		expect(old.metadata.generation).toBe(1);
		const scaled = deployment({ replicas: 2 });
		deploymentKind.prepareUpdate?.(scaled, old, ctx);
		expect(scaled.metadata.generation).toBe(2);
		const labelled = { ...deployment(), metadata: { ...old.metadata, labels: { a: "b" } } };
		deploymentKind.prepareUpdate?.(labelled, old, ctx);
		expect(labelled.metadata.generation).toBe(1);
		const annotated = { ...deployment(), metadata: { ...old.metadata, annotations: { a: "b" } } };
		deploymentKind.prepareUpdate?.(annotated, old, ctx);
		expect(annotated.metadata.generation).toBe(2);
	});

	it.each<[string, Partial<DeploymentSpec>, string[]]>([
		["nothing wrong", {}, []],
		["a negative scale", { replicas: -1 }, ["spec.replicas: Invalid value: -1: must be greater than or equal to 0"]],
		[
			"no selector",
			{ selector: undefined },
			["spec.selector: Required value", 'spec.template.metadata.labels: Invalid value: {"app":"web"}: `selector` does not match template `labels`'],
		],
		["an empty selector", { selector: {} }, ["spec.selector: Invalid value: {}: empty selector is invalid for deployment"]],
		[
			"a template that is not selected",
			{ template: template({ app: "other" }) },
			['spec.template.metadata.labels: Invalid value: {"app":"other"}: `selector` does not match template `labels`'],
		],
		[
			"pods that end",
			{ template: template({ app: "web" }, { restartPolicy: "Never" }) },
			['spec.template.spec.restartPolicy: Unsupported value: "Never": supported values: "Always"'],
		],
		[
			"a strategy of two minds",
			{ strategy: { type: "Recreate", rollingUpdate: {} } },
			["spec.strategy.rollingUpdate: Forbidden: may not be specified when strategy `type` is 'Recreate'"],
		],
		[
			"a roll that cannot move",
			{ strategy: { rollingUpdate: { maxUnavailable: 0, maxSurge: "0%" } } },
			["spec.strategy.rollingUpdate.maxUnavailable: Invalid value: 0: may not be 0 when `maxSurge` is 0"],
		],
		[
			"an early deadline",
			{ progressDeadlineSeconds: 10, minReadySeconds: 10 },
			["spec.progressDeadlineSeconds: Invalid value: 10: must be greater than minReadySeconds"],
		],
		[
			"a container without image",
			{ template: template({ app: "web" }, { containers: [{ name: "c" }] }) },
			["spec.template.spec.containers[0].image: Required value"],
		],
	])("with %s says so", (_, spec, errors) => expect(broken(spec)).toEqual(errors));

	it("keeps its selector", () => {
		const errors = deploymentKind.validateUpdate?.(deployment({ selector: { matchLabels: { app: "x" } } }), deployment()) ?? [];
		expect(errors.map(fieldErrorText)).toEqual(['spec.selector: Invalid value: {"matchLabels":{"app":"x"}}: field is immutable']);
	});

	it("shows itself", () => {
		const object = deployment({ replicas: 3 });
		object.status = { readyReplicas: 2, updatedReplicas: 3, availableReplicas: 1 };
		object.metadata.creationTimestamp = "1970-01-01T00:00:00Z";
		const shown = deploymentKind.columns.map((c) => [c.name, c.cell(object, { nowMs: 90_000 })]);
		expect(shown).toEqual([
			["Ready", "2/3"],
			["Up-to-date", 3],
			["Available", 1],
			["Age", "90s"],
			["Containers", "c"],
			["Images", "nginx:1"],
			["Selector", "app=web"],
		]);
	});
});

describe("a StatefulSet", () => {
	it("mounts the volumes that its claims' templates make", () => {
		const mounting = (name: string) => ({
			apiVersion: "apps/v1",
			kind: "StatefulSet",
			metadata: { name: "db", namespace: "default" },
			spec: {
				selector: { matchLabels: { app: "db" } },
				template: { ...template({ app: "db" }), spec: { containers: [{ name: "c", image: "a", volumeMounts: [{ name, mountPath: "/data" }] }] } },
				volumeClaimTemplates: [{ metadata: { name: "data" }, spec: { accessModes: ["ReadWriteOnce"], resources: { requests: { storage: "1Gi" } } } }],
			},
		});
		const errors = (name: string): string[] => {
			const set = mounting(name) as unknown as StatefulSet;
			statefulSetKind.defaults?.(set);
			return statefulSetKind.validate(set).map(fieldErrorText);
		};
		expect(errors("data")).toEqual([]);
		expect(errors("other")).toEqual(['spec.template.spec.containers[0].volumeMounts[0].name: Not found: "other"']);
	});
});

describe("scale", () => {
	const kind = builtinKinds.byStoreName("apps/deployments");

	it("shows a Deployment as a Scale and writes it back", () => {
		if (!kind) throw new Error("no Deployment");
		const object = deployment({ replicas: 3 });
		object.metadata = { ...object.metadata, uid: "u", resourceVersion: "7" };
		object.status = { replicas: 2 };
		const scale = scaleOf(kind, object);
		expect(scale).toEqual({
			kind: "Scale",
			apiVersion: "autoscaling/v1",
			metadata: { name: "web", namespace: "default", uid: "u", resourceVersion: "7", creationTimestamp: undefined },
			spec: { replicas: 3 },
			status: { replicas: 2, selector: "app=web" },
		});
		applyScale(kind, object, { ...scale, spec: { replicas: 5 } });
		expect(object.spec?.replicas).toBe(5);
		expect(() => applyScale(kind, object, { ...scale, spec: { replicas: -1 } })).toThrow(
			'Scale.autoscaling "web" is invalid: spec.replicas: Invalid value: -1: must be greater than or equal to 0',
		);
		expect(object.spec?.replicas).toBe(5);
	});
});
