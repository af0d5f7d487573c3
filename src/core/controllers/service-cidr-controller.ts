/** Says of each ServiceCIDR that it is ready, and holds one that goes until no address of it is used (k8s.io/kubernetes/pkg/controller/servicecidrs). */
import { semanticEqual } from "../meta/equality.ts";
import { addressRange, placeIn } from "../meta/address-range.ts";
import type { Condition, IPAddress, ServiceCIDR } from "../schema/kubernetes.d.ts";
import { type Controller, NOTHING, type ReconcileContext, type ReconcileResult, type View } from "./controller.ts";
import { draftOf, isBeingDeleted, nameOf, setMetadataList } from "./identity.ts";
import { metaTime } from "./meta-time.ts";

export const SERVICE_CIDRS = "networking.k8s.io/servicecidrs";
export const IP_ADDRESSES = "networking.k8s.io/ipaddresses";
const FINALIZER = "networking.k8s.io/service-cidr-finalizer";
const READY = { type: "Ready", status: "True", reason: "", message: "Kubernetes Service CIDR is ready" };
const TERMINATING = {
	type: "Ready",
	status: "False",
	reason: "Terminating",
	message: "There are still IPAddresses referencing the ServiceCIDR, please remove them or create a new ServiceCIDR",
};

export const serviceCidrController: Controller = {
	name: "service-cidr",
	watches: [
		{ resource: SERVICE_CIDRS, keys: (_change, view) => view.list<ServiceCIDR>(SERVICE_CIDRS).map(nameOf) },
		// The end of an address may be the end of its network.
		{
			resource: IP_ADDRESSES,
			keys: ({ object }, view) => (object === undefined ? view.list<ServiceCIDR>(SERVICE_CIDRS).filter(isBeingDeleted).map(nameOf) : []),
		},
	],
	reconcile,
};

/** Networks that give addresses out: the oldest first. */
export function readyCidrs(view: Pick<View, "list">): string[] {
	const ready = view.list<ServiceCIDR>(SERVICE_CIDRS).filter((network) => !isBeingDeleted(network));
	ready.sort((a, b) => ((a.metadata.creationTimestamp ?? "") < (b.metadata.creationTimestamp ?? "") ? -1 : 1));
	return ready.flatMap(({ spec }) => spec?.cidrs ?? []);
}

function reconcile(key: string, view: View, ctx: ReconcileContext): ReconcileResult {
	const network = view.get<ServiceCIDR>(SERVICE_CIDRS, key);
	if (network === undefined) return NOTHING;
	const finalizers = network.metadata.finalizers ?? [];
	if (!isBeingDeleted(network) && !finalizers.includes(FINALIZER)) {
		const draft = draftOf(network);
		draft.metadata.finalizers = [...finalizers, FINALIZER];
		return { actions: [{ type: "update", resource: SERVICE_CIDRS, object: draft }] };
	}
	if (isBeingDeleted(network) && !isUsed(network, view)) {
		if (!finalizers.includes(FINALIZER)) return NOTHING;
		const draft = draftOf(network);
		setMetadataList(
			draft,
			"finalizers",
			finalizers.filter((finalizer) => finalizer !== FINALIZER),
		);
		return { actions: [{ type: "update", resource: SERVICE_CIDRS, object: draft }] };
	}
	return withCondition(network, isBeingDeleted(network) ? TERMINATING : READY, ctx.nowMs);
}

/** Whether an address that is given out lies in no other network. */
function isUsed(network: ServiceCIDR, view: View): boolean {
	const others = readyCidrs(view).flatMap((cidr) => addressRange(cidr) ?? []);
	const own = (network.spec?.cidrs ?? []).flatMap((cidr) => addressRange(cidr) ?? []);
	return view.list<IPAddress>(IP_ADDRESSES).some((address) => {
		const lies = (range: (typeof own)[number]): boolean => placeIn(range, nameOf(address)) !== undefined;
		return own.some(lies) && !others.some(lies);
	});
}

function withCondition(network: ServiceCIDR, condition: Omit<Condition, "lastTransitionTime">, nowMs: number): ReconcileResult {
	const conditions = network.status?.conditions ?? [];
	const old = conditions.find(({ type }) => type === condition.type);
	const lastTransitionTime = old?.status === condition.status ? old.lastTransitionTime : metaTime(nowMs);
	const status = { conditions: [...conditions.filter((one) => one !== old), { ...condition, lastTransitionTime }] };
	if (semanticEqual(status, network.status)) return NOTHING;
	return { actions: [{ type: "updateStatus", resource: SERVICE_CIDRS, object: Object.assign(draftOf(network), { status }) }] };
}
