/** The evaluator of each collection: its own, or one that counts objects (pkg/quota/v1/install). */
import type { ResourceName } from "../meta/object.ts";
import { quantityOf } from "../quantity/quantity.ts";
import { countName, type QuotaEvaluator } from "./evaluator.ts";
import { persistentVolumeClaimEvaluator } from "./persistent-volume-claim-evaluator.ts";
import { podEvaluator } from "./pod-evaluator.ts";
import { resourceClaimEvaluator } from "./resource-claim-evaluator.ts";
import { serviceEvaluator } from "./service-evaluator.ts";

/** Counted under their plain names too, since before there was count/. */
const COUNTED_BY_NAME: ReadonlySet<ResourceName> = new Set(["configmaps", "resourcequotas", "replicationcontrollers", "secrets"]);
const NOT_COUNTED: ReadonlySet<ResourceName> = new Set(["events"]);

function objectCountEvaluator(resource: ResourceName): QuotaEvaluator {
	const names = [countName(resource), ...(COUNTED_BY_NAME.has(resource) ? [resource] : [])];
	return {
		resource,
		handles: (operation, subresource) => operation === "CREATE" && subresource === "",
		matching: (given) => given.filter((name) => names.includes(name)),
		usage: () => new Map(names.map((name) => [name, quantityOf(1)])),
		matchesScope: () => false,
	};
}

const evaluators = new Map<ResourceName, QuotaEvaluator>(
	([podEvaluator, serviceEvaluator, persistentVolumeClaimEvaluator, resourceClaimEvaluator] as unknown as QuotaEvaluator[]).map((one) => [one.resource, one]),
);

/** Undefined for what no quota counts. */
export function evaluatorOf(resource: ResourceName): QuotaEvaluator | undefined {
	if (NOT_COUNTED.has(resource)) return undefined;
	return evaluators.get(resource) ?? objectCountEvaluator(resource);
}
