/** Why no node will do, in kube-scheduler's words (framework.FitError). */

const NO_NODES = "no nodes available to schedule pods";
/** What the plugin for device claims answers when asked, before preemption is, what it could give back. */
const NO_CLAIMS = "no new claims to deallocate";

/** `reasons` has what every node was turned down for; or `refusal` says why no node was looked at. */
export function unschedulableMessage(nodes: number, reasons: readonly string[], refusal?: string): string {
	if (nodes === 0) return NO_NODES;
	return refusal === undefined ? availability(nodes, reasons) : `0/${nodes} nodes are available: ${refusal}.`;
}

/** `reason` is why no other pods can make way either. */
export const withPreemption = (message: string, reason: string): string => (message === NO_NODES ? message : `${message} ${NO_CLAIMS}, ${reason}`);

/** It could give something back. */
export const withDeallocation = (message: string): string => message.replace(NO_CLAIMS, "deallocation of ResourceClaim completed");

export function availability(nodes: number, reasons: readonly string[]): string {
	const counts = new Map<string, number>();
	for (const reason of reasons) counts.set(reason, (counts.get(reason) ?? 0) + 1);
	const texts = [...counts].map(([reason, count]) => `${count} ${reason}`).sort();
	return `0/${nodes} nodes are available: ${texts.join(", ")}.`;
}
