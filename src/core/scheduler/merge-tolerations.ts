/** Two lists of tolerations as one, without those that another makes superfluous (pkg/util/tolerations). */
import { semanticEqual } from "../meta/equality.ts";
import type { Toleration } from "../schema/kubernetes.d.ts";

const isEqualOperator = ({ operator }: Toleration): boolean => (operator ?? "") === "" || operator === "Equal";

/** Whether all that `narrow` tolerates is tolerated by `wide` too. */
function covers(wide: Toleration, narrow: Toleration): boolean {
	if (semanticEqual(wide, narrow)) return true;
	if (narrow.key !== wide.key && (wide.key || wide.operator !== "Exists")) return false;
	if (wide.effect && narrow.effect !== wide.effect) return false;
	if (wide.effect === "NoExecute" && wide.tolerationSeconds !== undefined) {
		if (narrow.tolerationSeconds === undefined || narrow.tolerationSeconds > wide.tolerationSeconds) return false;
	}
	if (wide.operator === "Exists") return true;
	return isEqualOperator(wide) && isEqualOperator(narrow) && (narrow.value ?? "") === (wide.value ?? "");
}

export function mergeTolerations(first: readonly Toleration[], second: readonly Toleration[]): Toleration[] {
	const all = [...first, ...second];
	const merged: Toleration[] = [];
	for (const [index, toleration] of all.entries()) {
		// Of two equal ones the first stays.
		const later = all.slice(index + 1).some((other) => !semanticEqual(toleration, other) && covers(other, toleration));
		if (!later && !merged.some((other) => covers(other, toleration))) merged.push({ ...toleration });
	}
	return merged;
}
