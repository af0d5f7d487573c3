/** Keeps the EndpointSlices of Services that select pods (k8s.io/endpointslice). */
import type { Endpoint, EndpointHints, EndpointSlice, Pod, Service } from "../schema/kubernetes.d.ts";
import { type Action, type Controller, NOTHING, type ObjectChange, type ReconcileContext, type ReconcileResult, type View } from "./controller.ts";
import { ENDPOINT_SLICES, isOwnSlice, MANAGED_BY, SERVICE_NAME, SLICE_MANAGER } from "./endpoint-slice-labels.ts";
import { fillSlices, type SliceDraft, type SliceGroup } from "./endpoint-slice-filling.ts";
import { controllerReference, draftOf, isBeingDeleted, labelsOf, nameOf, namespaceOf, uidOf } from "./identity.ts";
import { canonicalJson } from "./canonical-json.ts";
import { semanticEqual } from "../meta/equality.ts";
import { isReady } from "./pod-state.ts";
import { addressOf, HEADLESS_LABEL, hostnameIn, isHeadless, isSelecting, podsBehind, PODS, SERVICES, servicesOfPod, targetPorts } from "./service-endpoints.ts";

const SUFFIX_LENGTH = 5;
const STEM_LENGTH_MAX = 58;
/** On a pod from its node, when it is bound (KEP-4742). */
const ZONE_LABEL = "topology.kubernetes.io/zone";
/** spec.trafficDistribution; PreferClose is the former name of PreferSameZone. */
const DISTRIBUTIONS = ["PreferClose", "PreferSameZone", "PreferSameNode"];

export const endpointSliceController: Controller = {
	name: "endpoint-slice",
	watches: [
		{ resource: SERVICES, keys: ({ old, object }) => [nameOf((object ?? old) as Service)] },
		{ resource: PODS, keys: servicesOfPod },
		{ resource: ENDPOINT_SLICES, keys: serviceOfSlice },
	],
	reconcile,
};

function serviceOfSlice({ old, object }: ObjectChange): string[] {
	const slice = object ?? old;
	const service = slice && isOwnSlice(slice) ? labelsOf(slice)[SERVICE_NAME] : undefined;
	return service === undefined ? [] : [service];
}

function reconcile(key: string, view: View, ctx: ReconcileContext): ReconcileResult {
	const service = view.get<Service>(SERVICES, key);
	if (service === undefined || isBeingDeleted(service)) return NOTHING;
	const existing = view.list<EndpointSlice>(ENDPOINT_SLICES, { [SERVICE_NAME]: key, [MANAGED_BY]: SLICE_MANAGER }).filter((slice) => !isBeingDeleted(slice));
	if (service.spec?.type === "ExternalName") return { actions: existing.map(deletion) };
	if (!isSelecting(service)) return NOTHING;
	const pods = podsBehind(service, view);
	const families: string[] = service.spec?.ipFamilies?.length ? service.spec.ipFamilies : ["IPv4"];
	const drafts = families.flatMap((family) => {
		const current = existing.filter((slice) => slice.addressType === family);
		return reused(fillSlices(family, current, groupByPorts(service, pods, family)));
	});
	const foreign = existing.filter((slice) => !families.includes(slice.addressType));
	return { actions: [...foreign.map(deletion), ...drafts.flatMap((draft) => write(draft, service, view, ctx))] };
}

/** A slice that would go serves for one that would come: who watches it sees it change (endpointslice.Reconciler.finalize). */
function reused(drafts: readonly SliceDraft[]): SliceDraft[] {
	const going = drafts.filter((draft) => draft.current !== undefined && draft.drop);
	const kept = drafts.filter((draft) => !going.includes(draft));
	const taken = kept.map((draft) => (draft.current === undefined ? { ...draft, current: going.shift()?.current } : draft));
	return [...going, ...taken];
}

/** Endpoints by the ports they serve: one slice has one list of ports. */
function groupByPorts(service: Service, pods: readonly Pod[], family: string): Map<string, SliceGroup> {
	const groups = new Map<string, SliceGroup>();
	for (const pod of pods) {
		const address = addressOf(pod, family);
		if (address === undefined) continue;
		const ports = targetPorts(service, pod);
		const key = canonicalJson(ports);
		const group = groups.get(key) ?? { ports, endpoints: [] };
		group.endpoints.push(endpointOf(service, pod, address));
		groups.set(key, group);
	}
	return groups;
}

function endpointOf(service: Service, pod: Pod, address: string): Endpoint {
	const serving = isReady(pod);
	const terminating = isBeingDeleted(pod);
	const hostname = hostnameIn(service, pod);
	const ready = service.spec?.publishNotReadyAddresses === true || (serving && !terminating);
	const zone = labelsOf(pod)[ZONE_LABEL];
	const hints = ready ? hintsFor(service.spec?.trafficDistribution, zone, pod.spec?.nodeName) : undefined;
	return {
		addresses: [address],
		conditions: { ready, serving, terminating },
		...(hostname ? { hostname } : {}),
		targetRef: { kind: "Pod", namespace: namespaceOf(pod), name: nameOf(pod), uid: uidOf(pod) },
		...(pod.spec?.nodeName ? { nodeName: pod.spec.nodeName } : {}),
		...(zone ? { zone } : {}),
		...(hints ? { hints } : {}),
	};
}

/** Who should rather use the endpoint: its own zone, and its own node first (k8s.io/endpointslice/trafficdist). */
function hintsFor(distribution: string | undefined, zone: string | undefined, node: string | undefined): EndpointHints | undefined {
	if (distribution === undefined || !DISTRIBUTIONS.includes(distribution) || zone === undefined) return undefined;
	return { forZones: [{ name: zone }], ...(distribution === "PreferSameNode" && node ? { forNodes: [{ name: node }] } : {}) };
}

const deletion = (slice: EndpointSlice): Action => ({ type: "delete", resource: ENDPOINT_SLICES, name: nameOf(slice), uid: uidOf(slice) });

function write(draft: SliceDraft, service: Service, view: View, ctx: ReconcileContext): Action[] {
	if (draft.current && draft.drop) return [deletion(draft.current)];
	const labels = labelsFor(service);
	if (draft.current === undefined)
		return [{ type: "create", resource: ENDPOINT_SLICES, object: newSlice(draft, service, labels, freeName(service, view, ctx)) }];
	const next = draftOf(draft.current);
	next.metadata.labels = labels;
	next.endpoints = draft.endpoints;
	next.ports = draft.ports;
	return semanticEqual(next, draft.current) ? [] : [{ type: "update", resource: ENDPOINT_SLICES, object: next }];
}

function labelsFor(service: Service): Record<string, string> {
	const { [HEADLESS_LABEL]: _headless, ...labels } = labelsOf(service);
	return { ...labels, [SERVICE_NAME]: nameOf(service), [MANAGED_BY]: SLICE_MANAGER, ...(isHeadless(service) ? { [HEADLESS_LABEL]: "" } : {}) };
}

function newSlice(draft: SliceDraft, service: Service, labels: Record<string, string>, name: string): EndpointSlice {
	return {
		apiVersion: "discovery.k8s.io/v1",
		kind: "EndpointSlice",
		metadata: { name, generateName: `${nameOf(service)}-`, namespace: namespaceOf(service), labels, ownerReferences: [controllerReference(service)] },
		addressType: draft.addressType,
		endpoints: draft.endpoints,
		ports: draft.ports,
	};
}

function freeName(service: Service, view: View, ctx: ReconcileContext): string {
	for (;;) {
		const name = `${nameOf(service)}-`.slice(0, STEM_LENGTH_MAX) + ctx.suffix(SUFFIX_LENGTH);
		if (view.get(ENDPOINT_SLICES, name) === undefined) return name;
	}
}
