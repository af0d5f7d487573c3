/** windowsHostProcess: no container runs as a process of a Windows host. */
import { type Check, type JudgedPod, namesOf, settersText, type Violation } from "../check.ts";

function judge({ spec }: JudgedPod): Violation | undefined {
	const names = namesOf(spec, ({ securityContext }) => securityContext?.windowsOptions?.hostProcess === true);
	const setters = settersText(spec.securityContext?.windowsOptions?.hostProcess === true, names);
	return setters === "" ? undefined : { reason: "hostProcess", detail: `${setters} must not set securityContext.windowsOptions.hostProcess=true` };
}

export const windowsHostProcess: Check = { id: "windowsHostProcess", level: "baseline", versions: [{ since: 0, judge }] };
