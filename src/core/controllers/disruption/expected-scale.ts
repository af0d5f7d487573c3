/** How many pods the owners of a budget's pods ask for: of a Deployment, a StatefulSet or whatever has a scale subresource. */
import type { KindRegistry } from "../../kinds/define-kind.ts";
import { scaleOf } from "../../kinds/scale.ts";
import type { OwnerReference } from "../../meta/object.ts";
import type { Pod } from "../../schema/kubernetes.d.ts";
import { controllerOf, type View } from "../controller.ts";
import { nameOf, uidOf } from "../identity.ts";

export interface ExpectedScale {
	replicas: number;
	/** Pods that nobody controls: they are counted in no scale. */
	unmanaged: Pod[];
}

/** Throws for a pod whose controller is gone or cannot be scaled. */
export function expectedScale(pods: readonly Pod[], view: View, registry: KindRegistry): ExpectedScale {
	const unmanaged: Pod[] = [];
	const replicas = new Map<string, number>();
	const seen = new Set<string>();
	for (const pod of pods) {
		const owner = controllerOf(pod);
		if (owner === undefined) {
			unmanaged.push(pod);
			continue;
		}
		if (seen.has(owner.uid)) continue;
		seen.add(owner.uid);
		const found = scaleOfOwner(owner, view, registry);
		if (found === undefined) throw new Error(`found no controllers for pod ${JSON.stringify(nameOf(pod))}`);
		replicas.set(found.uid, found.replicas);
	}
	return { replicas: [...replicas.values()].reduce((sum, each) => sum + each, 0), unmanaged };
}

function scaleOfOwner(reference: OwnerReference, view: View, registry: KindRegistry): { uid: string; replicas: number } | undefined {
	const slash = reference.apiVersion.indexOf("/");
	const group = slash < 0 ? "" : reference.apiVersion.slice(0, slash);
	const kind = registry.byKind(group, reference.apiVersion.slice(slash + 1), reference.kind);
	if (kind === undefined) return undefined;
	const resource = group === "" ? kind.plural : `${group}/${kind.plural}`;
	const owner = view.get(resource, reference.name);
	if (kind.subresources?.scale === undefined)
		throw new Error(`${group === "" ? kind.plural : `${kind.plural}.${group}`} does not implement the scale subresource`);
	if (owner === undefined || uidOf(owner) !== reference.uid) return undefined;
	const above = reference.kind === "ReplicaSet" ? controllerOf(owner) : undefined;
	// A ReplicaSet's pods belong to its Deployment, which scales all of its ReplicaSets together.
	if (above?.kind === "Deployment") return scaleOfOwner(above, view, registry);
	return { uid: uidOf(owner), replicas: scaleOf(kind, owner).spec?.replicas ?? 0 };
}
