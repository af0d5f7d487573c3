/** capabilities_baseline: no capabilities beyond a container runtime's usual ones. */
import { type Check, containersOf, containersText, type JudgedPod, quotedSet, type Violation } from "../check.ts";

const USUAL: ReadonlySet<string> = new Set([
	"AUDIT_WRITE",
	"CHOWN",
	"DAC_OVERRIDE",
	"FOWNER",
	"FSETID",
	"KILL",
	"MKNOD",
	"NET_BIND_SERVICE",
	"SETFCAP",
	"SETGID",
	"SETPCAP",
	"SETUID",
	"SYS_CHROOT",
]);

function judge({ spec }: JudgedPod): Violation | undefined {
	const added = containersOf(spec).map(({ name, securityContext }) => ({
		name,
		capabilities: (securityContext?.capabilities?.add ?? []).filter((capability) => !USUAL.has(capability)),
	}));
	const bad = added.filter(({ capabilities }) => capabilities.length > 0);
	if (bad.length === 0) return undefined;
	const names = bad.map(({ name }) => name);
	return {
		reason: "non-default capabilities",
		detail: `${containersText(names)} must not include ${quotedSet(bad.flatMap(({ capabilities }) => capabilities))} in securityContext.capabilities.add`,
	};
}

export const capabilitiesBaseline: Check = { id: "capabilities_baseline", level: "baseline", versions: [{ since: 0, judge }] };
