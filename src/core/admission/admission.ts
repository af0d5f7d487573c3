/** Runs the admission plugins over a write, in upstream's order: first every change, then every check. */
import { resourceOf } from "../kinds/define-kind.ts";
import type { AdmissionPlugin, AdmissionRequest, AdmissionView } from "./plugin.ts";
import { defaultTolerationSeconds } from "./plugins/default-toleration-seconds.ts";
import { limitRanger } from "./plugins/limit-ranger.ts";
import { namespaceLifecycle } from "./plugins/namespace-lifecycle.ts";
import { nodeRestriction } from "./plugins/node-restriction.ts";
import { podSecurity } from "./plugins/pod-security.ts";
import { priority } from "./plugins/priority.ts";
import { resourceQuota } from "./plugins/resource-quota.ts";
import { serviceAccount } from "./plugins/service-account.ts";

export type { AdmissionOperation, AdmissionPlugin, AdmissionRequest, AdmissionView, FollowUp } from "./plugin.ts";

const PLUGINS: readonly AdmissionPlugin[] = [
	namespaceLifecycle,
	limitRanger,
	serviceAccount,
	nodeRestriction,
	podSecurity,
	priority,
	defaultTolerationSeconds,
	resourceQuota,
];

function concerns(plugin: AdmissionPlugin, request: AdmissionRequest): boolean {
	if (!plugin.operations.includes(request.operation)) return false;
	if (plugin.subresources === undefined ? request.subresource !== "" : plugin.subresources !== "*" && !plugin.subresources.includes(request.subresource))
		return false;
	return plugin.resources === "*" || plugin.resources.includes(resourceOf(request.kind));
}

/** Changes request.object as the plugins ask. Throws the StatusError of the first that refuses. */
export function admit(request: AdmissionRequest, view: AdmissionView): void {
	const plugins = PLUGINS.filter((plugin) => concerns(plugin, request));
	for (const plugin of plugins) plugin.mutate?.(request, view);
	for (const plugin of plugins) plugin.validate?.(request, view);
}
