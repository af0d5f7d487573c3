/** Label selectors: their text form (labels.Parse) and their structured form (metav1.LabelSelector). */
import { badRequest } from "../errors/status-error.ts";
import type { LabelSelector as LabelSelectorObject } from "../schema/kubernetes.d.ts";
import { type LabelRequirement, type LabelOperator, newRequirement, requirementMatches, requirementText } from "./label-requirement.ts";
import { parseRequirements } from "./label-selector-parser.ts";

export type { LabelOperator, LabelRequirement } from "./label-requirement.ts";

export interface LabelSelector {
	matches(labels: Readonly<Record<string, string>> | undefined): boolean;
	/** The text form; "" both for everything and for nothing, as upstream prints them. */
	toString(): string;
	/** Sorted by key; none for a selector of everything. */
	requirements: readonly LabelRequirement[];
	/** True for the selector that matches no object at all. */
	selectsNothing: boolean;
}

const NOTHING: LabelSelector = { matches: () => false, toString: () => "", requirements: [], selectsNothing: true };
const EVERYTHING: LabelSelector = { matches: () => true, toString: () => "", requirements: [], selectsNothing: false };

function selectorOf(requirements: LabelRequirement[]): LabelSelector {
	if (requirements.length === 0) return EVERYTHING;
	requirements.sort((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0));
	return {
		matches: (labels) => requirements.every((r) => requirementMatches(r, labels)),
		toString: () => requirements.map(requirementText).join(","),
		requirements,
		selectsNothing: false,
	};
}

/** Parses the text of `?labelSelector=` or of a Scale's status.selector. Throws a 400 StatusError with labels.Parse's words. */
export function parseLabelSelector(text: string): LabelSelector {
	return selectorOf(parseRequirements(text));
}

const OPERATORS: Readonly<Record<string, LabelOperator>> = { In: "in", NotIn: "notin", Exists: "exists", DoesNotExist: "!" };

/** metav1.LabelSelectorAsSelector: absent selects nothing, empty selects everything. Throws a 400 StatusError when it is malformed. */
export function labelSelectorOf(selector: LabelSelectorObject | null | undefined): LabelSelector {
	if (selector === null || selector === undefined) return NOTHING;
	const requirements = Object.entries(selector.matchLabels ?? {}).map(([key, value]) => newRequirement(key, "=", [value]));
	for (const expression of selector.matchExpressions ?? []) {
		const operator = OPERATORS[expression.operator];
		if (operator === undefined) throw badRequest(`${JSON.stringify(expression.operator)} is not a valid label selector operator`);
		requirements.push(newRequirement(expression.key, operator, expression.values ?? []));
	}
	return selectorOf(requirements);
}

/** labels.SelectorFromSet: every given pair must be there; no pair selects everything. The pairs are not checked. */
export function selectorFromSet(set: Readonly<Record<string, string>> | undefined): LabelSelector {
	return selectorOf(Object.entries(set ?? {}).map(([key, value]) => ({ key, operator: "=", values: [value] })));
}
