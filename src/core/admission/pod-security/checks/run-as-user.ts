/** runAsUser: nothing runs as user 0; since 1.35 user 0 of a user namespace is nobody. */
import { type Check, isInUserNamespace, type JudgedPod, namesOf, settersText, type Violation } from "../check.ts";

function judge({ spec }: JudgedPod): Violation | undefined {
	const setters = settersText(
		spec.securityContext?.runAsUser === 0,
		namesOf(spec, ({ securityContext }) => securityContext?.runAsUser === 0),
	);
	return setters === "" ? undefined : { reason: "runAsUser=0", detail: `${setters} must not set runAsUser=0` };
}

export const runAsUser: Check = {
	id: "runAsUser",
	level: "restricted",
	versions: [
		{ since: 23, judge },
		{ since: 35, judge: (pod) => (isInUserNamespace(pod.spec) ? undefined : judge(pod)) },
	],
};
