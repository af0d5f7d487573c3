/** What pods use (pkg/quota/v1/evaluator/core/pods.go). */
import { podQuantities, type Quantities, quantitiesOf } from "../admission/pod-resources.ts";
import { qosClassOf } from "../kinds/qos.ts";
import { isExtendedResource } from "../kinds/resource-validation.ts";
import { quantityOf } from "../quantity/quantity.ts";
import type { Container, Pod, PodAffinityTerm, PodSpec, ScopedResourceSelectorRequirement } from "../schema/kubernetes.d.ts";
import { countName, type QuotaEvaluator } from "./evaluator.ts";
import { addLists } from "./quantities.ts";

const HUGE_PAGES = "hugepages-";
const COUNT = countName("pods");
const COMPUTE = ["cpu", "memory", "ephemeral-storage"] as const;
const RESOURCES: ReadonlySet<string> = new Set([COUNT, "pods", ...COMPUTE, ...COMPUTE.flatMap((name) => [`requests.${name}`, `limits.${name}`])]);
/** A quota of these wants every container to say what it needs: upstream's own regretted rule. */
const WANTED = ["cpu", "limits.cpu", "limits.memory", "memory", "requests.cpu", "requests.memory"];
const MS = 1000;

const isExtendedQuota = (name: string): boolean => name.startsWith("requests.") && name.includes("/") && !name.includes("kubernetes.io/");
const isHugePagesQuota = (name: string): boolean => name.startsWith(HUGE_PAGES) || name.startsWith(`requests.${HUGE_PAGES}`);

/** A pod that is over, or that should have been gone for as long as it was given, uses nothing. */
export function isOverForQuota({ metadata, status }: Pod, nowMs: number): boolean {
	if (status?.phase === "Failed" || status?.phase === "Succeeded") return true;
	return expiryMs(metadata) < nowMs;
}

/** When a pod being deleted is no longer counted, whether its kubelet answers or not. */
export function expiryMs({ deletionTimestamp, deletionGracePeriodSeconds }: Pod["metadata"]): number {
	if (!deletionTimestamp || deletionGracePeriodSeconds === undefined) return Number.POSITIVE_INFINITY;
	return Date.parse(deletionTimestamp) + deletionGracePeriodSeconds * MS;
}

function computeUsage(requests: Quantities, limits: Quantities): Quantities {
	const used: Quantities = new Map([["pods", quantityOf(1)]]);
	for (const name of COMPUTE) {
		const [request, limit] = [requests.get(name), limits.get(name)];
		if (request) used.set(name, request).set(`requests.${name}`, request);
		if (limit) used.set(`limits.${name}`, limit);
	}
	for (const [name, request] of requests) {
		if (name.startsWith(HUGE_PAGES)) used.set(name, request);
		if (name.startsWith(HUGE_PAGES) || isExtendedResource(name)) used.set(`requests.${name}`, request);
	}
	return used;
}

const hasPodLevelResources = ({ resources }: PodSpec): boolean =>
	Object.keys(resources?.requests ?? {}).length > 0 || Object.keys(resources?.limits ?? {}).length > 0;

function missingOf({ resources }: Container, wanted: readonly string[]): string[] {
	const said = computeUsage(quantitiesOf(resources?.requests), quantitiesOf(resources?.limits));
	return wanted.filter((name) => !said.has(name));
}

function problem(required: readonly string[], { spec }: Pod): string | undefined {
	if (!spec || hasPodLevelResources(spec)) return undefined;
	const wanted = WANTED.filter((name) => required.includes(name));
	const missing = new Map<string, Set<string>>();
	for (const container of [...spec.containers, ...(spec.initContainers ?? [])]) {
		for (const name of missingOf(container, wanted)) missing.set(name, (missing.get(name) ?? new Set()).add(container.name));
	}
	if (missing.size === 0) return undefined;
	const texts = [...missing.keys()].sort().map((name) => `${name} for: ${[...(missing.get(name) ?? [])].sort().join(",")}`);
	return `must specify ${texts.join("; ")}`;
}

const crossesNamespaces = ({ namespaces, namespaceSelector }: PodAffinityTerm): boolean => (namespaces ?? []).length > 0 || Boolean(namespaceSelector);

function usesCrossNamespaceAffinity(spec: PodSpec | undefined): boolean {
	const { podAffinity, podAntiAffinity } = spec?.affinity ?? {};
	const required = [podAffinity, podAntiAffinity].flatMap((rules) => rules?.requiredDuringSchedulingIgnoredDuringExecution ?? []);
	const preferred = [podAffinity, podAntiAffinity].flatMap((rules) => rules?.preferredDuringSchedulingIgnoredDuringExecution ?? []);
	return [...required, ...preferred.map(({ podAffinityTerm }) => podAffinityTerm)].some(crossesNamespaces);
}

function matchesPriorityClass({ operator, values = [] }: ScopedResourceSelectorRequirement, name: string | undefined): boolean {
	if (operator === "Exists") return Boolean(name);
	if (operator === "DoesNotExist") return !name;
	if (operator === "In") return Boolean(name) && values.includes(name ?? "");
	return !(name && values.includes(name));
}

function matchesScope(scope: ScopedResourceSelectorRequirement, pod: Pod): boolean {
	const isTerminating = (pod.spec?.activeDeadlineSeconds ?? -1) >= 0;
	switch (scope.scopeName) {
		case "Terminating":
			return isTerminating;
		case "NotTerminating":
			return !isTerminating;
		case "BestEffort":
			return qosClassOf(pod) === "BestEffort";
		case "NotBestEffort":
			return qosClassOf(pod) !== "BestEffort";
		case "PriorityClass":
			return matchesPriorityClass(scope, pod.spec?.priorityClassName);
		case "CrossNamespacePodAffinity":
			return usesCrossNamespaceAffinity(pod.spec);
		default:
			return false;
	}
}

export const podEvaluator: QuotaEvaluator<Pod> = {
	resource: "pods",
	handles: (operation, subresource) => (operation === "CREATE" && subresource === "") || (operation === "UPDATE" && subresource === "resize"),
	matching: (names) => names.filter((name) => RESOURCES.has(name) || isHugePagesQuota(name) || isExtendedQuota(name)),
	usage(pod, nowMs) {
		const count: Quantities = new Map([[COUNT, quantityOf(1)]]);
		if (!pod.spec || isOverForQuota(pod, nowMs)) return count;
		return addLists(count, computeUsage(podQuantities(pod.spec, "requests"), podQuantities(pod.spec, "limits")));
	},
	matchesScope,
	problem,
	shrinks: true,
};
