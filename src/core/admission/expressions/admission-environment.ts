/** The variables of expressions about a request (k8s.io/apiserver/pkg/admission/plugin/cel): policies' and webhooks' match conditions. */
import type { Attributes } from "../../authz/attributes.ts";
import type { UserInfo } from "../../api/request.ts";
import { Environment } from "../../cel/environment.ts";
import { untypedValue } from "../../cel/json-value.ts";
import { AuthorizerValue, type AuthorizerDecision, type CheckedResource, ResourceCheck } from "../../cel/library/authorizer.ts";
import type { Variables } from "../../cel/planner.ts";
import { BOOL, type CelType, DYN, INT, listOf, mapOf, objectType, opaque, STRING, TIMESTAMP } from "../../cel/types.ts";
import type { CelValue } from "../../cel/values.ts";
import type { Json, JsonObject } from "../../meta/object.ts";

/** What an expression is evaluated about. */
export interface AdmissionInputs {
	/** Null where there is none: on DELETE, and of CREATE the old one. */
	object: Json;
	oldObject: Json;
	/** The AdmissionRequest without its objects. */
	request: JsonObject;
	/** Null for what is in no namespace. */
	namespaceObject?: Json;
	/** The parameters of a policy that has a kind of them. */
	params?: Json;
	authorizer?: AuthorizerInputs;
}

export interface AuthorizerInputs {
	user: UserInfo;
	decide(user: UserInfo, attributes: Attributes): AuthorizerDecision;
	/** What authorizer.requestResource asks about. */
	resource: CheckedResource;
}

const STRINGS = listOf(STRING);
const KIND_TYPE = objectType("kubernetes.GroupVersionKind", { group: STRING, version: STRING, kind: STRING });
const RESOURCE_TYPE = objectType("kubernetes.GroupVersionResource", { group: STRING, version: STRING, resource: STRING });
const USER_TYPE = objectType("kubernetes.UserInfo", { username: STRING, uid: STRING, groups: STRINGS, extra: mapOf(STRING, STRINGS) });
const REQUEST_TYPE = objectType("kubernetes.AdmissionRequest", {
	kind: KIND_TYPE,
	resource: RESOURCE_TYPE,
	subResource: STRING,
	requestKind: KIND_TYPE,
	requestResource: RESOURCE_TYPE,
	requestSubResource: STRING,
	name: STRING,
	namespace: STRING,
	operation: STRING,
	userInfo: USER_TYPE,
	dryRun: BOOL,
	options: DYN,
});
const CONDITION_TYPE = objectType("kubernetes.NamespaceCondition", {
	status: STRING,
	type: STRING,
	lastTransitionTime: TIMESTAMP,
	message: STRING,
	reason: STRING,
});
const NAMESPACE_METADATA_TYPE = objectType("kubernetes.NamespaceMetadata", {
	name: STRING,
	generateName: STRING,
	namespace: STRING,
	labels: mapOf(STRING, STRING),
	annotations: mapOf(STRING, STRING),
	UID: STRING,
	creationTimestamp: TIMESTAMP,
	deletionGracePeriodSeconds: INT,
	deletionTimestamp: TIMESTAMP,
	generation: INT,
	resourceVersion: STRING,
	finalizers: STRINGS,
});
const NAMESPACE_TYPE = objectType("kubernetes.Namespace", {
	metadata: NAMESPACE_METADATA_TYPE,
	spec: objectType("kubernetes.NamespaceSpec", { finalizers: STRINGS }),
	status: objectType("kubernetes.NamespaceStatus", { conditions: listOf(CONDITION_TYPE), phase: STRING }),
});

export const REQUEST_RESOURCE = "authorizer.requestResource";

/** The variables that every expression about a request has. */
export const ADMISSION_VARIABLES: Readonly<Record<string, CelType>> = {
	object: DYN,
	oldObject: DYN,
	namespaceObject: NAMESPACE_TYPE,
	request: REQUEST_TYPE,
};
export const AUTHORIZER_VARIABLES: Readonly<Record<string, CelType>> = {
	authorizer: opaque("kubernetes.authorization.Authorizer"),
	[REQUEST_RESOURCE]: opaque("kubernetes.authorization.ResourceCheck"),
};

/** Of match conditions: they know no parameters. */
export const matchConditionEnvironment: Environment = new Environment({ variables: { ...ADMISSION_VARIABLES, ...AUTHORIZER_VARIABLES } });

/** The variables' values, each made when it is first asked for. */
export function admissionVariables(inputs: AdmissionInputs): Variables {
	const known = new Map<string, CelValue>();
	const { authorizer } = inputs;
	const checks = authorizer && new AuthorizerValue(authorizer.user, (user, attributes) => authorizer.decide(user, attributes));
	const make: Readonly<Record<string, () => CelValue | undefined>> = {
		object: () => untypedValue(inputs.object),
		oldObject: () => untypedValue(inputs.oldObject),
		namespaceObject: () => untypedValue(inputs.namespaceObject ?? null),
		request: () => untypedValue(inputs.request),
		params: () => untypedValue(inputs.params ?? null),
		authorizer: () => checks,
		[REQUEST_RESOURCE]: () => checks && authorizer && new ResourceCheck(checks, authorizer.resource),
	};
	return (name) => {
		const value = known.get(name) ?? make[name]?.();
		if (value !== undefined) known.set(name, value);
		return value;
	};
}
