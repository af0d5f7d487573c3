/** allowPrivilegeEscalation: every container says that its processes gain no privileges. */
import { type Check, containersText, isWindows, type JudgedPod, namesOf, type Violation } from "../check.ts";

function judge({ spec }: JudgedPod): Violation | undefined {
	const names = namesOf(spec, ({ securityContext }) => securityContext?.allowPrivilegeEscalation !== false);
	if (names.length === 0) return undefined;
	return { reason: "allowPrivilegeEscalation != false", detail: `${containersText(names)} must set securityContext.allowPrivilegeEscalation=false` };
}

export const allowPrivilegeEscalation: Check = {
	id: "allowPrivilegeEscalation",
	level: "restricted",
	versions: [
		{ since: 8, judge },
		{ since: 25, judge: (pod) => (isWindows(pod.spec) ? undefined : judge(pod)) },
	],
};
