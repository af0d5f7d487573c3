/** Between the versions of a custom kind whose definition names a conversion webhook: asked within a write, as admission asks. */
import { type Conversion, convertedObjects, conversionQuestion } from "../core/crd/conversion.ts";
import { apiVersionOf, type KindDefinition } from "../core/kinds/define-kind.ts";
import type { KubeObject } from "../core/meta/object.ts";
import type { Attempt } from "./attempt.ts";

function convert(attempt: Attempt, conversion: Conversion, object: KubeObject, desired: string): KubeObject {
	if (object.apiVersion === desired) return object;
	const outcomes = attempt.ask([conversionQuestion(conversion, [object], desired)]);
	return convertedObjects(conversion, [object], desired, outcomes[0] as (typeof outcomes)[0])[0] as KubeObject;
}

/** An object of any version of the kind as one of this. Throws CallsNeeded when the webhook is to be asked first. */
export function inVersion(attempt: Attempt, kind: KindDefinition, object: KubeObject): KubeObject {
	const converted = kind.conversion ? convert(attempt, kind.conversion, object, apiVersionOf(kind)) : object;
	return kind.present ? kind.present(converted) : converted;
}

/** What is stored for the object. One that a controller writes back as it was stored stays in that version. */
export function storageForm(attempt: Attempt, kind: KindDefinition, object: KubeObject): KubeObject {
	const { conversion } = kind;
	return conversion === undefined || object.apiVersion !== apiVersionOf(kind) ? object : convert(attempt, conversion, object, conversion.storage);
}
