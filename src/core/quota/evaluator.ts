/** What ResourceQuota counts of one collection's objects (k8s.io/apiserver/pkg/quota/v1 Evaluator). */
import type { AdmissionOperation } from "../admission/plugin.ts";
import type { KubeObject, ResourceName } from "../meta/object.ts";
import type { ScopedResourceSelectorRequirement } from "../schema/kubernetes.d.ts";
import type { Quantities } from "../admission/pod-resources.ts";

export interface QuotaEvaluator<T extends KubeObject = KubeObject> {
	resource: ResourceName;
	/** Whether a request may change what is used. */
	handles(operation: AdmissionOperation, subresource: string): boolean;
	/** Of a quota's resources those that this collection's objects use. */
	matching(names: readonly string[]): string[];
	usage(object: T, nowMs: number): Quantities;
	matchesScope(scope: ScopedResourceSelectorRequirement, object: T): boolean;
	/** What an object must say before these resources can be counted; undefined when it says it. */
	problem?(required: readonly string[], object: T): string | undefined;
	/** An update may use less than before. */
	shrinks?: boolean;
}

/** `count/deployments.apps` */
export function countName(resource: ResourceName): string {
	const [group = "", plural] = resource.includes("/") ? resource.split("/") : ["", resource];
	return group === "" ? `count/${plural}` : `count/${plural}.${group}`;
}
