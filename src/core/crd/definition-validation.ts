/** The rules of a CustomResourceDefinition (apiextensions-apiserver pkg/apis/apiextensions/validation). Messages are upstream's. */
import { hasBadBundle, validateBundle } from "./ca-bundle.ts";
import { type FieldError, forbidden, invalid, notSupported, required } from "../errors/field-error.ts";
import { semanticEqual } from "../meta/equality.ts";
import { dns1035Label, dns1123Subdomain, FIELD_IMMUTABLE } from "../meta/name-rules.ts";
import type {
	CustomResourceColumnDefinition,
	CustomResourceConversion,
	CustomResourceDefinition,
	CustomResourceDefinitionNames,
	CustomResourceDefinitionSpec,
	CustomResourceDefinitionVersion,
	CustomResourceSubresourceScale,
	SelectableField,
} from "../schema/kubernetes.d.ts";
import { isEstablished } from "./custom-kinds.ts";
import { type JsonSchema, propertyOf } from "./json-schema.ts";
import { JsonPath } from "./json-path.ts";
import { validateStructure } from "./structure-validation.ts";

const COLUMN_TYPES = ["integer", "number", "string", "boolean", "date"];
const COLUMN_FORMATS = ["int32", "int64", "float", "double", "byte", "date", "date-time", "password"];
const SELECTABLE_FIELDS_MAX = 8;
const SELECTABLE_TYPES = ["boolean", "integer", "string"];
const APPROVAL_ANNOTATION = "api-approved.kubernetes.io";
const KNOWN_REVIEW_VERSIONS = ["v1", "v1beta1"];

const invalids = (path: string, value: unknown, problems: readonly string[]): FieldError[] => problems.map((problem) => invalid(path, value, problem));

function oneOf(path: string, value: string, supported: readonly string[], isRequired: boolean): FieldError[] {
	if (value === "") return isRequired ? [required(path)] : [];
	return supported.includes(value) ? [] : [notSupported(path, value, supported)];
}

function mixedCaseName(path: string, value: string): FieldError[] {
	const problems = dns1035Label(value.toLowerCase());
	return problems.length > 0 ? [invalid(path, value, `may have mixed case, but should otherwise match: ${problems.join(",")}`)] : [];
}

function validateNames(names: CustomResourceDefinitionNames, path: string): FieldError[] {
	const { plural, singular = "", kind, listKind = "", shortNames = [], categories = [] } = names;
	const errors: FieldError[] = [];
	for (const [name, value] of Object.entries({ plural, singular, kind, listKind })) if (!value) errors.push(required(`${path}.${name}`));
	if (plural) errors.push(...invalids(`${path}.plural`, plural, dns1035Label(plural)));
	if (singular) errors.push(...invalids(`${path}.singular`, singular, dns1035Label(singular)));
	if (kind) errors.push(...mixedCaseName(`${path}.kind`, kind));
	if (listKind) errors.push(...mixedCaseName(`${path}.listKind`, listKind));
	for (const [index, name] of shortNames.entries()) errors.push(...invalids(`${path}.shortNames[${index}]`, name, dns1035Label(name)));
	if (kind && kind === listKind) errors.push(invalid(`${path}.listKind`, listKind, "kind and listKind may not be the same"));
	for (const [index, name] of categories.entries()) errors.push(...invalids(`${path}.categories[${index}]`, name, dns1035Label(name)));
	return errors;
}

function validateJsonPath(path: string, text: string): FieldError[] {
	if (text === "") return [invalid(path, text, "must not be empty")];
	if (!text.startsWith(".")) return [invalid(path, text, "must be a simple json path starting with .")];
	return [];
}

function validateColumn(column: CustomResourceColumnDefinition, path: string): FieldError[] {
	const { name, type, format = "", jsonPath } = column;
	const errors: FieldError[] = [];
	if (!name) errors.push(required(`${path}.name`));
	errors.push(...oneOf(`${path}.type`, type ?? "", COLUMN_TYPES, true), ...oneOf(`${path}.format`, format, COLUMN_FORMATS, false));
	if (!jsonPath) return [...errors, required(`${path}.jsonPath`)];
	errors.push(...validateJsonPath(`${path}.jsonPath`, jsonPath));
	if (errors.length === 0 && JsonPath.parse(jsonPath) === undefined) errors.push(invalid(`${path}.jsonPath`, jsonPath, "is not a valid json path"));
	return errors;
}

function validateScalePath(path: string, text: string, roots: readonly string[], where: string): FieldError[] {
	if (text === "") return [required(path)];
	const errors = validateJsonPath(path, text);
	if (errors.length > 0) return errors;
	if (!roots.some((root) => text.startsWith(root))) return [invalid(path, text, `should be a json path under ${where}`)];
	return JsonPath.parse(text)?.isSimple ? [] : [invalid(path, text, "must be a simple json path: member after member")];
}

function validateScale(scale: CustomResourceSubresourceScale, path: string): FieldError[] {
	const { specReplicasPath = "", statusReplicasPath = "", labelSelectorPath = "" } = scale;
	return [
		...validateScalePath(`${path}.specReplicasPath`, specReplicasPath, [".spec."], ".spec"),
		...validateScalePath(`${path}.statusReplicasPath`, statusReplicasPath, [".status."], ".status"),
		...(labelSelectorPath ? validateScalePath(`${path}.labelSelectorPath`, labelSelectorPath, [".spec.", ".status."], "either .spec or .status") : []),
	];
}

function typeAt(schema: JsonSchema, path: JsonPath): string | undefined {
	let at: JsonSchema | undefined = schema;
	for (const name of path.names) at = at && propertyOf(at, name);
	return at?.type;
}

function validateSelectableFields(fields: readonly SelectableField[], schema: JsonSchema, path: string): FieldError[] {
	const errors: FieldError[] = [];
	const seen = new Set<string>();
	for (const [index, { jsonPath = "" }] of fields.entries()) {
		const at = `${path}[${index}].jsonPath`;
		const parsed = JsonPath.parse(jsonPath);
		if (jsonPath === "") errors.push(required(at));
		else if (!parsed?.isSimple) errors.push(invalid(at, jsonPath, "must be a simple json path without arrays"));
		else if (parsed.names[0] === "metadata") errors.push(invalid(at, jsonPath, "must not point to fields in metadata"));
		else if (!SELECTABLE_TYPES.includes(typeAt(schema, parsed) ?? ""))
			errors.push(
				invalid(
					at,
					jsonPath,
					`must point to a field of type ${SELECTABLE_TYPES.join(", ").replace(", string", " or string")}. Enum string fields and strings with formats are allowed.`,
				),
			);
		if (seen.has(jsonPath)) errors.push({ type: "FieldValueDuplicate", field: at, message: `Duplicate value: ${JSON.stringify(jsonPath)}` });
		seen.add(jsonPath);
	}
	if (fields.length > SELECTABLE_FIELDS_MAX)
		errors.push({ type: "FieldValueTooMany", field: path, message: `Too many: ${fields.length}: must have at most ${SELECTABLE_FIELDS_MAX} items` });
	return errors;
}

function validateVersion(version: CustomResourceDefinitionVersion, path: string): FieldError[] {
	const errors = invalids(`${path}.name`, version.name, dns1035Label(version.name ?? ""));
	const { deprecationWarning, schema, subresources, additionalPrinterColumns = [], selectableFields = [] } = version;
	if (deprecationWarning !== undefined) {
		if (!version.deprecated) errors.push(invalid(`${path}.deprecationWarning`, deprecationWarning, "can only be set for deprecated versions"));
		if (deprecationWarning === "") errors.push(invalid(`${path}.deprecationWarning`, "", "cannot be an empty string"));
		if (deprecationWarning.length > 256) errors.push(invalid(`${path}.deprecationWarning`, deprecationWarning, "must be <= 256 characters long"));
	}
	const structure = schema?.openAPIV3Schema;
	if (structure === undefined) errors.push(required(`${path}.schema.openAPIV3Schema`, "schemas are required"));
	else errors.push(...validateStructure(structure as JsonSchema, `${path}.schema.openAPIV3Schema`));
	if (subresources?.scale) errors.push(...validateScale(subresources.scale, `${path}.subresources.scale`));
	for (const [index, column] of additionalPrinterColumns.entries()) errors.push(...validateColumn(column, `${path}.additionalPrinterColumns[${index}]`));
	errors.push(...validateSelectableFields(selectableFields, (structure ?? {}) as JsonSchema, `${path}.selectableFields`));
	return errors;
}

function validateConversion(conversion: CustomResourceConversion | undefined, path: string): FieldError[] {
	if (!conversion) return [];
	const { strategy = "", webhook } = conversion;
	const errors = oneOf(`${path}.strategy`, strategy, ["None", "Webhook"], true);
	if (strategy === "None") return webhook ? [...errors, forbidden(`${path}.webhook`, "should not be set when strategy is not set to Webhook")] : errors;
	if (strategy !== "Webhook") return errors;
	if (!webhook?.clientConfig) return [...errors, required(`${path}.webhookClientConfig`, "required when strategy is set to Webhook")];
	const { url, service } = webhook.clientConfig;
	if ((url === undefined) === (service === undefined)) errors.push(required(`${path}.webhookClientConfig`, "exactly one of url or service is required"));
	const versions = webhook.conversionReviewVersions ?? [];
	if (versions.length === 0) errors.push(required(`${path}.conversionReviewVersions`));
	else if (!versions.some((version) => KNOWN_REVIEW_VERSIONS.includes(version)))
		errors.push(invalid(`${path}.conversionReviewVersions`, versions, `must include at least one of ${KNOWN_REVIEW_VERSIONS.join(", ")}`));
	return errors;
}

function validateGroup(group: string): FieldError[] {
	if (group === "") return [required("spec.group")];
	const problems = dns1123Subdomain(group);
	if (problems.length > 0) return [invalid("spec.group", group, problems.join(","))];
	return group.includes(".") ? [] : [invalid("spec.group", group, "should be a domain with at least one dot")];
}

function validateVersions(versions: readonly CustomResourceDefinitionVersion[]): FieldError[] {
	const errors: FieldError[] = [];
	const names = versions.map(({ name }) => name);
	if (new Set(names).size !== names.length) errors.push(invalid("spec.versions", versions, "must contain unique version names"));
	for (const [index, version] of versions.entries()) errors.push(...validateVersion(version, `spec.versions[${index}]`));
	if (versions.filter(({ storage }) => storage).length !== 1)
		errors.push(invalid("spec.versions", versions, "must have exactly one version marked as storage version"));
	return errors;
}

function validateSpec({ group = "", scope = "", names, versions, conversion, preserveUnknownFields }: CustomResourceDefinitionSpec): FieldError[] {
	const errors = validateGroup(group);
	errors.push(...oneOf("spec.scope", scope, ["Cluster", "Namespaced"], true));
	if (preserveUnknownFields) {
		const why = "cannot set to true, set x-kubernetes-preserve-unknown-fields to true in spec.versions[*].schema instead";
		errors.push(invalid("spec.preserveUnknownFields", true, why));
	}
	errors.push(...validateVersions(versions ?? []), ...validateNames(names, "spec.names"), ...validateConversion(conversion, "spec.conversion"));
	return errors;
}

/** Groups that the Kubernetes project keeps for itself. */
const isProtectedGroup = (group: string): boolean => /(^|\.)(k8s|kubernetes)\.io$/.test(group);

function validateApproval({ metadata, spec }: CustomResourceDefinition): FieldError[] {
	if (!isProtectedGroup(spec.group ?? "")) return [];
	const value = metadata.annotations?.[APPROVAL_ANNOTATION] ?? "";
	const path = `metadata.annotations[${APPROVAL_ANNOTATION}]`;
	const see = "see https://github.com/kubernetes/enhancements/pull/1111";
	if (value === "") return [required(path, `protected groups must have approval annotation ${JSON.stringify(APPROVAL_ANNOTATION)}, ${see}`)];
	if (value.startsWith("unapproved") || URL.canParse(value)) return [];
	const why = `protected groups must have approval annotation ${JSON.stringify(APPROVAL_ANNOTATION)} with either a URL or a reason starting with "unapproved", ${see}`;
	return [invalid(path, value, why)];
}

function validateStoredVersions({ spec, status }: CustomResourceDefinition): FieldError[] {
	const stored = status?.storedVersions ?? [];
	const served = (spec.versions ?? []).map(({ name }) => name);
	return stored.flatMap((name, index) =>
		served.includes(name)
			? []
			: [
					invalid(
						`status.storedVersions[${index}]`,
						name,
						"missing from spec.versions; " +
							`${name} was previously a storage version, and must remain in spec.versions until a storage migration ensures no data remains persisted in ${name} and removes ${name} from status.storedVersions`,
					),
				],
	);
}

export function validateDefinition(definition: CustomResourceDefinition): FieldError[] {
	const { metadata, spec } = definition;
	const wanted = `${spec.names?.plural ?? ""}.${spec.group ?? ""}`;
	const errors = metadata.name === wanted ? [] : [invalid("metadata.name", metadata.name ?? "", 'must be spec.names.plural+"."+spec.group')];
	return [...errors, ...validateSpec(spec), ...validateApproval(definition), ...validateStoredVersions(definition)];
}

/** What may not change: group and plural ever, scope and kind once the names are accepted. */
export function validateDefinitionUpdate(next: CustomResourceDefinition, old: CustomResourceDefinition): FieldError[] {
	const errors: FieldError[] = [];
	const same = (path: string, value: unknown, before: unknown) => {
		if (!semanticEqual(value, before)) errors.push(invalid(path, value, FIELD_IMMUTABLE));
	};
	if (isEstablished(old)) {
		same("spec.scope", next.spec.scope, old.spec.scope);
		same("spec.names.kind", next.spec.names.kind, old.spec.names.kind);
		// One that was wrong before may stay so; a new definition's keeps it from being established.
		if (!hasBadBundle(old)) errors.push(...validateBundle(next));
	}
	same("spec.group", next.spec.group, old.spec.group);
	same("spec.names.plural", next.spec.names.plural, old.spec.names.plural);
	return errors;
}
