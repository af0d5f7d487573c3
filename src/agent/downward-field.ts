/** fieldRef and resourceFieldRef: what a container may learn about its own pod (k8s.io/kubernetes/pkg/fieldpath). */
import type { Container, ObjectFieldSelector, Pod, ResourceFieldSelector } from "../core/schema/kubernetes.d.ts";
import { parseQuantityNumber } from "./quantity-number.ts";

export interface PodFacts {
	nodeName: string;
	hostIPs: readonly string[];
	podIPs: readonly string[];
	/** Allocatable of the node, for limits that are not set. */
	allocatable: Readonly<Record<string, string>>;
}

const SUBSCRIPT = /^(metadata\.(?:labels|annotations))\['(.+)'\]$/;

/** The field's value as text; throws when the path is none that upstream knows. */
export function fieldValue(pod: Pod, facts: PodFacts, selector: ObjectFieldSelector): string {
	const path = selector.fieldPath;
	const subscript = SUBSCRIPT.exec(path);
	if (subscript) {
		const map = subscript[1] === "metadata.labels" ? pod.metadata.labels : pod.metadata.annotations;
		return map?.[subscript[2] as string] ?? "";
	}
	switch (path) {
		case "metadata.name":
			return pod.metadata.name ?? "";
		case "metadata.namespace":
			return pod.metadata.namespace ?? "";
		case "metadata.uid":
			return pod.metadata.uid ?? "";
		case "metadata.labels":
			return formatMap(pod.metadata.labels ?? {});
		case "metadata.annotations":
			return formatMap(pod.metadata.annotations ?? {});
		case "spec.nodeName":
			return facts.nodeName;
		case "spec.serviceAccountName":
			return pod.spec?.serviceAccountName ?? "";
		case "status.hostIP":
			return facts.hostIPs[0] ?? "";
		case "status.hostIPs":
			return facts.hostIPs.join(",");
		case "status.podIP":
			return facts.podIPs[0] ?? "";
		case "status.podIPs":
			return facts.podIPs.join(",");
		default:
			throw new Error(`unsupported fieldPath: ${path}`);
	}
}

/** One `key="escaped value"` a line, by key. */
function formatMap(map: Record<string, string>): string {
	return Object.keys(map)
		.sort()
		.map((key) => `${key}=${JSON.stringify(map[key])}`)
		.join("\n");
}

/** The container's request or limit divided by the divisor and rounded up; an unset limit is the node's allocatable. */
export function resourceValue(pod: Pod, container: Container, facts: PodFacts, selector: ResourceFieldSelector): string {
	const target = selector.containerName
		? [...(pod.spec?.containers ?? []), ...(pod.spec?.initContainers ?? [])].find((c) => c.name === selector.containerName)
		: container;
	if (!target) throw new Error(`container ${selector.containerName} not found`);
	const match = /^(limits|requests)\.(.+)$/.exec(selector.resource);
	if (!match) throw new Error(`unsupported container resource : ${selector.resource}`);
	const [, side, name] = match as unknown as [string, "limits" | "requests", string];
	const quantity = target.resources?.[side]?.[name] ?? (side === "limits" ? facts.allocatable[name] : undefined) ?? "0";
	const divisor = selector.divisor && selector.divisor !== "0" ? selector.divisor : "1";
	return String(Math.ceil(parseQuantityNumber(quantity) / parseQuantityNumber(divisor) - 1e-9));
}
