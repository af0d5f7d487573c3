/** runAsNonRoot: the pod, or each of its containers, says that it is not root; since 1.35 root of a user namespace is nobody. */
import { type Check, containersText, isInUserNamespace, type JudgedPod, namesOf, settersText, type Violation } from "../check.ts";

const REASON = "runAsNonRoot != true";

function judge({ spec }: JudgedPod): Violation | undefined {
	const ofPod = spec.securityContext?.runAsNonRoot;
	const setters = settersText(
		ofPod === false,
		namesOf(spec, ({ securityContext }) => securityContext?.runAsNonRoot === false),
	);
	if (setters !== "") return { reason: REASON, detail: `${setters} must not set securityContext.runAsNonRoot=false` };
	const silent = ofPod === true ? [] : namesOf(spec, ({ securityContext }) => securityContext?.runAsNonRoot === undefined);
	return silent.length === 0 ? undefined : { reason: REASON, detail: `pod or ${containersText(silent)} must set securityContext.runAsNonRoot=true` };
}

export const runAsNonRoot: Check = {
	id: "runAsNonRoot",
	level: "restricted",
	versions: [
		{ since: 0, judge },
		{ since: 35, judge: (pod) => (isInUserNamespace(pod.spec) ? undefined : judge(pod)) },
	],
};
