/** The kinds that a CustomResourceDefinition makes: one a served version, as if they were built in. */
import { type FieldError, invalid } from "../errors/field-error.ts";
import { ALL_VERBS, apiVersionOf, type KindDefinition, type ScaleSubresource, type Subresources } from "../kinds/define-kind.ts";
import { bumpGeneration, keepStatus } from "../kinds/strategy.ts";
import { semanticEqual } from "../meta/equality.ts";
import type { Json, JsonObject, KubeObject } from "../meta/object.ts";
import type { CustomResourceDefinition, CustomResourceDefinitionVersion, CustomResourceSubresourceScale } from "../schema/kubernetes.d.ts";
import { decodeObject } from "../schema/decode.ts";
import { type Conversion, conversionOf } from "./conversion.ts";
import { brokenRules, compileRules, type RuleTree } from "./rules.ts";
import { customColumns } from "./custom-columns.ts";
import { customSchema, headSchema } from "./custom-schema.ts";
import { applyDefaults } from "./defaulting.ts";
import { type JsonSchema, OBJECT_HEAD, schemaOfVersion } from "./json-schema.ts";
import { JsonPath } from "./json-path.ts";
import { checkInvariants } from "./object-invariants.ts";
import { pruned } from "./pruning.ts";
import { checkValue, NO_PATH } from "./value-validation.ts";

type CustomObject = KubeObject & { status?: unknown };

/** Errors that keep rules from being evaluated: the object is not what the rules take it for. */
const BLOCKING: ReadonlySet<FieldError["type"]> = new Set([
	"FieldValueRequired",
	"FieldValueTypeInvalid",
	"FieldValueDuplicate",
	"FieldValueTooLong",
	"FieldValueTooMany",
	"FieldValueNotSupported",
]);
const RULES_NOT_CHECKED = "some validation rules were not checked because the object was invalid; correct the existing errors to complete validation";

const asJson = (object: KubeObject): JsonObject => object as unknown as JsonObject;

/** What the hooks of one version share. The rules are compiled when they are first needed. */
class CustomVersion {
	readonly schema: JsonSchema;
	readonly apiVersion: string;
	readonly typeName: string;
	readonly hasStatus: boolean;
	readonly conversion: Conversion | undefined;
	readonly #definition: CustomResourceDefinition;
	readonly #version: CustomResourceDefinitionVersion;
	readonly #head: ReturnType<typeof headSchema>;
	#rules: { tree: RuleTree | undefined } | undefined;

	constructor(definition: CustomResourceDefinition, version: CustomResourceDefinitionVersion) {
		const { group, names } = definition.spec;
		this.#definition = definition;
		this.#version = version;
		this.schema = schemaOfVersion(version);
		this.apiVersion = apiVersionOf({ group, version: version.name });
		this.typeName = `${this.apiVersion}.${names.kind}`;
		this.hasStatus = version.subresources?.status !== undefined;
		this.conversion = conversionOf(definition);
		this.#head = headSchema(this.typeName);
	}

	decode(value: JsonObject): { object: JsonObject; unknownFields: string[] } {
		const { kind } = this.#definition.spec.names;
		const head = Object.fromEntries(Object.entries(value).filter(([name]) => OBJECT_HEAD.has(name)));
		const decoded = decodeObject(this.#head, this.typeName, head, { kind, version: this.#version.name, defaults: false });
		const unknown: string[] = [];
		const object = { ...(this.#body(value, unknown) as JsonObject), ...decoded.object };
		return { object: inOrder(object), unknownFields: [...decoded.unknownFields, ...unknown.map((path) => `unknown field ${JSON.stringify(path)}`)] };
	}

	/** All but the head: what the schema specifies, with its defaults. */
	#body(value: JsonObject, unknown: string[]): Json {
		const rest = Object.fromEntries(Object.entries(value).filter(([name]) => !OBJECT_HEAD.has(name)));
		const body = pruned(rest, this.schema, unknown);
		applyDefaults(body, this.schema);
		return body;
	}

	present(stored: CustomObject): CustomObject {
		if (!this.isOwn(stored)) return stored;
		const { kind } = this.#definition.spec.names;
		const { metadata } = stored;
		const object = { ...(this.#body(asJson(stored), []) as JsonObject), apiVersion: this.apiVersion, kind, metadata: metadata as unknown as Json };
		return inOrder(object) as unknown as CustomObject;
	}

	/** Whether the object has this version's shape: another's is what only the conversion webhook can change. */
	isOwn({ apiVersion }: CustomObject): boolean {
		return this.conversion === undefined || apiVersion === this.apiVersion;
	}

	defaults(object: CustomObject): void {
		if (this.isOwn(object)) applyDefaults(asJson(object), this.schema);
	}

	validate(object: CustomObject, old?: CustomObject): FieldError[] {
		if (!this.isOwn(object)) return [];
		const errors: FieldError[] = [];
		const body = withoutHead(object);
		checkValue(body, this.#bodySchema(), "", errors, old && withoutHead(old));
		this.#checkReplicas(object, errors);
		checkInvariants(body, this.schema, errors);
		this.#rules ??= { tree: compileRules(this.schema) };
		const { tree } = this.#rules;
		if (tree === undefined) return errors;
		if (errors.some(({ type }) => BLOCKING.has(type))) return [...errors, invalid(NO_PATH, null, RULES_NOT_CHECKED)];
		return [...errors, ...brokenRules(tree, asJson(object), old && asJson(old))];
	}

	/** The head is checked by others, so a schema that requires metadata asks for nothing. */
	#bodySchema(): JsonSchema {
		const required = this.schema.required?.filter((name) => !OBJECT_HEAD.has(name));
		return required && required.length !== this.schema.required?.length ? { ...this.schema, required } : this.schema;
	}

	#checkReplicas(object: CustomObject, errors: FieldError[]): void {
		const path = this.#version.subresources?.scale?.specReplicasPath;
		const replicas = path === undefined ? undefined : JsonPath.parse(path)?.find(asJson(object))[0];
		if (path !== undefined && typeof replicas === "number" && replicas < 0) errors.push(invalid(path.slice(1), replicas, "should be a non-negative integer"));
	}

	prepareCreate(object: CustomObject): void {
		object.metadata.generation = 1;
		if (this.hasStatus) delete object.status;
	}

	prepareUpdate(next: CustomObject, old: CustomObject): void {
		if (this.hasStatus) keepStatus(next, old);
		const comparable = ({ metadata: _, status, ...rest }: CustomObject) => (this.hasStatus ? rest : { ...rest, status });
		bumpGeneration(next, old, !semanticEqual(comparable(next), comparable(old)));
	}
}

function withoutHead(object: CustomObject): JsonObject {
	const { apiVersion: _, kind: __, metadata: ___, ...rest } = asJson(object);
	return rest;
}

function inOrder({ apiVersion, kind, metadata, ...rest }: JsonObject): JsonObject {
	return { ...(apiVersion === undefined ? {} : { apiVersion }), ...(kind === undefined ? {} : { kind }), metadata: metadata ?? {}, ...rest };
}

/** A write of the status leaves all else as it was, metadata but managedFields included. */
function keepAllButStatus(next: CustomObject, old: CustomObject): void {
	const { managedFields, resourceVersion } = next.metadata;
	const { status } = next;
	for (const name of Object.keys(next)) delete asJson(next)[name];
	Object.assign(next, structuredClone(old));
	next.metadata.resourceVersion = resourceVersion;
	if (managedFields === undefined) delete next.metadata.managedFields;
	else next.metadata.managedFields = managedFields;
	if (status === undefined) delete next.status;
	else next.status = status;
}

function scaleSubresource({ specReplicasPath, statusReplicasPath, labelSelectorPath }: CustomResourceSubresourceScale): ScaleSubresource<CustomObject> {
	const [spec, status, selector] = [specReplicasPath, statusReplicasPath, labelSelectorPath ?? ""].map((path) =>
		path === "" ? undefined : JsonPath.parse(path),
	);
	const numberAt = (path: JsonPath | undefined, object: CustomObject): number => {
		const value = path?.find(asJson(object))[0];
		return typeof value === "number" ? value : 0;
	};
	return {
		specReplicas: (object) => numberAt(spec, object),
		setSpecReplicas: (object, replicas) => spec?.set(asJson(object), replicas),
		statusReplicas: (object) => numberAt(status, object),
		selector(object) {
			const value = selector?.find(asJson(object))[0];
			return typeof value === "string" ? value : "";
		},
	};
}

function subresourcesOf(version: CustomVersion, { subresources }: CustomResourceDefinitionVersion): Subresources<CustomObject> {
	return {
		...(version.hasStatus ? { status: { prepareUpdate: keepAllButStatus, validateUpdate: (next, old) => version.validate(next, old) } } : {}),
		...(subresources?.scale ? { scale: scaleSubresource(subresources.scale) } : {}),
	};
}

/** A field's value as field selectors compare it. */
function fieldText(value: Json | undefined): string {
	return value === undefined || value === null || typeof value === "object" ? "" : String(value);
}

function selectableFieldsOf(version: CustomResourceDefinitionVersion): Record<string, (object: CustomObject) => string> {
	return Object.fromEntries(
		(version.selectableFields ?? []).map(({ jsonPath }) => {
			const path = JsonPath.parse(jsonPath);
			return [jsonPath.slice(1), (object: CustomObject) => fieldText(path?.find(asJson(object))[0])];
		}),
	);
}

/** As upstream's warning of a request for a deprecated version. */
function deprecationWarnings({ group, names }: CustomResourceDefinition["spec"], version: CustomResourceDefinitionVersion): string[] {
	return version.deprecated ? [version.deprecationWarning ?? `${group}/${version.name} ${names.kind} is deprecated`] : [];
}

/** What a version's names are: the accepted ones. */
function namesOf({ spec, status }: CustomResourceDefinition) {
	const { singular = "", listKind, shortNames, categories } = status?.acceptedNames?.plural ? status.acceptedNames : spec.names;
	return { singular, ...(listKind ? { listKind } : {}), ...(shortNames ? { shortNames } : {}), ...(categories ? { categories } : {}) };
}

/** Objects written under one version and generation look as they are stored. */
const mayDiffer = ({ metadata, spec }: CustomResourceDefinition): boolean => (metadata.generation ?? 0) > 1 || spec.versions.length > 1;

function customKind(definition: CustomResourceDefinition, served: CustomResourceDefinitionVersion): KindDefinition<CustomObject> {
	const { spec, metadata } = definition;
	const version = new CustomVersion(definition, served);
	const warnings = deprecationWarnings(spec, served);
	return {
		group: spec.group,
		version: served.name,
		kind: spec.names.kind,
		plural: spec.names.plural,
		...namesOf(definition),
		scope: spec.scope === "Cluster" ? "Cluster" : "Namespaced",
		// What is going away takes no new objects.
		verbs: metadata.deletionTimestamp === undefined ? ALL_VERBS : ALL_VERBS.filter((verb) => verb !== "create"),
		subresources: subresourcesOf(version, served),
		schema: version.typeName,
		types: customSchema(version.typeName, version.schema),
		strategicMerge: false,
		openApi: { schema: version.schema as JsonObject, revision: `${metadata.uid} ${metadata.generation}` },
		decode: (value) => version.decode(value),
		...(mayDiffer(definition) || version.conversion ? { present: (stored: KubeObject) => version.present(stored) } : {}),
		...(version.conversion ? { conversion: version.conversion } : {}),
		defaults: (object) => version.defaults(object),
		prepareCreate: (object) => version.prepareCreate(object),
		prepareUpdate: (next, old) => version.prepareUpdate(next, old),
		validate: (object, old) => version.validate(object, old),
		...(warnings.length > 0 ? { warnings: () => warnings } : {}),
		columns: customColumns(served.additionalPrinterColumns),
		selectableFields: selectableFieldsOf(served),
	};
}

export const isEstablished = ({ status }: CustomResourceDefinition): boolean =>
	status?.conditions?.some(({ type, status: state }) => type === "Established" && state === "True") ?? false;

/** The kinds of a definition that is established, the storage version first; none of one that is not. */
export function customKinds(definition: CustomResourceDefinition): KindDefinition[] {
	if (!isEstablished(definition)) return [];
	const served = definition.spec.versions.filter((version) => version.served);
	return served.sort((a, b) => Number(b.storage) - Number(a.storage)).map((version) => customKind(definition, version) as unknown as KindDefinition);
}
