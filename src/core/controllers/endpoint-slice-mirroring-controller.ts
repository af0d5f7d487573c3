/** Mirrors Endpoints that people or programs write themselves into EndpointSlices (k8s.io/kubernetes/pkg/controller/endpointslicemirroring). */
import { semanticEqual } from "../meta/equality.ts";
import type { DiscoveryV1EndpointPort, Endpoint, EndpointAddress, EndpointSlice, EndpointSubset, Endpoints, Service } from "../schema/kubernetes.d.ts";
import { canonicalJson } from "./canonical-json.ts";
import { type Action, type Controller, NOTHING, type ObjectChange, type ReconcileContext, type ReconcileResult, type View } from "./controller.ts";
import { fillSlices, type SliceDraft, type SliceGroup } from "./endpoint-slice-filling.ts";
import { ENDPOINT_SLICES, MANAGED_BY, SERVICE_NAME } from "./endpoint-slice-labels.ts";
import { controllerReference, draftOf, isBeingDeleted, labelsOf, nameOf, namespaceOf, uidOf } from "./identity.ts";
import { ipFamily, SERVICES } from "./service-endpoints.ts";

const ENDPOINTS = "endpoints";
const MIRROR_MANAGER = "endpointslicemirroring-controller.k8s.io";
const SKIP_MIRROR = "endpointslice.kubernetes.io/skip-mirror";
/** Endpoints that elect a leader bear no addresses of a Service. */
const LEADER = "control-plane.alpha.kubernetes.io/leader";
const LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration";
/** Addresses of one subset; more are cut off (--mirroring-max-endpoints-per-subset). */
export const MIRRORED_PER_SUBSET_MAX = 1000;
const SUFFIX_LENGTH = 5;
const STEM_LENGTH_MAX = 58;

export const endpointSliceMirroringController: Controller = {
	name: "endpointslice-mirroring",
	watches: [
		{ resource: ENDPOINTS, keys: ({ old, object }) => [nameOf((object ?? old) as Endpoints)] },
		{ resource: SERVICES, keys: ({ old, object }) => [nameOf((object ?? old) as Service)] },
		{ resource: ENDPOINT_SLICES, keys: endpointsOfSlice },
	],
	reconcile,
};

function endpointsOfSlice({ old, object }: ObjectChange): string[] {
	const slice = object ?? old;
	const name = slice && labelsOf(slice)[MANAGED_BY] === MIRROR_MANAGER ? labelsOf(slice)[SERVICE_NAME] : undefined;
	return name === undefined ? [] : [name];
}

function isMirrored({ metadata }: Endpoints): boolean {
	return metadata.labels?.[SKIP_MIRROR] !== "true" && metadata.annotations?.[LEADER] === undefined;
}

function reconcile(key: string, view: View, ctx: ReconcileContext): ReconcileResult {
	const endpoints = view.get<Endpoints>(ENDPOINTS, key);
	const service = view.get<Service>(SERVICES, key);
	const slices = view.list<EndpointSlice>(ENDPOINT_SLICES, { [SERVICE_NAME]: key, [MANAGED_BY]: MIRROR_MANAGER });
	const existing = slices.filter((slice) => !isBeingDeleted(slice));
	const wanted = endpoints !== undefined && service !== undefined && service.spec?.selector === undefined && isMirrored(endpoints);
	if (!wanted) return existing.length === 0 ? NOTHING : { actions: existing.map(deletion) };
	const actions = (["IPv4", "IPv6"] as const).flatMap((family) => {
		const current = existing.filter(({ addressType }) => addressType === family);
		const drafts = fillSlices(family, current, groupsOf(endpoints, family), MIRRORED_PER_SUBSET_MAX);
		return drafts.flatMap((draft) => write(draft, endpoints, view, ctx));
	});
	return { actions };
}

/** One group a list of ports: subsets with the same one are joined. */
function groupsOf({ subsets = [] }: Endpoints, family: string): Map<string, SliceGroup> {
	const groups = new Map<string, SliceGroup>();
	for (const subset of subsets) {
		const endpoints = mirrored(subset, family);
		if (endpoints.length === 0) continue;
		const ports = (subset.ports ?? []).map(
			({ name = "", port, protocol = "TCP", appProtocol }): DiscoveryV1EndpointPort => ({ name, port, protocol, ...(appProtocol ? { appProtocol } : {}) }),
		);
		const group = groups.get(canonicalJson(ports)) ?? { ports, endpoints: [] };
		group.endpoints.push(...endpoints);
		groups.set(canonicalJson(ports), group);
	}
	return groups;
}

/** Ready addresses are kept before others. */
function mirrored({ addresses = [], notReadyAddresses = [] }: EndpointSubset, family: string): Endpoint[] {
	const of = (list: readonly EndpointAddress[], ready: boolean): Endpoint[] =>
		list.filter(({ ip }) => ipFamily(ip) === family).map((address) => endpointOf(address, ready));
	return [...of(addresses, true), ...of(notReadyAddresses, false)].slice(0, MIRRORED_PER_SUBSET_MAX);
}

const endpointOf = ({ ip, hostname, nodeName, targetRef }: EndpointAddress, ready: boolean): Endpoint => ({
	addresses: [ip],
	conditions: { ready },
	...(hostname ? { hostname } : {}),
	...(targetRef ? { targetRef } : {}),
	...(nodeName ? { nodeName } : {}),
});

const deletion = (slice: EndpointSlice): Action => ({ type: "delete", resource: ENDPOINT_SLICES, name: nameOf(slice), uid: uidOf(slice) });

function write({ current, drop, addressType, endpoints, ports }: SliceDraft, owner: Endpoints, view: View, ctx: ReconcileContext): Action[] {
	// A mirror of nothing is no slice at all.
	if (drop || endpoints.length === 0) return current ? [deletion(current)] : [];
	const labels = { ...labelsOf(owner), [SERVICE_NAME]: nameOf(owner), [MANAGED_BY]: MIRROR_MANAGER };
	const { [LAST_APPLIED]: _applied, ...annotations } = owner.metadata.annotations ?? {};
	const noted = Object.keys(annotations).length > 0 ? { annotations } : {};
	if (current === undefined) {
		const made: EndpointSlice = {
			apiVersion: "discovery.k8s.io/v1",
			kind: "EndpointSlice",
			metadata: {
				name: freeName(owner, view, ctx),
				generateName: `${nameOf(owner)}-`,
				namespace: namespaceOf(owner),
				labels,
				...noted,
				ownerReferences: [controllerReference(owner)],
			},
			addressType,
			endpoints,
			ports,
		};
		return [{ type: "create", resource: ENDPOINT_SLICES, object: made }];
	}
	const next: EndpointSlice = { ...draftOf(current), endpoints, ports };
	next.metadata = { ...next.metadata, labels, ...noted };
	return semanticEqual(next, current) ? [] : [{ type: "update", resource: ENDPOINT_SLICES, object: next }];
}

function freeName(owner: Endpoints, view: View, ctx: ReconcileContext): string {
	for (;;) {
		const name = `${nameOf(owner)}-`.slice(0, STEM_LENGTH_MAX) + ctx.suffix(SUFFIX_LENGTH);
		if (view.get(ENDPOINT_SLICES, name) === undefined) return name;
	}
}
