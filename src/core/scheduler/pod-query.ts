/** Turns the selectors of spread constraints and affinity terms into what a PodCounter counts. */
import { canonicalJson } from "../controllers/canonical-json.ts";
import type { LabelSelector, PodAffinityTerm } from "../schema/kubernetes.d.ts";
import { labelSelectorOf } from "../selector/label-selector.ts";
import type { Ledger } from "./ledger.ts";
import type { PodQuery } from "./pod-counter.ts";

/** The pods of one namespace that `selector` matches. */
export function podsOf(namespace: string, selector: LabelSelector | undefined): PodQuery {
	const matcher = labelSelectorOf(selector);
	return { key: canonicalJson([namespace, selector]), matches: ({ ref, pod }) => ref.namespace === namespace && matcher.matches(pod.labels) };
}

/** The selector with `matchLabelKeys` and `mismatchLabelKeys` made into requirements from the pod's own labels. */
export function withLabelKeys(
	selector: LabelSelector | undefined,
	labels: Readonly<Record<string, string>>,
	match: readonly string[] = [],
	mismatch: readonly string[] = [],
): LabelSelector | undefined {
	if (selector === undefined || (match.length === 0 && mismatch.length === 0)) return selector;
	const requirements = (keys: readonly string[], operator: "In" | "NotIn") =>
		keys.filter((key) => labels[key] !== undefined).map((key) => ({ key, operator, values: [labels[key] ?? ""] }));
	return { ...selector, matchExpressions: [...(selector.matchExpressions ?? []), ...requirements(match, "In"), ...requirements(mismatch, "NotIn")] };
}

/** The pods that an affinity term of a pod with `labels` in `namespace` speaks of; made once for each term of each pod. */
export function termQuery(term: PodAffinityTerm, namespace: string, labels: Readonly<Record<string, string>>, ledger: Ledger): PodQuery {
	const known = ledger.termQueries.get(term);
	if (known) return known;
	const query = newTermQuery(term, namespace, labels, ledger);
	ledger.termQueries.set(term, query);
	return query;
}

function newTermQuery(term: PodAffinityTerm, namespace: string, labels: Readonly<Record<string, string>>, ledger: Ledger): PodQuery {
	const selector = withLabelKeys(term.labelSelector, labels, term.matchLabelKeys, term.mismatchLabelKeys);
	const matcher = labelSelectorOf(selector);
	const named = term.namespaces ?? [];
	const own = named.length === 0 && term.namespaceSelector === undefined;
	const inNamespace = labelSelectorOf(term.namespaceSelector);
	const means = (name: string): boolean => (own ? name === namespace : named.includes(name) || inNamespace.matches(ledger.namespaceLabels(name)));
	return {
		key: canonicalJson([own ? namespace : "", [...named].sort(), term.namespaceSelector, selector]),
		matches: ({ ref, pod }) => matcher.matches(pod.labels) && means(ref.namespace),
	};
}

/** The pods that all of `queries` mean. */
export function allOf(queries: readonly PodQuery[]): PodQuery {
	return { key: `all ${queries.map((query) => query.key).join(" ")}`, matches: (placement) => queries.every((query) => query.matches(placement)) };
}
