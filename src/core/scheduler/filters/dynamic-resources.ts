/** A pod goes only where its claims' devices are, or where there are free ones for them (DynamicResources). */
import { metaTime } from "../../controllers/meta-time.ts";
import { type Allocated, allocate, type AllocatorQuestion, alternativesOf } from "../../devices/device-allocator.ts";
import { allocationResult } from "../../devices/allocation-result.ts";
import {
	deviceResources,
	extendedClaim,
	extendedClaimOf,
	extendedClaimStem,
	type ExtendedRequests,
	extendedRequests,
} from "../../devices/extended-resources.ts";
import { generateName, suffixFrom } from "../../meta/names.ts";
import type { ClaimAllocation } from "../../devices/device-ledger.ts";
import { hasFreeReservation, isReservedFor, namedClaims, RESOURCE_CLAIMS, whyNotForPod } from "../../devices/pod-claims.ts";
import { DEVICE_GROUP } from "../../kinds/device-rules.ts";
import type { DeviceRequest, ResourceV1ResourceClaim as ResourceClaim } from "../../schema/kubernetes.d.ts";
import type { Ledger } from "../ledger.ts";
import { type SelectableNode, termMatches } from "../node-selection.ts";
import type { NodeState } from "../node-state.ts";
import { type Candidate, type FilterPlugin, nodeOf, type Refusal, type Rejection } from "../plugin.ts";
import type { SchedulingContext } from "../schedule.ts";

export const DEVICE_CLASSES = `${DEVICE_GROUP}/deviceclasses`;
export const RESOURCE_SLICES = `${DEVICE_GROUP}/resourceslices`;
const OBJECTS = [RESOURCE_CLAIMS, DEVICE_CLASSES, RESOURCE_SLICES];

const rejection = (reason: string): Rejection => ({ reasons: [reason], resolvable: false });
const NOT_THERE = rejection("resourceclaim not available on the node");

export interface AllocatedRequest {
	request: DeviceRequest;
	/** Of the request's firstAvailable; "" of one without. */
	alternative: string;
}

interface PodDevices {
	claims: readonly ResourceClaim[];
	question: AllocatorQuestion;
	/** What of the pod's extended resources devices must stand for on a node. */
	extendedOn(node: NodeState): ExtendedRequests | undefined;
}

/** What is asked on this node. */
function questionOn({ question, extendedOn }: PodDevices, { pod }: Candidate, node: NodeState): AllocatorQuestion {
	const extended = extendedOn(node);
	return extended === undefined ? question : { ...question, claims: [...question.claims, extendedClaim(pod, extended.requests)] };
}

export const dynamicResources: FilterPlugin = {
	name: "DynamicResources",
	filter(candidate, ledger) {
		const devices = podDevices(candidate, ledger);
		if (devices === undefined || "refusal" in devices) return devices;
		const allocated = devices.claims.map((claim) => ledger.devices.allocationOf(claim)).filter((allocation) => allocation !== undefined);
		const selectors = allocated.flatMap(({ nodeSelector }) => nodeSelector ?? []);
		return (node) => {
			if (!selectors.every(({ nodeSelectorTerms }) => nodeSelectorTerms.some((term) => termMatches(term, node)))) return NOT_THERE;
			const found = allocate(questionOn(devices, candidate, node), node);
			return typeof found === "string" ? rejection(found) : undefined;
		};
	},
	helps: (happening) => {
		if (happening.type === "objectChanged") return OBJECTS.includes(happening.resource);
		return happening.type === "podRemoved" ? happening.placement.devices !== undefined : nodeOf(happening, "labels", "allocatable") !== undefined;
	},
};

/** Claims of a pod that fits nowhere whose devices nobody else uses: without them the pod may find others (PostFilter). */
export function claimsElsewhere({ pod, ref }: Candidate, { devices }: Ledger): string[] {
	const claims = namedClaims(pod).flatMap(({ name }) => (name ? (devices.objects.claim(ref.namespace, name) ?? []) : []));
	const own = extendedClaimOf(pod, devices.objects.claims());
	return [...claims, ...(own ? [own] : [])]
		.filter(({ status }) => status?.allocation && (status.reservedFor ?? []).every(({ uid }) => uid === ref.uid))
		.map(({ metadata }) => metadata.name ?? "");
}

/** Undefined for a pod without claims, which so costs nothing. */
function podDevices(candidate: Candidate, ledger: Ledger): PodDevices | Refusal | undefined {
	const { objects } = ledger.devices;
	const resources = deviceResources(candidate.scheduling.requests, (name) => objects.classOf(name));
	if (!candidate.pod.spec?.resourceClaims?.length && resources.length === 0) return undefined;
	const claims = claimsOf(candidate, ledger);
	if ("refusal" in claims) return claims;
	const made = resources.length > 0 ? extendedClaimOf(candidate.pod, objects.claims()) : undefined;
	if (made?.metadata.deletionTimestamp || (made && !made.status?.allocation)) return { refusal: "cannot schedule extended resource claim" };
	if (made) claims.push(made);
	const open = claims.filter((claim) => ledger.devices.allocationOf(claim) === undefined);
	const missing = open.flatMap((claim) => missingClass(claim, ledger))[0];
	if (missing !== undefined) return { refusal: missing };
	return {
		claims,
		question: {
			claims: open,
			pools: open.length + resources.length > 0 ? objects.pools() : [],
			usage: ledger.devices.usage(),
			deviceClass: (name) => objects.deviceClass(name),
		},
		extendedOn: ({ allocatable }) => {
			const lacking = made ? [] : resources.filter((name) => !allocatable.other[name]);
			return lacking.length === 0 ? undefined : extendedRequests(candidate.pod, lacking, (name) => objects.classOf(name));
		},
	};
}

function claimsOf({ pod, ref }: Candidate, { devices }: Ledger): ResourceClaim[] | Refusal {
	const claims: ResourceClaim[] = [];
	for (const { name, generated } of namedClaims(pod)) {
		if (name === null) continue;
		if (name === undefined) return { refusal: `pod "${ref.namespace}/${ref.name}": ResourceClaim not created yet` };
		const claim = devices.objects.claim(ref.namespace, name);
		if (claim === undefined) return { refusal: `resourceclaim.${DEVICE_GROUP} ${JSON.stringify(name)} not found` };
		if (claim.metadata.deletionTimestamp) return { refusal: `resourceclaim ${JSON.stringify(name)} is being deleted` };
		const foreign = generated ? whyNotForPod(claim, pod) : undefined;
		if (foreign !== undefined) return { refusal: foreign };
		if (devices.allocationOf(claim) && !isReservedFor(claim, ref.uid) && !hasFreeReservation(claim)) return { refusal: "resourceclaim in use" };
		if (!claims.includes(claim)) claims.push(claim);
	}
	return claims;
}

function missingClass({ spec }: ResourceClaim, { devices }: Ledger): string[] {
	return (spec.devices?.requests ?? []).flatMap((request) =>
		alternativesOf(request)
			.filter(({ deviceClassName }) => devices.objects.deviceClass(deviceClassName) === undefined)
			.map(({ name, deviceClassName }) => `request ${name === "" ? request.name : `${request.name}/${name}`}: device class ${deviceClassName} does not exist`),
	);
}

/** What requests with alternatives would get on each node; undefined for a pod without such a request. */
export function alternativesOn(candidate: Candidate, ledger: Ledger): ((node: NodeState) => AllocatedRequest[]) | undefined {
	if (!candidate.pod.spec?.resourceClaims?.length || !candidate.profile.filters.includes(dynamicResources)) return undefined;
	const devices = podDevices(candidate, ledger);
	if (devices === undefined || "refusal" in devices) return undefined;
	const { question } = devices;
	if (!question.claims.some(({ spec }) => spec.devices?.requests?.some(({ firstAvailable }) => firstAvailable))) return undefined;
	return (node) => {
		const found = allocate(questionOn(devices, candidate, node), node);
		const requests = question.claims.map(({ spec }) => spec.devices?.requests ?? []);
		return typeof found === "string"
			? []
			: found.flatMap(
					({ claim, request, alternative }) => requests[claim]?.filter(({ name }) => name === request).map((one) => ({ request: one, alternative })) ?? [],
				);
	};
}

/** What the claims of a pod are given on the node that was chosen for it; undefined for a pod without claims. */
export function devicesOn(node: NodeState | undefined, candidate: Candidate, ledger: Ledger, ctx: SchedulingContext): ClaimAllocation[] | undefined {
	if (node === undefined || !candidate.profile.filters.includes(dynamicResources)) return undefined;
	const devices = podDevices(candidate, ledger);
	if (devices === undefined) return undefined;
	if ("refusal" in devices) throw new Error(devices.refusal);
	const question = questionOn(devices, candidate, node);
	const found = allocate(question, node);
	if (typeof found === "string") throw new Error(found);
	const decided = devices.claims.map((claim): ClaimAllocation => {
		const allocation = ledger.devices.allocationOf(claim) ?? newAllocation(claim, question, found, node, ctx);
		return { name: claim.metadata.name ?? "", uid: claim.metadata.uid ?? "", allocation };
	});
	const extended = devices.extendedOn(node);
	if (extended === undefined) return decided.length > 0 ? decided : undefined;
	const claim = question.claims.at(-1) as ResourceClaim;
	const name = generateName(extendedClaimStem(candidate.ref.name), suffixFrom(ctx.random));
	return [...decided, { name, uid: claim.metadata.uid ?? "", allocation: newAllocation(claim, question, found, node, ctx), extended }];
}

function newAllocation(claim: ResourceClaim, question: AllocatorQuestion, found: readonly Allocated[], node: SelectableNode, ctx: SchedulingContext) {
	const index = question.claims.indexOf(claim);
	const own = found.filter((one) => one.claim === index);
	return allocationResult(claim, own, { node: node.name, time: metaTime(ctx.nowMs), uuid: () => uuidOf(ctx.random), deviceClass: question.deviceClass });
}

/** A version 4 UUID. */
function uuidOf(random: () => number): string {
	const digits = (count: number): string => Array.from({ length: count }, () => Math.floor(random() * 16).toString(16)).join("");
	return `${digits(8)}-${digits(4)}-4${digits(3)}-${"89ab"[Math.floor(random() * 4)]}${digits(3)}-${digits(12)}`;
}
