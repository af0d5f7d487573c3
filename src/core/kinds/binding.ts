/** Binding: gives a pod its node. It is written to a pod, and never stored itself (pkg/registry/core/pod BindingREST). */
import { type FieldError, notSupported, required } from "../errors/field-error.ts";
import type { Binding } from "../schema/kubernetes.d.ts";
import { defineKind } from "./define-kind.ts";

const TARGET_KINDS = ["Node"];

/** ValidatePodBinding. */
function validate({ target }: Binding): FieldError[] {
	const errors: FieldError[] = [];
	if (target?.kind && !TARGET_KINDS.includes(target.kind)) errors.push(notSupported("target.kind", target.kind, [...TARGET_KINDS, "<empty>"]));
	if (!target?.name) errors.push(required("target.name"));
	return errors;
}

export const bindingKind = defineKind<Binding>({
	group: "",
	version: "v1",
	kind: "Binding",
	plural: "bindings",
	singular: "binding",
	scope: "Namespaced",
	schema: "core/v1.Binding",
	verbs: ["create"],
	validate,
	columns: [],
});
