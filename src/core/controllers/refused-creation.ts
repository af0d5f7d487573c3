/** What becomes of a controller's decision when the API would not have one of its creations. */
import type { KubeObject } from "../meta/object.ts";
import type { Action, Refusal } from "./controller.ts";

export interface Heeded {
	actions: Action[];
	/** Creations that are not tried: the refused one and those after it, which would fare no better. */
	dropped: number;
}

/** The actions up to the refused creation, those that are no creations, and upstream's FailedCreate in place of the rest. */
export function heedRefusal(
	actions: readonly Action[],
	refusal: Refusal | undefined,
	about: KubeObject,
	words: (refused: KubeObject, message: string) => string = (_refused, message) => `Error creating: ${message}`,
): Heeded {
	if (refusal === undefined) return { actions: [...actions], dropped: 0 };
	const kept: Action[] = [];
	let creations = 0;
	let dropping = false;
	for (const action of actions) {
		if (action.type === "create") {
			dropping = creations >= refusal.created;
			if (creations === refusal.created)
				kept.push({ type: "event", about, eventType: "Warning", reason: "FailedCreate", message: words(action.object, refusal.message) });
			creations++;
		}
		// The Event that tells of a creation comes right after it.
		const toldOnly = action.type === "event" && action.reason === "SuccessfulCreate";
		if (!dropping || (action.type !== "create" && !toldOnly)) kept.push(action);
	}
	return { actions: kept, dropped: Math.max(0, creations - refusal.created) };
}
