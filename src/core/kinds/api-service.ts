/** APIService: kube-aggregator's pkg/registry/apiservice and pkg/apis/apiregistration/validation. */
import { type FieldError, invalid, required } from "../errors/field-error.ts";
import { dns1035Label, dns1123Subdomain, portNumber } from "../meta/name-rules.ts";
import type { APIService, APIServiceCondition } from "../schema/kubernetes.d.ts";
import { ageColumn } from "./columns.ts";
import { defineKind } from "./define-kind.ts";
import { keepSpec, keepStatus } from "./strategy.ts";

export const API_SERVICES = "apiregistration.k8s.io/apiservices";
export const AVAILABLE = "Available";
const SERVICE_PORT = 443;
const GROUP_PRIORITY_MAX = 20_000;
const VERSION_PRIORITY_MAX = 1_000;
/** Of what this server serves itself. */
export const LOCAL: Pick<APIServiceCondition, "status" | "reason" | "message"> = {
	status: "True",
	reason: "Local",
	message: "Local APIServices are always available",
};

export const availabilityOf = ({ status }: APIService): APIServiceCondition | undefined => status?.conditions?.find(({ type }) => type === AVAILABLE);

function validateGroupVersion({ spec }: APIService): FieldError[] {
	const { group = "", version = "" } = spec ?? {};
	const errors: FieldError[] = [];
	if (group === "" && version !== "v1") errors.push(required("spec.group", "only v1 may have an empty group and it better be legacy kube"));
	if (group !== "") errors.push(...dns1123Subdomain(group).map((problem) => invalid("spec.group", group, problem)));
	errors.push(...dns1035Label(version).map((problem) => invalid("spec.version", version, problem)));
	return errors;
}

function validatePriorities({ spec }: APIService): FieldError[] {
	const { groupPriorityMinimum = 0, versionPriority = 0 } = spec ?? {};
	const errors: FieldError[] = [];
	if (groupPriorityMinimum <= 0 || groupPriorityMinimum > GROUP_PRIORITY_MAX)
		errors.push(invalid("spec.groupPriorityMinimum", groupPriorityMinimum, "must be positive and less than 20000"));
	if (versionPriority <= 0 || versionPriority > VERSION_PRIORITY_MAX)
		errors.push(invalid("spec.versionPriority", versionPriority, "must be positive and less than 1000"));
	return errors;
}

const bytesOf = (base64: string): number => atob(base64).length;

function validateLocal({ spec }: APIService): FieldError[] {
	const errors: FieldError[] = [];
	if (spec?.caBundle) errors.push(invalid("spec.caBundle", `${bytesOf(spec.caBundle)} bytes`, "local APIServices may not have a caBundle"));
	if (spec?.insecureSkipTLSVerify) errors.push(invalid("spec.insecureSkipTLSVerify", true, "local APIServices may not have insecureSkipTLSVerify"));
	return errors;
}

function validateService({ spec }: APIService): FieldError[] {
	const service = spec?.service;
	if (!service) return validateLocal({ spec } as APIService);
	const errors: FieldError[] = [];
	if (!service.namespace) errors.push(required("spec.service.namespace"));
	if (!service.name) errors.push(required("spec.service.name"));
	const { port = SERVICE_PORT } = service;
	for (const problem of portNumber(port)) errors.push(invalid("spec.service.port", port, `port is not valid: ${problem}`));
	if (spec?.insecureSkipTLSVerify && spec.caBundle) errors.push(invalid("spec.insecureSkipTLSVerify", true, "may not be true if caBundle is present"));
	return errors;
}

function validate(service: APIService): FieldError[] {
	const { name = "" } = service.metadata;
	const { group = "", version = "" } = service.spec ?? {};
	const wanted = `${version}.${group}`;
	const errors = name === wanted ? [] : [invalid("metadata.name", name, `must be \`spec.version+"."+spec.group\`: ${JSON.stringify(wanted)}`)];
	return [...errors, ...validateGroupVersion(service), ...validatePriorities(service), ...validateService(service)];
}

function shownAvailability(service: APIService): string {
	const available = availabilityOf(service);
	if (available === undefined) return "Unknown";
	return available.status === "True" ? "True" : `${available.status} (${available.reason ?? ""})`;
}

export const apiServiceKind = defineKind<APIService>({
	group: "apiregistration.k8s.io",
	version: "v1",
	kind: "APIService",
	plural: "apiservices",
	singular: "apiservice",
	categories: ["api-extensions"],
	scope: "Cluster",
	schema: "apiregistration/v1.APIService",
	nameRule: "path",
	defaults({ spec }) {
		if (spec?.service) spec.service.port ??= SERVICE_PORT;
	},
	prepareCreate(service, { nowMs }) {
		delete service.status;
		const lastTransitionTime = `${new Date(nowMs).toISOString().slice(0, 19)}Z`;
		// What this server serves itself needs no looking after.
		if (!service.spec?.service) service.status = { conditions: [{ type: AVAILABLE, ...LOCAL, lastTransitionTime }] };
	},
	prepareUpdate: keepStatus,
	subresources: { status: { prepareUpdate: keepSpec } },
	validate,
	columns: [
		{
			name: "Service",
			type: "string",
			description: "The reference to the service that hosts this API endpoint.",
			cell: ({ spec }) => (spec?.service ? `${spec.service.namespace}/${spec.service.name}` : "Local"),
		},
		{ name: "Available", type: "string", description: "Whether this service is available.", cell: shownAvailability },
		ageColumn,
	],
});
