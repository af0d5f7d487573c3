/** The managedFields that kube-apiserver itself gives a new Deployment and its status, and what holds for any kind. */
import { expect, test } from "vitest";
import type { KubeObject } from "../meta/object.ts";
import { builtinSchema } from "../schema/builtin-schema.ts";
import { serverSideApply } from "./apply.ts";
import { recordUpdate } from "./managed-fields.ts";

const NOW = "2026-01-01T00:00:00Z";

const deployment = {
	apiVersion: "apps/v1",
	kind: "Deployment",
	metadata: { name: "nginx", namespace: "default", uid: "u", resourceVersion: "5", generation: 1, creationTimestamp: NOW, labels: { app: "nginx" } },
	spec: {
		replicas: 1,
		selector: { matchLabels: { app: "nginx" } },
		template: {
			metadata: { creationTimestamp: null, labels: { app: "nginx" } },
			spec: {
				containers: [
					{
						name: "nginx",
						image: "nginx",
						resources: {},
						terminationMessagePath: "/dev/termination-log",
						terminationMessagePolicy: "File",
						imagePullPolicy: "Always",
					},
				],
				restartPolicy: "Always",
				terminationGracePeriodSeconds: 30,
				dnsPolicy: "ClusterFirst",
				securityContext: {},
				schedulerName: "default-scheduler",
			},
		},
		strategy: { type: "RollingUpdate", rollingUpdate: { maxUnavailable: "25%", maxSurge: "25%" } },
		revisionHistoryLimit: 10,
		progressDeadlineSeconds: 600,
	},
	status: {},
} as unknown as KubeObject;

test("kubectl create deployment", () => {
	const [entry] =
		recordUpdate(builtinSchema, "apps/v1.Deployment", undefined, deployment, {
			manager: "kubectl-create",
			apiVersion: "apps/v1",
			nowIso: NOW,
			subresource: "",
		}) ?? [];
	const container =
		'"k:{\\"name\\":\\"nginx\\"}":{".":{},"f:image":{},"f:imagePullPolicy":{},"f:name":{},"f:resources":{},"f:terminationMessagePath":{},"f:terminationMessagePolicy":{}}';
	expect(JSON.stringify(entry?.fieldsV1)).toBe(
		`{"f:metadata":{"f:labels":{".":{},"f:app":{}}},"f:spec":{"f:progressDeadlineSeconds":{},"f:replicas":{},"f:revisionHistoryLimit":{},"f:selector":{},"f:strategy":{"f:rollingUpdate":{".":{},"f:maxSurge":{},"f:maxUnavailable":{}},"f:type":{}},"f:template":{"f:metadata":{"f:labels":{".":{},"f:app":{}}},"f:spec":{"f:containers":{${container}},"f:dnsPolicy":{},"f:restartPolicy":{},"f:schedulerName":{},"f:securityContext":{},"f:terminationGracePeriodSeconds":{}}}}}`,
	);
});

test("the controller's status", () => {
	const by = { manager: "kube-controller-manager", apiVersion: "apps/v1", nowIso: NOW, subresource: "status" };
	const created = recordUpdate(builtinSchema, "apps/v1.Deployment", undefined, deployment, { ...by, manager: "kubectl-create", subresource: "" });
	const old = { ...deployment, metadata: { ...deployment.metadata, managedFields: created } };
	const status = {
		observedGeneration: 1,
		replicas: 1,
		conditions: [{ type: "Available", status: "True", lastUpdateTime: NOW, lastTransitionTime: NOW, reason: "MinimumReplicasAvailable", message: "m" }],
	};
	const next = {
		...deployment,
		metadata: { ...deployment.metadata, annotations: { "deployment.kubernetes.io/revision": "1" } },
		status,
	} as unknown as KubeObject;
	const entry = recordUpdate(builtinSchema, "apps/v1.Deployment", old, next, by)?.find((e) => e.subresource === "status");
	expect(JSON.stringify(entry?.fieldsV1)).toBe(
		'{"f:metadata":{"f:annotations":{".":{},"f:deployment.kubernetes.io/revision":{}}},"f:status":{"f:conditions":{".":{},"k:{\\"type\\":\\"Available\\"}":{".":{},"f:lastTransitionTime":{},"f:lastUpdateTime":{},"f:message":{},"f:reason":{},"f:status":{},"f:type":{}}},"f:observedGeneration":{},"f:replicas":{}}}',
	);
});

test("applying a whole object over itself owns it all and changes nothing", () => {
	const { uid: _u, resourceVersion: _r, generation: _g, creationTimestamp: _c, ...metadata } = deployment.metadata;
	const config = { ...deployment, metadata } as KubeObject;
	const options = { manager: "me", apiVersion: "apps/v1", nowIso: NOW, subresource: "", force: false };
	const created = recordUpdate(builtinSchema, "apps/v1.Deployment", undefined, deployment, options);
	const live = { ...deployment, metadata: { ...deployment.metadata, managedFields: created } };
	const applied = serverSideApply(builtinSchema, "apps/v1.Deployment", live, config, options);
	const { managedFields, ...rest } = applied.metadata;
	expect({ ...applied, metadata: rest }).toEqual(deployment);
	expect(managedFields?.map((entry) => entry.operation)).toEqual(["Apply", "Update"]);
});
