/** Namespace: pkg/registry/core/namespace. Its status and finalizers belong to the namespace lifecycle. */
import { type FieldError, invalid } from "../errors/field-error.ts";
import { qualifiedName } from "../meta/name-rules.ts";
import type { Namespace } from "../schema/kubernetes.d.ts";
import { ageColumn } from "./columns.ts";
import { defineKind } from "./define-kind.ts";
import { keepStatus, statusSubresource } from "./strategy.ts";

const FINALIZER = "kubernetes";
const NAME_LABEL = "kubernetes.io/metadata.name";

function validateFinalizers(namespace: Namespace): FieldError[] {
	const errors: FieldError[] = [];
	for (const [index, name] of (namespace.spec?.finalizers ?? []).entries()) {
		for (const problem of qualifiedName(name)) errors.push(invalid(`spec.finalizers[${index}]`, name, problem));
		if (!name.includes("/") && name !== FINALIZER && name !== "orphan") {
			errors.push(invalid(`spec.finalizers[${index}]`, name, "name is neither a standard finalizer name nor is it fully qualified"));
		}
	}
	return errors;
}

/** Active exactly as long as no deletion is asked for. */
function validateStatusUpdate(next: Namespace): FieldError[] {
	const deleted = next.metadata.deletionTimestamp !== undefined;
	if (!deleted && next.status?.phase !== "Active")
		return [invalid("status.Phase", next.status?.phase ?? "", "may only be 'Active' if `deletionTimestamp` is empty")];
	if (deleted && next.status?.phase !== "Terminating") {
		return [invalid("status.Phase", next.status?.phase ?? "", "may only be 'Terminating' if `deletionTimestamp` is not empty")];
	}
	return [];
}

export const namespaceKind = defineKind<Namespace>({
	group: "",
	version: "v1",
	kind: "Namespace",
	plural: "namespaces",
	singular: "namespace",
	shortNames: ["ns"],
	scope: "Cluster",
	schema: "core/v1.Namespace",
	verbs: ["create", "delete", "get", "list", "patch", "update", "watch"],
	nameRule: "dns1123label",
	subresources: {
		status: {
			prepareUpdate: statusSubresource.prepareUpdate,
			validateUpdate: validateStatusUpdate,
		},
		object: {
			finalize: { prepareUpdate: keepStatus, verbs: ["update"] },
		},
	},
	defaults(namespace) {
		namespace.spec ??= {};
		namespace.status ??= {};
		namespace.status.phase ||= "Active";
		if (namespace.metadata.name) namespace.metadata.labels = { ...namespace.metadata.labels, [NAME_LABEL]: namespace.metadata.name };
	},
	prepareCreate(namespace) {
		namespace.status = { phase: "Active" };
		const finalizers = namespace.spec?.finalizers ?? [];
		namespace.spec = { ...namespace.spec, finalizers: finalizers.includes(FINALIZER) ? finalizers : [...finalizers, FINALIZER] };
		if (namespace.metadata.name) namespace.metadata.labels = { ...namespace.metadata.labels, [NAME_LABEL]: namespace.metadata.name };
	},
	prepareUpdate(next, old) {
		next.spec = { ...next.spec, finalizers: structuredClone(old.spec?.finalizers) };
		if (!next.spec.finalizers) delete next.spec.finalizers;
		keepStatus(next, old);
	},
	holdsDeletion: (namespace) => (namespace.spec?.finalizers ?? []).length > 0,
	prepareDelete(namespace) {
		namespace.status = { ...namespace.status, phase: "Terminating" };
	},
	validate: validateFinalizers,
	columns: [{ name: "Status", type: "string", description: "The status of the namespace", cell: (namespace) => namespace.status?.phase ?? "" }, ageColumn],
	selectableFields: {
		name: (namespace) => namespace.metadata.name ?? "",
		"status.phase": (namespace) => namespace.status?.phase ?? "",
	},
});
