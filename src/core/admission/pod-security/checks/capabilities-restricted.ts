/** capabilities_restricted: every container drops all capabilities and adds at most NET_BIND_SERVICE. */
import { type Check, containersOf, containersText, isWindows, type JudgedPod, namesOf, quotedSet, type Violation } from "../check.ts";
import { capabilitiesBaseline } from "./capabilities-baseline.ts";

const isRefused = (capability: string): boolean => capability !== "NET_BIND_SERVICE";

function judge({ spec }: JudgedPod): Violation | undefined {
	const keeping = namesOf(spec, ({ securityContext }) => !securityContext?.capabilities?.drop?.includes("ALL"));
	const adding = namesOf(spec, ({ securityContext }) => securityContext?.capabilities?.add?.some(isRefused) ?? false);
	const added = containersOf(spec).flatMap(({ securityContext }) => securityContext?.capabilities?.add?.filter(isRefused) ?? []);
	const details = [
		...(keeping.length > 0 ? [`${containersText(keeping)} must set securityContext.capabilities.drop=["ALL"]`] : []),
		...(adding.length > 0 ? [`${containersText(adding)} must not include ${quotedSet(added)} in securityContext.capabilities.add`] : []),
	];
	return details.length === 0 ? undefined : { reason: "unrestricted capabilities", detail: details.join("; ") };
}

export const capabilitiesRestricted: Check = {
	id: "capabilities_restricted",
	level: "restricted",
	versions: [
		{ since: 22, judge },
		{ since: 25, judge: (pod) => (isWindows(pod.spec) ? undefined : judge(pod)) },
	],
	overrides: capabilitiesBaseline.id,
};
