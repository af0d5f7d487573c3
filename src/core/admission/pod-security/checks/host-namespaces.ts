/** hostNamespaces: none of the host's namespaces is shared. */
import type { Check, JudgedPod, Violation } from "../check.ts";

function judge({ spec }: JudgedPod): Violation | undefined {
	const shared = (["hostIPC", "hostNetwork", "hostPID"] as const).filter((field) => spec[field] === true);
	return shared.length === 0 ? undefined : { reason: "host namespaces", detail: shared.map((field) => `${field}=true`).join(", ") };
}

export const hostNamespaces: Check = { id: "hostNamespaces", level: "baseline", versions: [{ since: 0, judge }] };
