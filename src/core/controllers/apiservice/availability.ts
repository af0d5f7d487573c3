/** Whether the server of an aggregated API can be had: upstream's checks, reasons and words (kube-aggregator/pkg/controllers/status/remote). */
import { API_SERVICES, AVAILABLE, availabilityOf } from "../../kinds/api-service.ts";
import { semanticEqual } from "../../meta/equality.ts";
import type { APIService, APIServiceCondition } from "../../schema/kubernetes.d.ts";
import type { ObjectChange } from "../controller.ts";

/** What there is of the Service that an APIService names. */
export type ServiceFacts =
	| { state: "absent" }
	/** Its namespace could not be asked. */
	| { state: "unknown"; message: string }
	| {
			state: "present";
			type: string;
			/** The port's name; absent when the Service has no such port. */
			portName?: string;
			/** EndpointSlices that it has. */
			slices: number;
			/** Whether one of them has a ready endpoint for the port. */
			ready: boolean;
	  };

export interface ProbeOutcome {
	service: ServiceFacts;
	/** Why its discovery document could not be had. */
	failure?: string;
}

export type Verdict = Pick<APIServiceCondition, "status" | "reason" | "message">;

const no = (reason: string, message: string): Verdict => ({ status: "False", reason, message });
const unknown = (reason: string, message: string): Verdict => ({ status: "Unknown", reason, message });

export function availability({ spec }: APIService, { service: facts, failure }: ProbeOutcome): Verdict {
	const { namespace = "", name = "", port } = spec?.service ?? {};
	const named = `service/${name} in ${JSON.stringify(namespace)}`;
	if (facts.state === "absent") return no("ServiceNotFound", `${named} is not present`);
	if (facts.state === "unknown") return unknown("ServiceAccessError", `${named} cannot be checked due to: ${facts.message}`);
	if (facts.type === "ClusterIP") {
		if (facts.portName === undefined) return no("ServicePortError", `${named} is not listening on port ${port}`);
		if (facts.slices === 0) return no("EndpointsNotFound", `cannot find endpointslices for ${named}`);
		if (!facts.ready) return no("MissingEndpoints", `endpointslices for ${named} have no addresses with port name ${JSON.stringify(facts.portName)}`);
	}
	return failure === undefined ? { status: "True", reason: "Passed", message: "all checks passed" } : no("FailedDiscoveryCheck", failure);
}

export const isAvailable = (service: APIService): boolean => availabilityOf(service)?.status === "True";

/** The service with the verdict in its status; undefined where it says that already. */
export function withVerdict(service: APIService, verdict: Verdict, now: string): APIService | undefined {
	const old = availabilityOf(service);
	const { status, reason, message } = old ?? {};
	if (semanticEqual({ status, reason, message }, verdict)) return undefined;
	const lastTransitionTime = old?.status === verdict.status && old.lastTransitionTime ? old.lastTransitionTime : now;
	const others = (service.status?.conditions ?? []).filter(({ type }) => type !== AVAILABLE);
	return { ...service, status: { ...service.status, conditions: [...others, { type: AVAILABLE, ...verdict, lastTransitionTime }] } };
}

/** Whether those that pass requests on must hear of a change: another server, or another word on whether it can be had. */
export function changesAggregation({ resource, old, object }: ObjectChange): boolean {
	if (resource !== API_SERVICES) return false;
	const [before, after] = [old as APIService | undefined, object as APIService | undefined];
	if (!before?.spec?.service && !after?.spec?.service) return false;
	return !before || !after || !semanticEqual(before.spec, after.spec) || isAvailable(before) !== isAvailable(after);
}
