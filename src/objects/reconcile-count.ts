/** How the reconciles of this isolate's Durable Objects came out, by controller: what /metrics tells of controllers. */
export type Outcome = "success" | "refused" | "error";

const counts = new Map<string, Record<Outcome, number>>();

export function countReconcile(controller: string, outcome: Outcome): void {
	const count = counts.get(controller) ?? { success: 0, refused: 0, error: 0 };
	count[outcome]++;
	counts.set(controller, count);
}

export const reconcileCounts = (): [string, Readonly<Record<Outcome, number>>][] => [...counts];
