/** What of a Node decides where daemons go and which addresses load balancers have: the part that Namespace objects hold a replica of. */
import type { Node } from "../../schema/kubernetes.d.ts";

export function trimmedNode({ metadata: { name, uid, labels }, spec, status }: Node): Node {
	const addresses = (status?.addresses ?? []).filter(({ type }) => type === "InternalIP");
	return {
		...(addresses.length > 0 ? { status: { addresses } } : {}),
		apiVersion: "v1",
		kind: "Node",
		metadata: { name, uid, ...(labels ? { labels } : {}) },
		spec: spec?.taints?.length ? { taints: spec.taints.map(({ key, value, effect }) => ({ key, effect, ...(value === undefined ? {} : { value }) })) } : {},
	};
}
