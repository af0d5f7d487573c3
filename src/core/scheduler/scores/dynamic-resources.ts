/** Of nodes that have devices for a pod, those are better that have what its requests name first (DynamicResources' score, KEP-4816). */
import { alternativesOn } from "../filters/dynamic-resources.ts";
import { scaleByMax, type Scorer } from "../plugin.ts";

/** Alternatives of one request (resourceapi.FirstAvailableDeviceRequestMaxSize). */
const ALTERNATIVES_MAX = 8;

export const dynamicResourcesScore: Scorer = (candidate, ledger) => {
	const allocated = alternativesOn(candidate, ledger);
	if (allocated === undefined) return undefined;
	return {
		score: (node) => {
			// Several devices of one request count once.
			const chosen = new Map(
				allocated(node).map(({ request, alternative }) => [request, (request.firstAvailable ?? []).findIndex(({ name }) => name === alternative)]),
			);
			return [...chosen.values()].reduce((sum, index) => sum + (index < 0 ? 0 : ALTERNATIVES_MAX - index), 0);
		},
		normalize: (scores) => scaleByMax(scores),
	};
};
