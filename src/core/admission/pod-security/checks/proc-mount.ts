/** procMount: /proc keeps its masks; baseline lets a pod in a user namespace of its own take them off since 1.35. */
import { type Check, containersOf, containersText, isInUserNamespace, type JudgedPod, quotedSet, type Violation } from "../check.ts";

function judge({ spec }: JudgedPod): Violation | undefined {
	const bad = containersOf(spec).filter(({ securityContext }) => (securityContext?.procMount ?? "Default") !== "Default");
	if (bad.length === 0) return undefined;
	const types = quotedSet(bad.map(({ securityContext }) => securityContext?.procMount ?? ""));
	return { reason: "procMount", detail: `${containersText(bad.map(({ name }) => name))} must not set securityContext.procMount to ${types}` };
}

export const procMountBaseline: Check = {
	id: "procMount_baseline",
	level: "baseline",
	versions: [
		{ since: 0, judge },
		{ since: 35, judge: (pod) => (isInUserNamespace(pod.spec) ? undefined : judge(pod)) },
	],
};

export const procMountRestricted: Check = {
	id: "procMount_restricted",
	level: "restricted",
	versions: [{ since: 35, judge }],
	overrides: procMountBaseline.id,
};
