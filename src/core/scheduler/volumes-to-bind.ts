/** Which of a pod's claims must get their volumes now that its node is known. */
import type { Ledger } from "./ledger.ts";
import type { Entry } from "./scheduling-queue.ts";
import { freeVolumes, isBound, isDelayed } from "./volume-objects.ts";

export function claimsToBind({ candidate: { volumeClaims } }: Entry, node: string, ledger: Ledger): { name: string; uid: string; volume?: string }[] {
	const { objects } = ledger;
	const state = ledger.node(node);
	const taken = new Set<string>();
	return volumeClaims
		.filter((claim) => !isBound(claim) && isDelayed(claim, objects))
		.map((claim) => {
			const volume = state && freeVolumes(claim, objects)(state, taken)?.metadata.name;
			if (volume !== undefined) taken.add(volume);
			return { name: claim.metadata.name ?? "", uid: claim.metadata.uid ?? "", ...(volume === undefined ? {} : { volume }) };
		});
}
