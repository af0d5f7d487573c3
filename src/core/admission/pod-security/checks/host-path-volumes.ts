/** hostPathVolumes: no directory of the host is mounted. */
import { type Check, type JudgedPod, plural, quoted, type Violation } from "../check.ts";

function judge({ spec }: JudgedPod): Violation | undefined {
	const names = (spec.volumes ?? []).filter(({ hostPath }) => hostPath !== undefined).map(({ name }) => name);
	return names.length === 0 ? undefined : { reason: "hostPath volumes", detail: `${plural(names.length, "volume")} ${quoted(names)}` };
}

export const hostPathVolumes: Check = { id: "hostPathVolumes", level: "baseline", versions: [{ since: 0, judge }] };
