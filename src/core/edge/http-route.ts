/** An HTTPRoute's rules as routes of the edge, still without hosts: those depend on the Gateways that it is attached to. */
import { goDurationMs } from "./gateway-duration.ts";
import type { EdgeRoute, EdgeTarget, PathMatch, ValueMatch } from "./edge-table.ts";
import type { BackendReference, HttpRoute, HttpRouteMatch, HttpRouteRule, PathModifier, RouteFilter } from "./gateway-api.ts";
import type { EdgePolicy, HeaderChanges, MirrorTarget, PathChange } from "./policy.ts";

const FOUND = 302;
const SERVER_ERROR = 500;

/** Why a part of the route cannot be followed; undefined where all can. */
export interface Problem {
	reason: string;
	message: string;
}

export interface CompiledHttpRoute {
	rules: Omit<EdgeRoute, "host">[];
	/** Of condition ResolvedRefs. */
	unresolved?: Problem;
	/** Of condition Accepted: something that is not served here. */
	unsupported?: Problem;
}

/** `hasService` says whether the route's own namespace has a Service of the name, with the port. */
export function compileHttpRoute(route: HttpRoute, hasService: (name: string, port: number) => boolean): CompiledHttpRoute {
	const { namespace = "" } = route.metadata;
	const problems: { unresolved: Problem[]; unsupported: Problem[] } = { unresolved: [], unsupported: [] };
	const resolve = (reference: BackendReference): EdgeTarget | undefined => {
		const problem = referenceProblem(reference, namespace, hasService);
		if (problem) problems.unresolved.push(problem);
		return problem ? undefined : { namespace, service: reference.name, port: String(reference.port), weight: reference.weight ?? 1 };
	};
	const rules = (route.spec?.rules ?? []).flatMap((rule) => {
		const unsupported = unsupportedPart(rule);
		if (unsupported) problems.unsupported.push(unsupported);
		return compileRule(rule, resolve, unsupported !== undefined);
	});
	const [unresolved, unsupported] = [problems.unresolved[0], problems.unsupported[0]];
	return { rules, ...(unresolved ? { unresolved } : {}), ...(unsupported ? { unsupported } : {}) };
}

function referenceProblem(
	{ group = "", kind = "Service", name, namespace, port }: BackendReference,
	own: string,
	hasService: (name: string, port: number) => boolean,
): Problem | undefined {
	if (group !== "" || kind !== "Service")
		return { reason: "InvalidKind", message: `group ${JSON.stringify(group)}, kind ${JSON.stringify(kind)} is no Service` };
	if (namespace !== undefined && namespace !== own) return { reason: "RefNotPermitted", message: `Service ${namespace}/${name} is of another namespace` };
	if (port === undefined || !hasService(name, port))
		return { reason: "BackendNotFound", message: `Service ${own}/${name} with port ${port ?? "(none)"} is not there` };
	return undefined;
}

const FILTERS = ["RequestHeaderModifier", "ResponseHeaderModifier", "RequestRedirect", "URLRewrite", "RequestMirror"];

function unsupportedPart({ filters = [], backendRefs = [] }: HttpRouteRule): Problem | undefined {
	const filter = filters.find(({ type }) => !FILTERS.includes(type));
	if (filter) return { reason: "UnsupportedValue", message: `filters of type ${filter.type} are not supported` };
	if (backendRefs.some(({ filters: own = [] }) => own.length > 0)) return { reason: "UnsupportedValue", message: "filters of a backendRef are not supported" };
	return undefined;
}

function compileRule(rule: HttpRouteRule, resolve: (reference: BackendReference) => EdgeTarget | undefined, unsupported: boolean): Omit<EdgeRoute, "host">[] {
	const { matches = [], filters = [], backendRefs = [], timeouts = {} } = rule;
	// The share of a backend that is not there is answered with 500.
	const targets = backendRefs.map((reference) => resolve(reference) ?? { namespace: "", service: "", port: "", weight: reference.weight ?? 1 });
	const policy: EdgePolicy = { ...policyOf(filters, resolve) };
	const [requestTimeoutMs, answerTimeoutMs] = [goDurationMs(timeouts.request), goDurationMs(timeouts.backendRequest)];
	if (requestTimeoutMs) policy.requestTimeoutMs = requestTimeoutMs;
	if (answerTimeoutMs) policy.answerTimeoutMs = answerTimeoutMs;
	const leadsNowhere = policy.redirect === undefined && targets.every(({ weight }) => weight === 0);
	if (unsupported || leadsNowhere) policy.answer = SERVER_ERROR;
	return (matches.length > 0 ? matches : [{}]).map((match) => ({ ...compileMatch(match), targets, policy }));
}

function compileMatch({ path, headers = [], queryParams = [], method }: HttpRouteMatch): Pick<EdgeRoute, "path" | "headers" | "query" | "method"> {
	return {
		path: pathMatch(path?.type ?? "PathPrefix", path?.value ?? "/"),
		...(headers.length > 0 ? { headers: headers.map(valueMatch) } : {}),
		...(queryParams.length > 0 ? { query: queryParams.map(valueMatch) } : {}),
		...(method === undefined ? {} : { method }),
	};
}

function pathMatch(type: string, value: string): PathMatch {
	if (type === "Exact") return { type: "exact", value };
	// The whole path, and in its own case.
	if (type === "RegularExpression") return { type: "regex", value: `(?-i:${value})$` };
	return { type: "prefix", value };
}

const valueMatch = ({ type, name, value }: { type?: string; name: string; value: string }): ValueMatch => ({
	name,
	value,
	type: type === "RegularExpression" ? "regex" : "exact",
});

function policyOf(filters: readonly RouteFilter[], resolve: (reference: BackendReference) => EdgeTarget | undefined): EdgePolicy {
	const policy: EdgePolicy = {};
	const mirrors: MirrorTarget[] = [];
	for (const { requestHeaderModifier, responseHeaderModifier, requestRedirect, urlRewrite, requestMirror } of filters) {
		if (requestHeaderModifier) policy.requestHeaders = headerChanges(requestHeaderModifier);
		if (responseHeaderModifier) policy.responseHeaders = headerChanges(responseHeaderModifier);
		if (requestRedirect) {
			const { path, statusCode = FOUND, ...parts } = requestRedirect;
			policy.redirect = { ...parts, ...(path ? { path: pathChange(path) } : {}), status: statusCode };
		}
		if (urlRewrite?.hostname) policy.upstreamHost = urlRewrite.hostname;
		if (urlRewrite?.path) policy.path = pathChange(urlRewrite.path);
		const target = requestMirror && resolve(requestMirror.backendRef);
		if (target) mirrors.push({ namespace: target.namespace, service: target.service, port: target.port, percent: mirrorPercent(requestMirror) });
	}
	return mirrors.length > 0 ? { ...policy, mirrors } : policy;
}

function mirrorPercent({ percent, fraction }: NonNullable<RouteFilter["requestMirror"]>): number {
	return fraction ? (100 * fraction.numerator) / (fraction.denominator ?? 100) : (percent ?? 100);
}

const pathChange = ({ type, replaceFullPath = "/", replacePrefixMatch = "/" }: PathModifier): PathChange =>
	type === "ReplaceFullPath" ? { type: "full", value: replaceFullPath } : { type: "prefix", value: replacePrefixMatch };

const headerChanges = ({ set = [], add = [], remove = [] }: NonNullable<RouteFilter["requestHeaderModifier"]>): HeaderChanges => ({
	set: set.map(({ name, value }) => [name, value]),
	add: add.map(({ name, value }) => [name, value]),
	remove,
});

/** The Services that an HTTPRoute leads to in its own namespace. */
export function servicesOfHttpRoute({ metadata, spec }: HttpRoute): string[] {
	const references = (spec?.rules ?? []).flatMap(({ backendRefs = [], filters = [] }) => [
		...backendRefs,
		...filters.flatMap(({ requestMirror }) => requestMirror?.backendRef ?? []),
	]);
	const own = references.filter(({ kind = "Service", namespace = metadata.namespace }) => kind === "Service" && namespace === metadata.namespace);
	return [...new Set(own.map(({ name }) => name))];
}
