/** The objects of valid-objects.yaml with their kinds, of which one is a custom kind. */
import { parse } from "yaml";
import { customKinds } from "../../src/core/crd/custom-kinds.ts";
import { apiVersionOf } from "../../src/core/kinds/define-kind.ts";
import { LayeredRegistry } from "../../src/core/kinds/layered-registry.ts";
import { builtinKinds } from "../../src/core/kinds/registry.ts";
import type { JsonObject } from "../../src/core/meta/object.ts";
import type { CustomResourceDefinition } from "../../src/core/schema/kubernetes.d.ts";
import type { Subject } from "./hostile-requests.ts";

const ESTABLISHED = { conditions: [{ type: "Established", status: "True" }] };

/** The built-in kinds and, once the objects are read, theirs. */
export const kinds = new LayeredRegistry(builtinKinds);

const isGears = (object: JsonObject): boolean => (object["metadata"] as JsonObject)["name"] === "gears.example.com";

function subjectOf(object: JsonObject): Subject {
	const kind = kinds.all().find((one) => apiVersionOf(one) === object["apiVersion"] && one.kind === object["kind"] && one.computed === undefined);
	if (kind === undefined) throw new Error(`no kind ${object["apiVersion"]} ${object["kind"]}`);
	return { kind, object };
}

/** `text` is that of valid-objects.yaml. */
export function subjectsOf(text: string): Subject[] {
	const objects = parse(text, { merge: true }) as JsonObject[];
	kinds.setCustom(objects.filter(isGears).flatMap((object) => customKinds({ ...object, status: ESTABLISHED } as unknown as CustomResourceDefinition)));
	return objects.map(subjectOf);
}

/** The definition of the custom kind. */
export const gearsOf = (subjects: readonly Subject[]): JsonObject => subjects.find(({ object }) => isGears(object))?.object ?? {};
