/** A registry of a few kinds that between them have each sort of subresource: for what derives from a registry. */
import { defineKind, type KindDefinition, type KindRegistry } from "../../src/core/kinds/define-kind.ts";
import type { KubeObject } from "../../src/core/meta/object.ts";

const view = { prepareUpdate: () => {} };
const scale = { specReplicas: () => 1, setSpecReplicas: () => {}, statusReplicas: () => 1, selector: () => "" };
const core = (kind: string) => ({ group: "", version: "v1", kind });

function kind(fields: Partial<KindDefinition<KubeObject>> & Pick<KindDefinition, "group" | "kind" | "plural" | "schema">): KindDefinition {
	return defineKind<KubeObject>({ version: "v1", singular: fields.kind.toLowerCase(), scope: "Namespaced", columns: [], validate: () => [], ...fields });
}

const KINDS: readonly KindDefinition[] = [
	kind({
		group: "",
		kind: "Pod",
		plural: "pods",
		schema: "core/v1.Pod",
		shortNames: ["po"],
		categories: ["all"],
		subresources: {
			status: view,
			object: { ephemeralcontainers: view },
			connect: {
				exec: { verbs: ["create", "get"], kind: core("PodExecOptions") },
				log: { verbs: ["get"], kind: core("Pod") },
				eviction: { verbs: ["create"], kind: { group: "policy", version: "v1", kind: "Eviction" } },
			},
		},
	}),
	kind({
		group: "",
		kind: "Namespace",
		plural: "namespaces",
		schema: "core/v1.Namespace",
		scope: "Cluster",
		subresources: { status: view, object: { finalize: { ...view, verbs: ["update"] } } },
	}),
	kind({ group: "", kind: "ConfigMap", plural: "configmaps", schema: "core/v1.ConfigMap", shortNames: ["cm"] }),
	kind({ group: "", kind: "Service", plural: "services", schema: "core/v1.Service", shortNames: ["svc"], subresources: { status: view } }),
	kind({ group: "rbac.authorization.k8s.io", kind: "Role", plural: "roles", schema: "rbac/v1.Role" }),
	kind({
		group: "authorization.k8s.io",
		kind: "SubjectAccessReview",
		plural: "subjectaccessreviews",
		schema: "authorization/v1.SubjectAccessReview",
		scope: "Cluster",
		verbs: ["create"],
	}),
	kind({
		group: "apps",
		kind: "Deployment",
		plural: "deployments",
		schema: "apps/v1.Deployment",
		shortNames: ["deploy"],
		categories: ["all"],
		subresources: { status: view, scale },
	}),
];

export const tinyRegistry: KindRegistry = {
	all: () => KINDS,
	byResource: (group, version, plural) => KINDS.find((k) => k.group === group && k.version === version && k.plural === plural),
	byKind: (group, version, name) => KINDS.find((k) => k.group === group && k.version === version && k.kind === name),
	byStoreName: (resource) => KINDS.find((k) => (k.group === "" ? k.plural : `${k.group}/${k.plural}`) === resource),
};
