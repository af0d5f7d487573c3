/** The admission webhooks of a cluster in the order they are called, and which of them a write concerns by its rules. */
import { type LabelSelector, labelSelectorOf } from "../../selector/label-selector.ts";
import type {
	MutatingWebhook,
	MutatingWebhookConfiguration,
	RuleWithOperations,
	ValidatingWebhook,
	ValidatingWebhookConfiguration,
} from "../../schema/kubernetes.d.ts";
import type { KubeObject } from "../../meta/object.ts";
import type { CallTarget } from "../outside-call.ts";

/** Where a Service listens when its reference says nothing. */
const SERVICE_PORT = 443;

export type AnyWebhook = MutatingWebhook & ValidatingWebhook;
type Configuration = MutatingWebhookConfiguration | ValidatingWebhookConfiguration;

/** A webhook of a configuration, ready to be matched. */
export interface Webhook {
	/** Names it among all: configuration and place. */
	id: string;
	configuration: string;
	/** Its place among all in the order they are called, from 0. */
	index: number;
	hook: AnyWebhook;
	namespaceSelector: LabelSelector;
	objectSelector: LabelSelector;
	target: CallTarget;
}

export const MUTATING_CONFIGURATIONS = "admissionregistration.k8s.io/mutatingwebhookconfigurations";
export const VALIDATING_CONFIGURATIONS = "admissionregistration.k8s.io/validatingwebhookconfigurations";

/** What rules speak of. */
export interface RuleAttributes {
	group: string;
	version: string;
	resource: string;
	subresource: string;
	operation: string;
	/** A Namespace object counts as outside of every namespace. */
	isNamespaced: boolean;
}

/** Whether one of "*", or the value itself, is listed. */
const lists = (values: readonly string[] | undefined, value: string): boolean => values?.some((each) => each === "*" || each === value) ?? false;

function listsResource(resources: readonly string[] | undefined, resource: string, subresource: string): boolean {
	return (
		resources?.some((each) => {
			const slash = each.indexOf("/");
			const [name, sub] = slash < 0 ? [each, ""] : [each.slice(0, slash), each.slice(slash + 1)];
			return (name === "*" || name === resource) && (sub === "*" || sub === subresource);
		}) ?? false
	);
}

/** rules.Matcher. */
export function ruleMatches(rule: RuleWithOperations, { group, version, resource, subresource, operation, isNamespaced }: RuleAttributes): boolean {
	const { scope = "*" } = rule;
	return (
		(scope === "*" || (scope === "Namespaced") === isNamespaced) &&
		lists(rule.operations, operation) &&
		lists(rule.apiGroups, group) &&
		lists(rule.apiVersions, version) &&
		listsResource(rule.resources, resource, subresource)
	);
}

export function targetOf({ url, service, caBundle }: AnyWebhook["clientConfig"]): CallTarget {
	const ca = caBundle ? { caBundle } : {};
	if (!service) return { url: url ?? "", ...ca };
	return { service: { namespace: service.namespace, name: service.name, port: service.port ?? SERVICE_PORT, path: service.path ?? "" }, ...ca };
}

function webhooksOf(configuration: Configuration): Omit<Webhook, "index">[] {
	const name = configuration.metadata.name ?? "";
	return (configuration.webhooks ?? []).map((hook, index) => ({
		id: `${name}/${hook.name}/${index}`,
		configuration: name,
		hook: hook as AnyWebhook,
		namespaceSelector: labelSelectorOf(hook.namespaceSelector ?? {}),
		objectSelector: labelSelectorOf(hook.objectSelector ?? {}),
		target: targetOf(hook.clientConfig),
	}));
}

const byName = (a: KubeObject, b: KubeObject): number => ((a.metadata.name ?? "") < (b.metadata.name ?? "") ? -1 : 1);

/** Which rule may match is worked out once for each resource, subresource and operation: most writes concern no webhook. */
export class WebhookSet {
	readonly #webhooks: readonly Webhook[];
	readonly #candidates = new Map<string, readonly Webhook[]>();

	constructor(configurations: readonly Configuration[]) {
		this.#webhooks = [...configurations]
			.sort(byName)
			.flatMap(webhooksOf)
			.map((webhook, index) => ({ ...webhook, index }));
	}

	get isEmpty(): boolean {
		return this.#webhooks.length === 0;
	}

	/** Those with a rule for what the write is to any of these versions of its resource. */
	candidates(versions: readonly RuleAttributes[]): readonly Webhook[] {
		const key = versions.map(({ group, version, resource, subresource, operation }) => [group, version, resource, subresource, operation].join("/")).join(" ");
		const known = this.#candidates.get(key);
		if (known !== undefined) return known;
		const found = this.#webhooks.filter(({ hook }) => hook.rules?.some((rule) => versions.some((attributes) => ruleMatches(rule, attributes))));
		this.#candidates.set(key, found);
		return found;
	}
}

export interface WebhookSets {
	mutating: WebhookSet;
	validating: WebhookSet;
}

/** Builds the sets again only when the configurations' version is another. */
export function webhookSource(
	version: () => unknown,
	mutating: () => readonly MutatingWebhookConfiguration[],
	validating: () => readonly ValidatingWebhookConfiguration[],
): () => WebhookSets {
	let known: { version: unknown; sets: WebhookSets } | undefined;
	return () => {
		const present = version();
		if (known === undefined || known.version !== present)
			known = { version: present, sets: { mutating: new WebhookSet(mutating()), validating: new WebhookSet(validating()) } };
		return known.sets;
	};
}
