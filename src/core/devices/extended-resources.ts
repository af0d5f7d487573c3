/**
 * Extended resources that devices stand for (KEP-5004): a pod asks for `example.com/gpu: 1` as ever, and where its node has no such resource
 * of its own, devices of the class that names it are allocated. The claim for them is the scheduler's: it is made with the pod's binding.
 */
import { DEVICE_GROUP } from "../kinds/device-rules.ts";
import { isExtendedResource } from "../kinds/resource-validation.ts";
import type { Resources } from "../scheduler/resources.ts";
import { value } from "../quantity/quantity.ts";
import type {
	Container,
	ContainerExtendedResourceRequest,
	DeviceClass,
	DeviceRequest,
	Pod,
	ResourceV1ResourceClaim as ResourceClaim,
} from "../schema/kubernetes.d.ts";

/** Marks the claim; its value is "true". */
export const EXTENDED_RESOURCE_CLAIM = "resource.kubernetes.io/extended-resource-claim";
/** Every class has this resource, whatever it is called otherwise. */
const IMPLICIT_PREFIX = "deviceclass.resource.kubernetes.io/";

const isDeviceResource = (name: string): boolean => name.startsWith(IMPLICIT_PREFIX) || isExtendedResource(name);

/** Of classes that name the same resource the youngest, then the first by name. */
function precedes(one: DeviceClass, other: DeviceClass): boolean {
	const [a, b] = [one, other].map(({ metadata }) => metadata.creationTimestamp ?? "") as [string, string];
	return a === b ? (one.metadata.name ?? "") < (other.metadata.name ?? "") : a > b;
}

/** Names of classes by the resources that they stand for. */
export function classesByResource(classes: readonly DeviceClass[]): Map<string, string> {
	const found = new Map<string, DeviceClass>();
	for (const one of classes) {
		const { metadata, spec } = one;
		found.set(IMPLICIT_PREFIX + metadata.name, one);
		const known = found.get(spec.extendedResourceName ?? "");
		if (spec.extendedResourceName && (known === undefined || precedes(one, known))) found.set(spec.extendedResourceName, one);
	}
	return new Map([...found].map(([resource, { metadata }]) => [resource, metadata.name ?? ""]));
}

/** Of the resources that a pod asks for those that devices may stand for. */
export function deviceResources({ other }: Resources, classOf: (resource: string) => string | undefined): string[] {
	return Object.keys(other)
		.filter((name) => (other[name] ?? 0) > 0 && isDeviceResource(name) && classOf(name) !== undefined)
		.sort();
}

/** What a pod's claim asks for, and which container gets what of it. */
export interface ExtendedRequests {
	requests: DeviceRequest[];
	mappings: ContainerExtendedResourceRequest[];
}

interface Ask {
	request?: DeviceRequest;
	mappings: ContainerExtendedResourceRequest[];
}

/** What a container asks for beyond the requests of others that it may use before them. */
function askOf(container: Container, index: number, resource: string, deviceClassName: string, reusable: readonly DeviceRequest[]): Ask {
	const amounts = container.resources?.requests ?? {};
	const wanted = value(amounts[resource] ?? "0");
	const mappings: ContainerExtendedResourceRequest[] = [];
	const map = (requestName: string) => mappings.push({ containerName: container.name, resourceName: resource, requestName });
	let has = 0;
	for (const { name, exactly } of wanted > 0 ? reusable : []) {
		if (has >= wanted) break;
		has += exactly?.count ?? 0;
		map(name);
	}
	if (has >= wanted) return { mappings };
	const name = `container-${index}-request-${Object.keys(amounts).sort().indexOf(resource)}`;
	map(name);
	return { request: { name, exactly: { deviceClassName, allocationMode: "ExactCount", count: wanted - has } }, mappings };
}

/** Containers that end before others start share what they ask for; so do they with the later ones that run on. */
function asksFor(pod: Pod, resource: string, deviceClassName: string): ExtendedRequests {
	const { initContainers = [], containers: main = [] } = pod.spec ?? {};
	const containers = [...initContainers, ...main];
	const endsEarly = (index: number): boolean => index < initContainers.length && containers[index]?.restartPolicy !== "Always";
	const ask = (index: number, reusable: readonly DeviceRequest[]): Ask => askOf(containers[index] as Container, index, resource, deviceClassName, reusable);
	const indexes = containers.map((_, index) => index);
	const lasting = new Map(indexes.filter((index) => !endsEarly(index)).map((index) => [index, ask(index, [])]));
	const early = indexes.filter(endsEarly).map((index) =>
		ask(
			index,
			[...lasting].flatMap(([later, { request }]) => (later > index && request ? [request] : [])),
		),
	);
	const most = early.reduce<DeviceRequest | undefined>(
		(max, { request }) => ((request?.exactly?.count ?? 0) > (max?.exactly?.count ?? 0) ? request : max),
		undefined,
	);
	const own = new Set(early.flatMap(({ request }) => (request ? [request.name] : [])));
	const shared = early.flatMap(({ mappings }) =>
		mappings.map((mapping) => (most && own.has(mapping.requestName) ? { ...mapping, requestName: most.name } : mapping)),
	);
	return {
		requests: [...(most ? [most] : []), ...[...lasting.values()].flatMap(({ request }) => request ?? [])],
		mappings: [...[...lasting.values()].flatMap(({ mappings }) => mappings), ...shared],
	};
}

export function extendedRequests(pod: Pod, resources: readonly string[], classOf: (resource: string) => string | undefined): ExtendedRequests {
	const parts = resources.map((resource) => asksFor(pod, resource, classOf(resource) ?? ""));
	return {
		requests: parts.flatMap(({ requests }) => requests).sort((a, b) => (a.name < b.name ? -1 : 1)),
		mappings: parts.flatMap(({ mappings }) => mappings),
	};
}

/** Stands for the claim of a pod in the scheduler's books: there is at most one. */
export const extendedClaimKey = (podUid: string): string => `extended-resources-of/${podUid}`;

/** The claim that was made for the pod, if it was. */
export const extendedClaimOf = ({ metadata: { uid } }: Pod, claims: readonly ResourceClaim[]): ResourceClaim | undefined =>
	claims.find(({ metadata }) => metadata.annotations?.[EXTENDED_RESOURCE_CLAIM] && metadata.ownerReferences?.some((owner) => owner.uid === uid));

/** Its name's beginning. */
export const extendedClaimStem = (pod: string): string => `${pod}-extended-resources-`;

/** The claim before it is made. */
export function extendedClaim({ metadata }: Pod, requests: DeviceRequest[]): ResourceClaim {
	const { namespace, uid = "" } = metadata;
	return {
		apiVersion: `${DEVICE_GROUP}/v1`,
		kind: "ResourceClaim",
		metadata: { name: "<extended-resources>", namespace, uid: extendedClaimKey(uid) },
		spec: { devices: { requests } },
	};
}
