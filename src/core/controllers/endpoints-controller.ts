/** Keeps the core Endpoints of Services that select pods (k8s.io/kubernetes/pkg/controller/endpoint). */
import type { EndpointAddress, EndpointPort, EndpointSubset, Endpoints, Pod, Service } from "../schema/kubernetes.d.ts";
import { type Controller, NOTHING, type ReconcileResult, type View } from "./controller.ts";
import { draftOf, isBeingDeleted, labelsOf, nameOf, namespaceOf, uidOf } from "./identity.ts";
import { canonicalJson } from "./canonical-json.ts";
import { semanticEqual } from "../meta/equality.ts";
import { isReady } from "./pod-state.ts";
import {
	addressOf,
	HEADLESS_LABEL,
	hostnameIn,
	ipFamily,
	isHeadless,
	isSelecting,
	podsBehind,
	PODS,
	SERVICES,
	servicesOfPod,
	targetPorts,
} from "./service-endpoints.ts";

const ENDPOINTS = "endpoints";
const MANAGED_BY = "endpoints.kubernetes.io/managed-by";
const MANAGER = "endpoint-controller";
const OVER_CAPACITY = "endpoints.kubernetes.io/over-capacity";
/** Addresses in one Endpoints object; more are cut off and marked so. */
export const ADDRESSES_MAX = 1000;

export const endpointsController: Controller = {
	name: "endpoint",
	watches: [
		{ resource: SERVICES, keys: ({ old, object }) => [nameOf((object ?? old) as Service)] },
		{ resource: PODS, keys: servicesOfPod },
		{ resource: ENDPOINTS, keys: ({ old, object }) => (object === undefined && old ? [nameOf(old)] : []) },
	],
	reconcile,
};

function reconcile(key: string, view: View): ReconcileResult {
	const service = view.get<Service>(SERVICES, key);
	const current = view.get<Endpoints>(ENDPOINTS, key);
	if (service === undefined || isBeingDeleted(service)) {
		return current ? { actions: [{ type: "delete", resource: ENDPOINTS, name: key, uid: uidOf(current) }] } : NOTHING;
	}
	if (!isSelecting(service)) return NOTHING;
	const { subsets, truncated } = limited(subsetsOf(service, podsBehind(service, view)));
	const next: Endpoints = current ? draftOf(current) : { apiVersion: "v1", kind: "Endpoints", metadata: { name: key, namespace: namespaceOf(service) } };
	next.metadata.labels = labelsFor(service);
	setAnnotation(next, truncated);
	if (subsets.length > 0) next.subsets = subsets;
	else delete next.subsets;
	if (current === undefined) return { actions: [{ type: "create", resource: ENDPOINTS, object: next }] };
	return semanticEqual(next, current) ? NOTHING : { actions: [{ type: "update", resource: ENDPOINTS, object: next }] };
}

function labelsFor(service: Service): Record<string, string> {
	const { [HEADLESS_LABEL]: _headless, ...labels } = labelsOf(service);
	return { ...labels, [MANAGED_BY]: MANAGER, ...(isHeadless(service) ? { [HEADLESS_LABEL]: "" } : {}) };
}

function setAnnotation(endpoints: Endpoints, truncated: boolean): void {
	const { [OVER_CAPACITY]: _former, ...annotations } = endpoints.metadata.annotations ?? {};
	const next = truncated ? { ...annotations, [OVER_CAPACITY]: "truncated" } : annotations;
	if (Object.keys(next).length > 0) endpoints.metadata.annotations = next;
	else delete endpoints.metadata.annotations;
}

interface Member {
	address: EndpointAddress;
	ready: boolean;
}

/** Ports with the same members share a subset (endpoints.RepackSubsets). */
function subsetsOf(service: Service, pods: readonly Pod[]): EndpointSubset[] {
	const byPort = new Map<string, { port: EndpointPort | undefined; members: Member[] }>();
	for (const pod of pods) {
		const member = memberOf(service, pod);
		if (member === undefined) continue;
		for (const port of portsOf(service, pod)) {
			const key = canonicalJson(port ?? {});
			const entry = byPort.get(key) ?? { port, members: [] };
			entry.members.push(member);
			byPort.set(key, entry);
		}
	}
	const bySet = new Map<string, { ports: EndpointPort[]; members: Member[] }>();
	for (const { port, members } of byPort.values()) {
		members.sort((a, b) => (memberKey(a) < memberKey(b) ? -1 : 1));
		const key = canonicalJson(members);
		const entry = bySet.get(key) ?? { ports: [], members };
		if (port) entry.ports.push(port);
		bySet.set(key, entry);
	}
	return [...bySet.entries()].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, { ports, members }]) => subset(ports, members));
}

const memberKey = ({ address }: Member): string => `${address.ip} ${address.targetRef?.uid ?? ""}`;

/** A headless Service may have no ports: its addresses stand alone. */
function portsOf(service: Service, pod: Pod): (EndpointPort | undefined)[] {
	if ((service.spec?.ports ?? []).length === 0) return isHeadless(service) ? [undefined] : [];
	return targetPorts(service, pod).map(({ name, ...port }) => (name === "" ? port : { name, ...port }));
}

function memberOf(service: Service, pod: Pod): Member | undefined {
	const publishAll = service.spec?.publishNotReadyAddresses === true;
	if (isBeingDeleted(pod) && !publishAll) return undefined;
	const clusterIP = service.spec?.clusterIP;
	const family = service.spec?.ipFamilies?.[0] ?? (clusterIP && !isHeadless(service) ? ipFamily(clusterIP) : "IPv4");
	const ip = addressOf(pod, family);
	if (ip === undefined) return undefined;
	const hostname = hostnameIn(service, pod);
	const address: EndpointAddress = {
		ip,
		...(hostname ? { hostname } : {}),
		...(pod.spec?.nodeName ? { nodeName: pod.spec.nodeName } : {}),
		targetRef: { kind: "Pod", namespace: namespaceOf(pod), name: nameOf(pod), uid: uidOf(pod) },
	};
	return { address, ready: publishAll || isReady(pod) };
}

function subset(ports: EndpointPort[], members: readonly Member[]): EndpointSubset {
	const addresses = members.filter((member) => member.ready).map((member) => member.address);
	const notReadyAddresses = members.filter((member) => !member.ready).map((member) => member.address);
	ports.sort((a, b) => (canonicalJson(a) < canonicalJson(b) ? -1 : 1));
	return {
		...(addresses.length > 0 ? { addresses } : {}),
		...(notReadyAddresses.length > 0 ? { notReadyAddresses } : {}),
		...(ports.length > 0 ? { ports } : {}),
	};
}

/** Ready addresses are kept before others. */
function limited(subsets: EndpointSubset[]): { subsets: EndpointSubset[]; truncated: boolean } {
	const total = subsets.reduce((sum, s) => sum + (s.addresses?.length ?? 0) + (s.notReadyAddresses?.length ?? 0), 0);
	if (total <= ADDRESSES_MAX) return { subsets, truncated: false };
	let room = ADDRESSES_MAX;
	const take = (addresses: EndpointAddress[] | undefined): EndpointAddress[] => {
		const taken = (addresses ?? []).slice(0, room);
		room -= taken.length;
		return taken;
	};
	const ready = subsets.map((s) => take(s.addresses));
	const cut = subsets.map((s, i) => ({ ...s, addresses: ready[i] ?? [], notReadyAddresses: take(s.notReadyAddresses) }));
	return { subsets: cut.filter((s) => s.addresses.length + s.notReadyAddresses.length > 0), truncated: true };
}
