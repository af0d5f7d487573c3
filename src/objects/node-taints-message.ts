/** What a Node object is told of its Node: that it is there, and its taints. */
import type { ObjectMessage } from "../core/protocol/messages.ts";
import type { Node } from "../core/schema/kubernetes.d.ts";

/** Nothing while neither changed. */
export function nodeTaintsMessages(name: string, object: Node | undefined, old: Node | undefined): ObjectMessage[] {
	const taints = (node: Node | undefined) => JSON.stringify(node?.spec?.taints ?? []);
	if (object !== undefined && old !== undefined && taints(object) === taints(old)) return [];
	const nodeUid = (object ?? old)?.metadata.uid ?? "";
	return [
		{ to: { object: "node", name }, body: { type: "nodeTaints", node: name, exists: object !== undefined, taints: object?.spec?.taints ?? [], nodeUid } },
	];
}
