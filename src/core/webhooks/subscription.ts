/** A webhook subscription, made ready: which changes it is for. */
import { type KindDefinition, type KindRegistry, resourceOf } from "../kinds/define-kind.ts";
import { CONCURRENCY, EVENTS_GROUP, RETRY_SECONDS } from "../kinds/webhook-subscription-validation.ts";
import type { Json, KubeObject, ResourceName } from "../meta/object.ts";
import type { WebhookSubscription, WebhookSubscriptionRule, WebhookSubscriptionSpec } from "../schema/kubernetes.d.ts";
import { type FieldRequirement, fieldRequirements } from "../selector/field-selector.ts";
import { type LabelSelector, labelSelectorOf } from "../selector/label-selector.ts";
import type { Program } from "../cel/environment.ts";
import type { DeliveryLimits } from "./delivery-queue.ts";
import { type Change, compileSubscriptionCondition, evaluateSubscriptionCondition } from "./subscription-condition.ts";

/** Their changes are never delivered: a delivery's own status would be the next delivery. */
const NEVER_DELIVERED: ReadonlySet<ResourceName> = new Set([`${EVENTS_GROUP}/webhooksubscriptions`, `${EVENTS_GROUP}/clusterwebhooksubscriptions`]);
const MS_PER_SECOND = 1_000;

/** What selectors are held against: name, labels and fields of one state of an object. */
export interface SelectedState {
	labels: Record<string, string>;
	fields: Record<string, string>;
}

/** A change of an object, with what decides whether anybody wants to hear of it. */
export interface ObservedChange {
	change: Change;
	name: string;
	namespace: string;
	/** Of the object's Namespace; undefined for what is in none. */
	namespaceLabels: Record<string, string> | undefined;
	/** Null when it was created. */
	before: SelectedState | null;
	/** Null when it was deleted. */
	after: SelectedState | null;
	/** The state after the change, or the last one of what was deleted. */
	object(): KubeObject;
	/** The state before; undefined when there was none, or it is not known any more. */
	oldObject(): KubeObject | undefined;
}

/** A collection that a subscription names: the kind that its objects are shown as, and which changes of it. */
export interface Selection {
	kind: KindDefinition;
	changes: ReadonlySet<string>;
}

const names = (list: readonly string[] | undefined, value: string): boolean => list?.some((each) => each === "*" || each === value) ?? false;

function ruleNames(rule: WebhookSubscriptionRule, kind: KindDefinition): boolean {
	return (
		names(rule.apiGroups, kind.group) && names(rule.apiVersions ?? ["*"], kind.version) && (names(rule.resources, kind.plural) || names(rule.kinds, kind.kind))
	);
}

export class Subscription {
	readonly source: WebhookSubscription;
	readonly uid: string;
	readonly name: string;
	/** "" for the cluster's. */
	readonly namespace: string;
	readonly generation: number;
	readonly spec: WebhookSubscriptionSpec;
	readonly #objectSelector: LabelSelector;
	readonly #namespaceSelector: LabelSelector;
	readonly #fields: readonly FieldRequirement[];
	readonly #condition: Program | undefined;
	readonly #selections = new Map<ResourceName, Selection | undefined>();
	readonly #kinds: KindRegistry;

	constructor(source: WebhookSubscription, kinds: KindRegistry) {
		this.source = source;
		this.uid = source.metadata.uid ?? "";
		this.name = source.metadata.name ?? "";
		this.namespace = source.metadata.namespace ?? "";
		this.generation = source.metadata.generation ?? 0;
		this.spec = source.spec;
		this.#kinds = kinds;
		this.#objectSelector = labelSelectorOf(source.spec.objectSelector ?? {});
		this.#namespaceSelector = labelSelectorOf(source.spec.namespaceSelector ?? {});
		this.#fields = fieldRequirements(source.spec.fieldSelector ?? "");
		const compiled = source.spec.condition ? compileSubscriptionCondition(source.spec.condition) : undefined;
		this.#condition = compiled && "program" in compiled ? compiled.program : undefined;
	}

	get limits(): DeliveryLimits {
		const { concurrency = CONCURRENCY, ratePerSecond, retrySeconds = RETRY_SECONDS } = this.spec.delivery ?? {};
		return { concurrency, ratePerSecond: ratePerSecond ?? undefined, retryMs: retrySeconds * MS_PER_SECOND };
	}

	/** Whether the state before a change is needed for more than selectors. */
	get wantsOld(): boolean {
		return ["ObjectAndOldObject", "JSONPatch"].includes(this.spec.payload?.data ?? "") || (this.spec.condition ?? "").includes("oldObject");
	}

	/** Undefined when no rule names the collection. */
	selection(resource: ResourceName): Selection | undefined {
		if (!this.#selections.has(resource)) this.#selections.set(resource, this.#select(resource));
		return this.#selections.get(resource);
	}

	#select(resource: ResourceName): Selection | undefined {
		if (NEVER_DELIVERED.has(resource)) return undefined;
		const versions = this.#kinds.all().filter((kind) => resourceOf(kind) === resource);
		const preferred = this.#kinds.byStoreName(resource);
		const changes = new Set<string>();
		let shown: KindDefinition | undefined;
		for (const rule of this.spec.rules) {
			const named = [...(preferred ? [preferred] : []), ...versions].find((kind) => ruleNames(rule, kind));
			if (named === undefined) continue;
			shown ??= named;
			for (const change of rule.changes ?? ["*"]) changes.add(change);
		}
		return shown && { kind: shown, changes };
	}

	/** Whether the change is to be delivered; an object says why that cannot be known. */
	wants(selection: Selection, observed: ObservedChange): boolean | { problem: string } {
		const { change, namespaceLabels, before, after } = observed;
		if (!selection.changes.has("*") && !selection.changes.has(change)) return false;
		if (namespaceLabels !== undefined && !this.#namespaceSelector.matches(namespaceLabels)) return false;
		if (![before, after].some((state) => state !== null && this.#selects(state, observed))) return false;
		if (this.#condition === undefined) return true;
		const shown = (object: KubeObject | undefined): Json => (object === undefined ? null : ((selection.kind.present?.(object) ?? object) as unknown as Json));
		const object = shown(observed.object());
		return evaluateSubscriptionCondition(this.#condition, {
			change,
			object: change === "Deleted" ? null : object,
			oldObject: change === "Deleted" ? object : shown(observed.oldObject()),
		});
	}

	#selects({ labels, fields }: SelectedState, { name, namespace }: ObservedChange): boolean {
		if (!this.#objectSelector.matches(labels)) return false;
		return this.#fields.every(({ path, operator, value }) => {
			const held = path === "metadata.name" ? name : path === "metadata.namespace" ? namespace : fields[path];
			return held !== undefined && (held === value) === (operator === "=");
		});
	}
}
