/** Which requests the constraints of policies and bindings match (admission/plugin/policy/matching). */
import type { KindDefinition } from "../../kinds/define-kind.ts";
import type { MatchResources, NamedRuleWithOperations } from "../../schema/kubernetes.d.ts";
import { type LabelSelector, labelSelectorOf } from "../../selector/label-selector.ts";
import type { AdmissionRequest, AdmissionView } from "../plugin.ts";
import { attributesOf, selects } from "../webhooks/webhook-matching.ts";
import { type RuleAttributes, ruleMatches } from "../webhooks/webhook-set.ts";

const named = (rule: NamedRuleWithOperations, { name }: AdmissionRequest): boolean => !rule.resourceNames?.length || rule.resourceNames.includes(name);

export class ResourceMatcher {
	readonly #rules: readonly NamedRuleWithOperations[];
	readonly #excluded: readonly NamedRuleWithOperations[];
	readonly #isExact: boolean;
	readonly #selectors: { namespaceSelector: LabelSelector; objectSelector: LabelSelector };

	constructor(resources: MatchResources) {
		this.#rules = resources.resourceRules ?? [];
		this.#excluded = resources.excludeResourceRules ?? [];
		this.#isExact = resources.matchPolicy === "Exact";
		this.#selectors = {
			namespaceSelector: labelSelectorOf(resources.namespaceSelector ?? {}),
			objectSelector: labelSelectorOf(resources.objectSelector ?? {}),
		};
	}

	/** Whether a rule may match what the write is to any of these versions of its resource; without rules all may. */
	mayMatch(versions: readonly RuleAttributes[]): boolean {
		return this.#rules.length === 0 || this.#rules.some((rule) => versions.some((attributes) => ruleMatches(rule, attributes)));
	}

	/** The version of the resource that is matched; undefined where the request is not. */
	version(request: AdmissionRequest, versions: readonly KindDefinition[], view: AdmissionView): KindDefinition | undefined {
		if (!selects(this.#selectors, request, view) || this.#first(this.#excluded, request, versions)) return undefined;
		return this.#rules.length === 0 ? request.kind : this.#first(this.#rules, request, versions);
	}

	/** The request's own version before equivalent ones. */
	#first(rules: readonly NamedRuleWithOperations[], request: AdmissionRequest, versions: readonly KindDefinition[]): KindDefinition | undefined {
		const matches = (rule: NamedRuleWithOperations, kind: KindDefinition): boolean => ruleMatches(rule, attributesOf(request, kind)) && named(rule, request);
		if (rules.some((rule) => matches(rule, request.kind))) return request.kind;
		if (this.#isExact) return undefined;
		for (const rule of rules) {
			const other = versions.find((kind) => matches(rule, kind));
			if (other !== undefined) return other;
		}
		return undefined;
	}
}
