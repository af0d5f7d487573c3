/**
 * Spreads endpoints over slices with as few writes as may be: an endpoint stays in its slice, room in slices that change
 * anyway is used first, then room in others, then new slices.
 */
import type { DiscoveryV1EndpointPort, Endpoint, EndpointSlice } from "../schema/kubernetes.d.ts";
import { canonicalJson } from "./canonical-json.ts";
import { semanticEqual } from "../meta/equality.ts";

/** Endpoints in one slice (--max-endpoints-per-slice). */
export const ENDPOINTS_PER_SLICE_MAX = 100;

export interface SliceDraft {
	/** The slice it replaces; undefined for a new one. */
	current?: EndpointSlice;
	addressType: string;
	ports: DiscoveryV1EndpointPort[];
	endpoints: Endpoint[];
	/** `current` is not needed any more. */
	drop: boolean;
}

/** Endpoints that serve the same ports. */
export interface SliceGroup {
	ports: DiscoveryV1EndpointPort[];
	endpoints: Endpoint[];
}

/** All slices of one address type. A Service without endpoints keeps one empty slice. */
export function fillSlices(
	addressType: string,
	existing: readonly EndpointSlice[],
	groups: ReadonlyMap<string, SliceGroup>,
	perSliceMax = ENDPOINTS_PER_SLICE_MAX,
): SliceDraft[] {
	const left = new Set(existing);
	const drafts: SliceDraft[] = [];
	for (const { ports, endpoints } of groups.values()) {
		const own = existing.filter((slice) => left.has(slice) && samePorts(slice.ports, ports));
		for (const slice of own) left.delete(slice);
		drafts.push(...fillGroup(addressType, own, ports, endpoints, perSliceMax));
	}
	const leftovers = [...left].map((slice): SliceDraft => ({ current: slice, addressType, ports: [], endpoints: [], drop: true }));
	if (drafts.every((draft) => draft.drop)) return [placeholder(addressType, leftovers), ...leftovers.slice(1)];
	return [...drafts, ...leftovers];
}

const samePorts = (a: readonly DiscoveryV1EndpointPort[] | undefined, b: readonly DiscoveryV1EndpointPort[]): boolean =>
	semanticEqual([...(a ?? [])].map(canonicalJson).sort(), b.map(canonicalJson).sort());

/** Reuses a slice that is left over, or makes a new one. */
function placeholder(addressType: string, leftovers: readonly SliceDraft[]): SliceDraft {
	const current = leftovers[0]?.current;
	return { ...(current ? { current } : {}), addressType, ports: [], endpoints: [], drop: false };
}

const identity = ({ addresses, targetRef }: Endpoint): string => `${targetRef?.uid ?? ""} ${addresses.join(",")}`;

function fillGroup(
	addressType: string,
	slices: readonly EndpointSlice[],
	ports: DiscoveryV1EndpointPort[],
	endpoints: readonly Endpoint[],
	perSliceMax: number,
): SliceDraft[] {
	const wanted = new Map(endpoints.map((endpoint) => [identity(endpoint), endpoint]));
	const drafts = slices.map((current): SliceDraft => {
		const kept = (current.endpoints ?? []).map(identity).filter((id) => wanted.has(id));
		const draft: SliceDraft = { current, addressType, ports: current.ports ?? [], endpoints: kept.map((id) => wanted.get(id) as Endpoint), drop: false };
		for (const id of kept) wanted.delete(id);
		return draft;
	});
	const rest = [...wanted.values()];
	const changing = (draft: SliceDraft): boolean => !semanticEqual(draft.current?.endpoints, draft.endpoints);
	for (const draft of [...drafts.filter(changing), ...drafts.filter((d) => !changing(d))]) {
		draft.endpoints.push(...rest.splice(0, Math.max(0, perSliceMax - draft.endpoints.length)));
	}
	while (rest.length > 0) drafts.push({ addressType, ports, endpoints: rest.splice(0, perSliceMax), drop: false });
	return drafts.map((draft) => ({ ...draft, drop: draft.endpoints.length === 0 }));
}
