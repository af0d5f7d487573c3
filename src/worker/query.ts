/**
 * The query parameters of ListOptions, CreateOptions, UpdateOptions, PatchOptions and DeleteOptions, checked as
 * k8s.io/apimachinery/pkg/apis/meta/{v1,internalversion}/validation do. Pure.
 */
import { isTrue } from "../core/api/query-values.ts";
import type { ApiQuery, PatchType, RequestVerb } from "../core/api/request.ts";
import { type FieldError, forbidden, invalid, notSupported, required, tooLong } from "../core/errors/field-error.ts";
import { badRequest, invalidObject } from "../core/errors/status-error.ts";

/** Upstream's FieldManagerMaxLength, in bytes. */
const FIELD_MANAGER_MAX_BYTES = 128;
const FIELD_VALIDATIONS = ["", "Ignore", "Strict", "Warn"];
const PROPAGATION_POLICIES = ["Foreground", "Background", "Orphan"];
const PRINTABLE = /^[\p{L}\p{M}\p{N}\p{P}\p{S} ]*$/u;

/** A query taken out of the platform's object once: each look into that costs a call. */
type Given = Pick<URLSearchParams, "get" | "has" | "getAll">;

function parametersOf(raw: readonly (readonly [string, string])[]): Given {
	const first = (name: string): string | null => raw.find(([key]) => key === name)?.[1] ?? null;
	return { get: first, has: (name) => first(name) !== null, getAll: (name) => raw.filter(([key]) => key === name).map(([, value]) => value) };
}

function integer(query: Given, name: string): number | undefined {
	const text = query.get(name);
	if (text === null || text === "") return undefined;
	const value = Number(text);
	if (!/^[+-]?\d+$/.test(text)) throw badRequest(`strconv.ParseInt: parsing ${JSON.stringify(text)}: invalid syntax`);
	if (!Number.isSafeInteger(value)) throw badRequest(`strconv.ParseInt: parsing ${JSON.stringify(text)}: value out of range`);
	return value;
}

function checkResourceVersion(version: string): void {
	if (/^\d*$/.test(version)) return;
	const quoted = JSON.stringify(version);
	throw badRequest(`invalid resource version: resourceVersion: Invalid value: ${quoted}: strconv.ParseUint: parsing ${quoted}: invalid syntax`);
}

const text = (query: Given, name: string): string | undefined => query.get(name) || undefined;
const boolean = (query: Given, name: string): boolean | undefined => (query.has(name) ? isTrue(query.get(name)) : undefined);

function listMatchErrors(query: ApiQuery): FieldError[] {
	const errors: FieldError[] = [];
	const field = "resourceVersionMatch";
	const match = query.resourceVersionMatch;
	if (match !== undefined) {
		if (!query.resourceVersion) errors.push(forbidden(field, "resourceVersionMatch is forbidden unless resourceVersion is provided"));
		if (query.continue) errors.push(forbidden(field, "resourceVersionMatch is forbidden when continue is provided"));
		if (match !== "Exact" && match !== "NotOlderThan") errors.push(notSupported(field, match, ["Exact", "NotOlderThan", ""]));
		if (match === "Exact" && query.resourceVersion === "0") errors.push(forbidden(field, 'resourceVersionMatch "exact" is forbidden for resourceVersion "0"'));
	}
	if (query.sendInitialEvents !== undefined) errors.push(forbidden("sendInitialEvents", "sendInitialEvents is forbidden for list"));
	return errors;
}

function watchMatchErrors(query: ApiQuery): FieldError[] {
	const errors: FieldError[] = [];
	const field = "resourceVersionMatch";
	const match = query.resourceVersionMatch;
	if (query.sendInitialEvents !== undefined && match !== "NotOlderThan")
		errors.push(forbidden(field, "sendInitialEvents requires setting resourceVersionMatch to NotOlderThan"));
	if (match !== undefined) {
		if (query.sendInitialEvents === undefined)
			errors.push(forbidden(field, "resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided"));
		if (match !== "NotOlderThan") errors.push(notSupported(field, match, ["NotOlderThan"]));
		if (query.continue) errors.push(forbidden(field, "resourceVersionMatch is forbidden when continue is provided"));
	}
	return errors;
}

function dryRunErrors(values: readonly string[]): FieldError[] {
	return values.filter((v) => v !== "All").map((v) => notSupported("dryRun", v, ["All"]));
}

function fieldManagerErrors(manager: string | undefined): FieldError[] {
	if (manager === undefined) return [];
	const errors: FieldError[] = [];
	if (new TextEncoder().encode(manager).length > FIELD_MANAGER_MAX_BYTES) errors.push(tooLong("fieldManager", FIELD_MANAGER_MAX_BYTES));
	if (!PRINTABLE.test(manager)) errors.push(invalid("fieldManager", manager, "should only contain printable characters"));
	return errors;
}

function writeErrors(params: Given, query: ApiQuery, patchType: PatchType | undefined): FieldError[] {
	const errors = [...fieldManagerErrors(query.fieldManager), ...dryRunErrors(params.getAll("dryRun"))];
	const validation = params.get("fieldValidation") ?? "";
	if (!FIELD_VALIDATIONS.includes(validation)) errors.push(notSupported("fieldValidation", validation, FIELD_VALIDATIONS));
	if (patchType === "apply" && query.fieldManager === undefined) errors.unshift(required("fieldManager", "is required for apply patch"));
	if (patchType !== undefined && patchType !== "apply" && query.force !== undefined)
		errors.push(forbidden("force", "may not be specified for non-apply patch"));
	return errors;
}

function deleteErrors(params: Given, query: ApiQuery): FieldError[] {
	const errors: FieldError[] = [];
	const policy = params.get("propagationPolicy") || undefined;
	if (policy !== undefined && query.orphanDependents !== undefined) {
		errors.push(invalid("propagationPolicy", policy, "orphanDependents and deletionPropagation cannot be both set"));
	}
	if (policy !== undefined && !PROPAGATION_POLICIES.includes(policy)) errors.push(notSupported("propagationPolicy", policy, [...PROPAGATION_POLICIES, "nil"]));
	errors.push(...dryRunErrors(params.getAll("dryRun")));
	return errors;
}

const OPTIONS_KIND: Readonly<Record<RequestVerb, string>> = {
	"": "GetOptions",
	get: "GetOptions",
	list: "ListOptions",
	watch: "ListOptions",
	create: "CreateOptions",
	update: "UpdateOptions",
	patch: "PatchOptions",
	delete: "DeleteOptions",
	deletecollection: "DeleteOptions",
};

function optionErrors(verb: RequestVerb, params: Given, query: ApiQuery, patchType: PatchType | undefined): FieldError[] {
	if (verb === "list") return listMatchErrors(query);
	if (verb === "watch") return watchMatchErrors(query);
	if (verb === "create" || verb === "update" || verb === "patch") return writeErrors(params, query, patchType);
	if (verb === "delete" || verb === "deletecollection") return deleteErrors(params, query);
	return [];
}

function withoutUndefined(query: ApiQuery): ApiQuery {
	return Object.fromEntries(Object.entries(query).filter(([, value]) => value !== undefined)) as unknown as ApiQuery;
}

/**
 * @throws StatusError 400 for what cannot be read, 422 with upstream's causes for what may not be.
 */
export function parseQuery(verb: RequestVerb, search: URLSearchParams, patchType?: PatchType): ApiQuery {
	if (search.size === 0 && patchType !== "apply") return { raw: [] };
	const raw = [...search] as [string, string][];
	const params = parametersOf(raw);
	const limit = integer(params, "limit");
	checkResourceVersion(params.get("resourceVersion") ?? "");
	const query = withoutUndefined({
		labelSelector: text(params, "labelSelector"),
		fieldSelector: text(params, "fieldSelector"),
		limit: limit !== undefined && limit > 0 ? limit : undefined,
		continue: text(params, "continue"),
		resourceVersion: text(params, "resourceVersion"),
		resourceVersionMatch: text(params, "resourceVersionMatch"),
		allowWatchBookmarks: boolean(params, "allowWatchBookmarks"),
		sendInitialEvents: boolean(params, "sendInitialEvents"),
		timeoutSeconds: integer(params, "timeoutSeconds"),
		dryRun: params.has("dryRun") ? true : undefined,
		fieldManager: text(params, "fieldManager"),
		fieldValidation: text(params, "fieldValidation") as ApiQuery["fieldValidation"],
		force: boolean(params, "force"),
		gracePeriodSeconds: integer(params, "gracePeriodSeconds"),
		propagationPolicy: text(params, "propagationPolicy") as ApiQuery["propagationPolicy"],
		orphanDependents: boolean(params, "orphanDependents"),
		raw,
	});
	const errors = optionErrors(verb, params, query, patchType);
	if (errors.length > 0) throw invalidObject("meta.k8s.io", OPTIONS_KIND[verb], "", errors);
	return query;
}
