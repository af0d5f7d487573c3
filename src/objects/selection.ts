/** From a request's selectors to the store's matcher; undefined when everything matches. Throws badRequest. */
import type { ApiQuery } from "../core/api/request.ts";
import type { KindDefinition } from "../core/kinds/define-kind.ts";
import { parseFieldSelector } from "../core/selector/field-selector.ts";
import { parseLabelSelector } from "../core/selector/label-selector.ts";
import type { Matcher } from "../store/store.ts";

/** With one value, these demand exactly it. */
const EQUALITY: ReadonlySet<string> = new Set(["=", "==", "in"]);
const everyKindHas = ["metadata.name", "metadata.namespace"];

export function matcherOf(kind: KindDefinition, query: Pick<ApiQuery, "labelSelector" | "fieldSelector">, namespace: string): Matcher | undefined {
	if (!query.labelSelector && !query.fieldSelector) return undefined;
	const labels = query.labelSelector ? parseLabelSelector(query.labelSelector) : undefined;
	const supported = new Set([
		...everyKindHas.slice(0, kind.scope === "Namespaced" ? 2 : 1),
		...Object.keys(kind.storedAs?.fields ?? kind.selectableFields ?? {}),
		...Object.keys(kind.fieldAliases ?? {}),
	]);
	const fields = query.fieldSelector ? parseFieldSelector(query.fieldSelector, supported) : undefined;
	const requiredLabels = labels?.requirements.flatMap((r): [string, string][] =>
		EQUALITY.has(r.operator) && r.values.length === 1 ? [[r.key, r.values[0] ?? ""]] : [],
	);
	const storedPath = (path: string): string => kind.storedAs?.fields[path] ?? kind.fieldAliases?.[path] ?? path;
	return {
		matches(name, summary) {
			if (labels && !labels.matches(summary.labels)) return false;
			const valueAt = (path: string): string => summary.fields[storedPath(path)] ?? "";
			return !fields || fields.matches((path) => (path === "metadata.name" ? name : path === "metadata.namespace" ? namespace : valueAt(path)));
		},
		...(requiredLabels?.length ? { requiredLabels } : {}),
	};
}
