/** CustomResourceDefinition: apiextensions-apiserver pkg/registry/customresourcedefinition. */
import { decodeDefinition } from "../crd/definition-decoding.ts";
import { validateDefinition, validateDefinitionUpdate } from "../crd/definition-validation.ts";
import { TERMINATING, withCondition } from "../crd/definition-conditions.ts";
import { semanticEqual } from "../meta/equality.ts";
import type { CustomResourceDefinition } from "../schema/kubernetes.d.ts";
import { createdAtColumn } from "./columns.ts";
import { defineKind } from "./define-kind.ts";
import { bumpGeneration, keepSpec, keepStatus } from "./strategy.ts";

/** Holds a definition until its objects are gone. */
export const CLEANUP_FINALIZER = "customresourcecleanup.apiextensions.k8s.io";

/** The versions that objects may be stored in: the storage version is always among them. */
function noteStorageVersion(definition: CustomResourceDefinition): void {
	const storage = definition.spec.versions?.find((version) => version.storage)?.name;
	const status = { acceptedNames: { plural: "", kind: "" }, storedVersions: [], ...definition.status };
	const stored = status.storedVersions ?? [];
	definition.status = { ...status, storedVersions: storage === undefined || stored.includes(storage) ? stored : [...stored, storage] };
}

function setDefaults({ spec }: CustomResourceDefinition): void {
	if (!spec?.names) return;
	const { names } = spec;
	names.singular ||= (names.kind ?? "").toLowerCase();
	names.listKind ||= names.kind ? `${names.kind}List` : "";
	spec.conversion ??= { strategy: "None" };
	const service = spec.conversion.webhook?.clientConfig?.service;
	if (service) service.port ??= 443;
}

export const customResourceDefinitionKind = defineKind<CustomResourceDefinition>({
	group: "apiextensions.k8s.io",
	version: "v1",
	kind: "CustomResourceDefinition",
	plural: "customresourcedefinitions",
	singular: "customresourcedefinition",
	shortNames: ["crd", "crds"],
	categories: ["api-extensions"],
	scope: "Cluster",
	schema: "apiextensions/v1.CustomResourceDefinition",
	decode: decodeDefinition,
	defaults: setDefaults,
	prepareCreate(definition) {
		definition.metadata.generation = 1;
		delete definition.status;
		noteStorageVersion(definition);
	},
	prepareUpdate(next, old) {
		keepStatus(next, old);
		noteStorageVersion(next);
		bumpGeneration(next, old, !semanticEqual(next.spec, old.spec));
	},
	subresources: {
		status: {
			prepareUpdate(next, old) {
				keepSpec(next, old);
				bumpGeneration(next, old, false);
			},
		},
	},
	validate: validateDefinition,
	validateUpdate: validateDefinitionUpdate,
	/** Its objects go first: the finalizer holds it until they have. */
	prepareDelete(definition) {
		const finalizers = definition.metadata.finalizers ?? [];
		if (!finalizers.includes(CLEANUP_FINALIZER)) definition.metadata.finalizers = [...finalizers, CLEANUP_FINALIZER];
		const message = "CustomResource deletion is pending";
		withCondition(definition, { type: TERMINATING, status: "True", reason: "InstanceDeletionPending", message }, definition.metadata.deletionTimestamp ?? "");
	},
	columns: [createdAtColumn],
});
