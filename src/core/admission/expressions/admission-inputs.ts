/** What expressions are told of a write (k8s.io/apiserver/pkg/admission/plugin/cel: CreateAdmissionRequest, CreateNamespaceObject). */
import type { Json, JsonObject } from "../../meta/object.ts";
import { type AdmissionRequest, type AdmissionView, requestKind } from "../plugin.ts";
import { namespaceOf, type Seen } from "../webhooks/admission-review.ts";
import type { AdmissionInputs } from "./admission-environment.ts";

function requestValue(request: AdmissionRequest, seen: Seen): JsonObject {
	const { user, operation, subresource, dryRun, kind, name } = request;
	const asked = {
		kind: seen.kind,
		resource: seen.resource,
		subResource: subresource,
		requestKind: requestKind(request),
		requestResource: { group: kind.group, version: kind.version, resource: kind.plural },
		requestSubResource: subresource,
		name,
		namespace: namespaceOf(request),
		operation,
		userInfo: { username: user.name, uid: user.uid ?? "", groups: user.groups, extra: user.extra ?? {} },
		dryRun,
		options: request.options ?? null,
	};
	return asked as unknown as JsonObject;
}

/** The request's Namespace, less what no expression is to see. */
function namespaceValue(request: AdmissionRequest, view: AdmissionView): Json {
	const namespace = request.namespace === "" ? null : view.namespaceObject();
	if (namespace === null) return null;
	const { managedFields: _, ownerReferences: __, ...metadata } = namespace.metadata;
	return { metadata, spec: namespace.spec ?? {}, status: namespace.status ?? {} } as unknown as Json;
}

/** The variables' values but for a policy's parameters. */
export function inputsOf(request: AdmissionRequest, seen: Seen, view: AdmissionView): AdmissionInputs {
	const { kind, subresource, user, name } = request;
	return {
		object: (seen.object ?? null) as unknown as Json,
		oldObject: (seen.oldObject ?? null) as unknown as Json,
		request: requestValue(request, seen),
		namespaceObject: namespaceValue(request, view),
		authorizer: {
			user,
			decide: (who, attributes) => view.decide(who, attributes),
			resource: { group: kind.group, resource: kind.plural, subresource, namespace: namespaceOf(request), name },
		},
	};
}
