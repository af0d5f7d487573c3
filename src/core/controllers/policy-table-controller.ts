/** Tells the nodes of NetworkPolicies. */
import { semanticEqual } from "../meta/equality.ts";
import type { NetworkPolicy } from "../schema/kubernetes.d.ts";
import type { Controller } from "./controller.ts";
import { nameOf } from "./identity.ts";

const NETWORK_POLICIES = "networking.k8s.io/networkpolicies";

export const policyTableController: Controller = {
	name: "policy-table",
	watches: [
		{
			resource: NETWORK_POLICIES,
			keys: ({ old, object }) => {
				const [before, now] = [old, object] as [NetworkPolicy | undefined, NetworkPolicy | undefined];
				return before && now && semanticEqual(before.spec, now.spec) ? [] : [nameOf((now ?? before) as NetworkPolicy)];
			},
		},
	],
	reconcile(name, view, { namespace }) {
		const policy = view.get<NetworkPolicy>(NETWORK_POLICIES, name)?.spec ?? null;
		const row = { kind: "policy" as const, namespace, name, policy };
		return { actions: [{ type: "send", message: { to: { object: "cluster" }, body: { type: "networkRows", rows: [row] } } }] };
	},
};
