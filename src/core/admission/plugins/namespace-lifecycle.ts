/** NamespaceLifecycle: nothing is created in a namespace that is missing or going, and the system's own cannot go. */
import { notFound } from "../../errors/status-error.ts";
import { resourceOf } from "../../kinds/define-kind.ts";
import { type AdmissionPlugin, type AdmissionRequest, type AdmissionView, refuse } from "../plugin.ts";

const PROTECTED_NAMESPACES: ReadonlySet<string> = new Set(["default", "kube-system", "kube-public"]);

function refuseProtectedDeletion(request: AdmissionRequest): void {
	if (resourceOf(request.kind) === "namespaces" && PROTECTED_NAMESPACES.has(request.object.metadata.name ?? "")) {
		throw refuse(request, "this namespace may not be deleted");
	}
}

export const namespaceLifecycle: AdmissionPlugin = {
	name: "NamespaceLifecycle",
	resources: "*",
	operations: ["CREATE", "UPDATE", "DELETE"],
	subresources: "*",
	mutate(request: AdmissionRequest, view: AdmissionView): void {
		if (request.operation === "DELETE") refuseProtectedDeletion(request);
		if (request.operation === "DELETE" || request.namespace === "") return;
		const namespace = view.namespaceObject();
		if (namespace === null) throw notFound({ group: "", resource: "namespaces" }, request.namespace);
		const isTerminating = namespace.metadata.deletionTimestamp !== undefined || namespace.status?.phase === "Terminating";
		if (request.operation !== "CREATE" || !isTerminating) return;
		const error = refuse(request, `unable to create new content in namespace ${request.namespace} because it is being terminated`);
		const cause = { reason: "NamespaceTerminating", message: `namespace ${request.namespace} is being terminated`, field: "metadata.namespace" };
		error.status.details = { ...error.status.details, causes: [cause] };
		throw error;
	},
};
