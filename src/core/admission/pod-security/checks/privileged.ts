/** privileged: no container has all of the host's powers. */
import { type Check, containersText, type JudgedPod, namesOf, type Violation } from "../check.ts";

function judge({ spec }: JudgedPod): Violation | undefined {
	const names = namesOf(spec, ({ securityContext }) => securityContext?.privileged === true);
	return names.length === 0 ? undefined : { reason: "privileged", detail: `${containersText(names)} must not set securityContext.privileged=true` };
}

export const privileged: Check = { id: "privileged", level: "baseline", versions: [{ since: 0, judge }] };
