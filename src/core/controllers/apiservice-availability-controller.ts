/**
 * Looks whether the servers of aggregated APIs can be had, and says so in the APIServices' status (kube-aggregator's remote
 * availability controller). Their Services and endpoints are of other Durable Objects: they are looked at again and again
 * for as long as there is an aggregated API, soon after a change and seldom otherwise.
 */
import { API_SERVICES, availabilityOf, LOCAL } from "../kinds/api-service.ts";
import type { APIService } from "../schema/kubernetes.d.ts";
import { availability, isAvailable, type Verdict, withVerdict } from "./apiservice/availability.ts";
import { type Action, type Controller, NOTHING } from "./controller.ts";
import { nameOf } from "./identity.ts";
import { metaTime } from "./meta-time.ts";
import { semanticEqual } from "../meta/equality.ts";

export const AVAILABILITY = "apiservice-availability";
/** As upstream looks again without a change, in milliseconds. */
const RESYNC_MS = 30_000;
/** One that has just become unavailable, or been made, is looked at this soon, then ever more seldom. */
const SOON_MS = 1_000;

/** The longer it has been as it is, the later: in milliseconds. */
function againAfterMs(service: APIService, nowMs: number): number {
	if (isAvailable(service)) return RESYNC_MS;
	const sinceMs = Date.parse(availabilityOf(service)?.lastTransitionTime ?? service.metadata.creationTimestamp ?? "");
	return Math.min(RESYNC_MS, Math.max(SOON_MS, (nowMs - (Number.isNaN(sinceMs) ? nowMs : sinceMs)) / 4));
}

const told = (changed: APIService | undefined): Action[] => (changed === undefined ? [] : [{ type: "updateStatus", resource: API_SERVICES, object: changed }]);

export const apiServiceAvailabilityController: Controller = {
	name: AVAILABILITY,
	watches: [
		{
			resource: API_SERVICES,
			keys: ({ old, object }) =>
				object !== undefined && !(old !== undefined && semanticEqual((old as APIService).spec, (object as APIService).spec)) ? [nameOf(object)] : [],
		},
	],
	reconcile(key, view, ctx) {
		const service = view.get<APIService>(API_SERVICES, key);
		if (service === undefined) return NOTHING;
		const judged = (verdict: Verdict): APIService | undefined => withVerdict(service, verdict, metaTime(ctx.nowMs));
		if (!service.spec?.service) return { actions: told(judged(LOCAL)) };
		const { probe } = ctx.gathered(key) ?? {};
		// Should the answer be lost with the object, the key comes again by itself.
		if (probe === undefined)
			return { actions: [{ type: "gather", controller: AVAILABILITY, key, nodes: [], queries: [], probe: service }], requeueAfterMs: RESYNC_MS };
		const changed = judged(availability(service, probe));
		return { actions: told(changed), requeueAfterMs: againAfterMs(changed ?? service, ctx.nowMs) };
	},
};
