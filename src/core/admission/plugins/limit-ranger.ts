/** LimitRanger: gives containers a namespace's default requests and limits, and refuses what is outside its bounds. */
import { resourceOf } from "../../kinds/define-kind.ts";
import { parseQuantity, type Quantity, quantityText } from "../../quantity/quantity.ts";
import type { Container, LimitRange, LimitRangeItem, PersistentVolumeClaim, Pod } from "../../schema/kubernetes.d.ts";
import { type AdmissionPlugin, type AdmissionRequest, type AdmissionView, refuse } from "../plugin.ts";
import { podQuantities, type Quantities, quantitiesOf } from "../pod-resources.ts";

const ANNOTATION = "kubernetes.io/limit-ranger";
const CLAIMS = "persistentvolumeclaims";

type ResourceList = Readonly<Record<string, string>>;

function defaultsOf(limitRange: LimitRange): { limits: ResourceList; requests: ResourceList } {
	const items = (limitRange.spec?.limits ?? []).filter((item) => item.type === "Container");
	return {
		limits: Object.assign({}, ...items.map((item) => item.default ?? {})) as ResourceList,
		requests: Object.assign({}, ...items.map((item) => item.defaultRequest ?? {})) as ResourceList,
	};
}

/** Sets what is missing and says which resources those were. */
function fillMissing(container: Container, which: "limits" | "requests", defaults: ResourceList): string[] {
	const had = container.resources?.[which] ?? {};
	const missing = Object.keys(defaults).filter((name) => !Object.hasOwn(had, name));
	if (missing.length === 0) return [];
	const filled = { ...had };
	for (const name of missing) filled[name] = defaults[name] as string;
	container.resources = { ...container.resources, [which]: filled };
	return missing.sort();
}

function fillContainer(container: Container, what: string, limitRange: LimitRange, notes: string[]): void {
	const { limits, requests } = defaultsOf(limitRange);
	const setLimits = fillMissing(container, "limits", limits);
	const setRequests = fillMissing(container, "requests", requests);
	if (setRequests.length > 0) notes.push(`${setRequests.join(", ")} request for ${what} ${container.name}`);
	if (setLimits.length > 0) notes.push(`${setLimits.join(", ")} limit for ${what} ${container.name}`);
}

function fillPod(pod: Pod, limitRange: LimitRange): void {
	const notes: string[] = [];
	for (const container of pod.spec?.containers ?? []) fillContainer(container, "container", limitRange, notes);
	for (const container of pod.spec?.initContainers ?? []) fillContainer(container, "init container", limitRange, notes);
	if (notes.length > 0) pod.metadata.annotations = { ...pod.metadata.annotations, [ANNOTATION]: `LimitRanger plugin set: ${notes.join("; ")}` };
}

/** One bound on one resource, as messages name it. */
interface Bound {
	resource: string;
	type: string;
	bound: Quantity;
	request: Quantity | undefined;
	limit: Quantity | undefined;
}

function minimumError({ resource, type, bound, request, limit }: Bound): string | undefined {
	const head = `minimum ${resource} usage per ${type} is ${quantityText(bound)}`;
	if (request === undefined) return `${head}.  No request is specified`;
	if (request.nano < bound.nano) return `${head}, but request is ${quantityText(request)}`;
	if (limit !== undefined && limit.nano < bound.nano) return `${head}, but limit is ${quantityText(limit)}`;
	return undefined;
}

function maximumError({ resource, type, bound, request, limit }: Bound): string | undefined {
	const head = `maximum ${resource} usage per ${type} is ${quantityText(bound)}`;
	if (limit === undefined) return `${head}.  No limit is specified`;
	if (limit.nano > bound.nano) return `${head}, but limit is ${quantityText(limit)}`;
	if (request !== undefined && request.nano > bound.nano) return `${head}, but request is ${quantityText(request)}`;
	return undefined;
}

function maximumRequestError({ resource, type, bound, request }: Bound): string | undefined {
	const head = `maximum ${resource} usage per ${type} is ${quantityText(bound)}`;
	if (request === undefined) return `${head}.  No request is specified`;
	return request.nano > bound.nano ? `${head}, but request is ${quantityText(request)}` : undefined;
}

const RATIO_DIGITS = 6;

function ratioError({ resource, type, bound, request, limit }: Bound): string | undefined {
	const head = `${resource} max limit to request ratio per ${type} is ${quantityText(bound)}`;
	if (request === undefined || request.nano === 0n) return `${head}, but no request is specified or request is 0`;
	if (limit === undefined || limit.nano === 0n) return `${head}, but no limit is specified or limit is 0`;
	const ratio = Number(limit.nano) / Number(request.nano);
	return ratio * 1e9 > Number(bound.nano) ? `${head}, but provided ratio is ${ratio.toFixed(RATIO_DIGITS)}` : undefined;
}

type Check = (bound: Bound) => string | undefined;

function checkList(bounds: ResourceList | undefined, type: string, requests: Quantities, limits: Quantities, check: Check): string[] {
	return Object.entries(bounds ?? {})
		.sort(([a], [b]) => (a < b ? -1 : 1))
		.flatMap(([resource, text]) => check({ resource, type, bound: parseQuantity(text), request: requests.get(resource), limit: limits.get(resource) }) ?? []);
}

const checkItem = (item: LimitRangeItem, requests: Quantities, limits: Quantities): string[] => [
	...checkList(item.min, item.type, requests, limits, minimumError),
	...checkList(item.max, item.type, requests, limits, maximumError),
	...checkList(item.maxLimitRequestRatio, item.type, requests, limits, ratioError),
];

function podErrors(limitRange: LimitRange, pod: Pod): string[] {
	const { spec } = pod;
	if (spec === undefined) return [];
	return (limitRange.spec?.limits ?? []).flatMap((item) => {
		if (item.type === "Pod") return checkItem(item, podQuantities(spec, "requests"), podQuantities(spec, "limits"));
		if (item.type !== "Container") return [];
		const containers = [...spec.containers, ...(spec.initContainers ?? [])];
		return containers.flatMap(({ resources }) => checkItem(item, quantitiesOf(resources?.requests), quantitiesOf(resources?.limits)));
	});
}

function claimErrors(limitRange: LimitRange, claim: PersistentVolumeClaim): string[] {
	const requests = quantitiesOf(claim.spec?.resources?.requests);
	return (limitRange.spec?.limits ?? []).flatMap((item) => {
		if (item.type !== "PersistentVolumeClaim") return [];
		const limits: Quantities = new Map();
		return [...checkList(item.min, item.type, requests, limits, minimumError), ...checkList(item.max, item.type, requests, limits, maximumRequestError)];
	});
}

/** A pod's resources do not change after its creation, so its updates are let through. */
const isConcerned = (request: AdmissionRequest): boolean => request.operation === "CREATE" || resourceOf(request.kind) === CLAIMS;

export const limitRanger: AdmissionPlugin = {
	name: "LimitRanger",
	resources: ["pods", CLAIMS],
	operations: ["CREATE", "UPDATE"],
	mutate(request: AdmissionRequest, view: AdmissionView): void {
		if (request.operation !== "CREATE" || resourceOf(request.kind) !== "pods") return;
		for (const limitRange of view.list<LimitRange>("limitranges")) fillPod(request.object as Pod, limitRange);
	},
	validate(request: AdmissionRequest, view: AdmissionView): void {
		if (!isConcerned(request)) return;
		for (const limitRange of view.list<LimitRange>("limitranges")) {
			const isClaim = resourceOf(request.kind) === CLAIMS;
			const errors = isClaim ? claimErrors(limitRange, request.object as PersistentVolumeClaim) : podErrors(limitRange, request.object as Pod);
			if (errors.length === 0) continue;
			const unique = [...new Set(errors)];
			throw refuse(request, unique.length === 1 ? (unique[0] as string) : `[${unique.join(", ")}]`);
		}
	},
};
