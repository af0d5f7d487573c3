/** Steps that most kinds' prepare hooks are made of: pkg/registry's strategies. */
import { semanticEqual } from "../meta/equality.ts";
import type { KubeObject } from "../meta/object.ts";
import type { ObjectSubresource } from "./define-kind.ts";
import { cloneJson } from "../meta/clone.ts";

type WithParts = KubeObject & { spec?: unknown; status?: unknown };

/** A new object: generation 1, and no status but the server's own. */
export function startGeneration(object: WithParts): void {
	object.metadata.generation = 1;
	delete object.status;
}

/** The generation stays, or grows by one when `changed`. */
export function bumpGeneration(next: KubeObject, old: KubeObject, changed: boolean): void {
	const generation = (old.metadata.generation ?? 0) + (changed ? 1 : 0);
	if (generation > 0) next.metadata.generation = generation;
	else delete next.metadata.generation;
}

/** A write of the object itself keeps the stored status. */
export function keepStatus(next: WithParts, old: WithParts): void {
	if (old.status === undefined) delete next.status;
	else next.status = cloneJson(old.status);
}

/** A write through a subresource keeps the stored spec. */
export function keepSpec(next: WithParts, old: WithParts): void {
	if (old.spec === undefined) delete next.spec;
	else next.spec = cloneJson(old.spec);
}

/** PrepareForUpdate of the common kind: status kept, generation bumped when the spec changed. */
export function prepareSpecUpdate(next: WithParts, old: WithParts): void {
	keepStatus(next, old);
	bumpGeneration(next, old, !semanticEqual(next.spec, old.spec));
}

/** The status subresource of the common kind: everything but status and metadata stays. */
export const statusSubresource: ObjectSubresource<WithParts> = {
	prepareUpdate(next, old) {
		keepSpec(next, old);
		bumpGeneration(next, old, false);
	},
};
