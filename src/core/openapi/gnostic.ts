/**
 * The swagger document as gnostic's protobuf (openapi.v2.Document), which client-go asks /openapi/v2 for. Only what our
 * documents hold is mapped.
 */
import { encodeMessage, type Message, type MessageField, type MessageType, type ScalarKind } from "../codec/message.ts";
import type { Json, JsonObject } from "../meta/object.ts";

const field = (number: number, name: string, type: ScalarKind | (() => MessageType), repeated = false): MessageField => ({
	number,
	name,
	type: typeof type === "string" ? type : { message: type },
	...(repeated ? { repeated } : {}),
});
const type = (name: string, ...fields: MessageField[]): MessageType => ({ name, fields });

/** (name, value) pairs in order: how gnostic writes maps. */
const named = (name: string, value: () => MessageType): MessageType => type(name, field(1, "name", "string"), field(2, "value", value));

const ANY = type("Any", field(2, "yaml", "string"));
const NAMED_ANY = named("NamedAny", () => ANY);
const extension = (number: number): MessageField => field(number, "extensions", () => NAMED_ANY, true);

const SCHEMA: MessageType = type(
	"Schema",
	field(1, "$ref", "string"),
	field(2, "format", "string"),
	field(4, "description", "string"),
	field(16, "uniqueItems", "bool"),
	field(19, "required", "string", true),
	field(21, "additionalProperties", () => ADDITIONAL),
	field(22, "type", () => TYPE_ITEM),
	field(23, "items", () => ITEMS),
	field(25, "properties", () => PROPERTIES),
	extension(31),
);
const ADDITIONAL = type(
	"AdditionalPropertiesItem",
	field(1, "schema", () => SCHEMA),
);
const TYPE_ITEM = type("TypeItem", field(1, "value", "string", true));
const ITEMS = type(
	"ItemsItem",
	field(1, "schema", () => SCHEMA, true),
);
const NAMED_SCHEMA = named("NamedSchema", () => SCHEMA);
const PROPERTIES = type(
	"Properties",
	field(1, "entries", () => NAMED_SCHEMA, true),
);

const BODY_PARAMETER = type(
	"BodyParameter",
	field(2, "name", "string"),
	field(3, "in", "string"),
	field(4, "required", "bool"),
	field(5, "schema", () => SCHEMA),
);
const QUERY_PARAMETER = type(
	"QueryParameterSubSchema",
	field(1, "required", "bool"),
	field(2, "in", "string"),
	field(3, "description", "string"),
	field(4, "name", "string"),
	field(6, "type", "string"),
	field(20, "uniqueItems", "bool"),
);
const PATH_PARAMETER = type(
	"PathParameterSubSchema",
	field(1, "required", "bool"),
	field(2, "in", "string"),
	field(3, "description", "string"),
	field(4, "name", "string"),
	field(5, "type", "string"),
	field(19, "uniqueItems", "bool"),
);
const NON_BODY = type(
	"NonBodyParameter",
	field(3, "query", () => QUERY_PARAMETER),
	field(4, "path", () => PATH_PARAMETER),
);
const PARAMETER = type(
	"Parameter",
	field(1, "body", () => BODY_PARAMETER),
	field(2, "nonBody", () => NON_BODY),
);
const PARAMETERS_ITEM = type(
	"ParametersItem",
	field(1, "parameter", () => PARAMETER),
);

const SCHEMA_ITEM = type(
	"SchemaItem",
	field(1, "schema", () => SCHEMA),
);
const RESPONSE = type(
	"Response",
	field(1, "description", "string"),
	field(2, "schema", () => SCHEMA_ITEM),
);
const RESPONSE_VALUE = type(
	"ResponseValue",
	field(1, "response", () => RESPONSE),
);
const NAMED_RESPONSE = named("NamedResponseValue", () => RESPONSE_VALUE);
const RESPONSES = type(
	"Responses",
	field(1, "entries", () => NAMED_RESPONSE, true),
);

const OPERATION = type(
	"Operation",
	field(1, "tags", "string", true),
	field(3, "description", "string"),
	field(5, "operationId", "string"),
	field(6, "produces", "string", true),
	field(7, "consumes", "string", true),
	field(8, "parameters", () => PARAMETERS_ITEM, true),
	field(9, "responses", () => RESPONSES),
	field(10, "schemes", "string", true),
	extension(13),
);
const METHODS: Readonly<Record<string, number>> = { get: 2, put: 3, post: 4, delete: 5, patch: 8 };
const PATH_ITEM = type(
	"PathItem",
	...Object.entries(METHODS).map(([name, number]) => field(number, name, () => OPERATION)),
	field(9, "parameters", () => PARAMETERS_ITEM, true),
);
const NAMED_PATH = named("NamedPathItem", () => PATH_ITEM);
const PATHS = type(
	"Paths",
	field(2, "entries", () => NAMED_PATH, true),
);

const API_KEY = type("ApiKeySecurity", field(1, "type", "string"), field(2, "name", "string"), field(3, "in", "string"), field(4, "description", "string"));
const SECURITY_ITEM = type(
	"SecurityDefinitionsItem",
	field(2, "apiKey", () => API_KEY),
);
const NAMED_SECURITY = named("NamedSecurityDefinitionsItem", () => SECURITY_ITEM);
const STRING_ARRAY = type("StringArray", field(1, "value", "string", true));
const NAMED_STRINGS = named("NamedStringArray", () => STRING_ARRAY);

const DOCUMENT = type(
	"Document",
	field(1, "swagger", "string"),
	field(2, "info", () => type("Info", field(1, "title", "string"), field(2, "version", "string"))),
	field(8, "paths", () => PATHS),
	field(9, "definitions", () => PROPERTIES),
	field(
		12,
		"security",
		() =>
			type(
				"SecurityRequirement",
				field(1, "entries", () => NAMED_STRINGS, true),
			),
		true,
	),
	field(13, "securityDefinitions", () =>
		type(
			"SecurityDefinitions",
			field(1, "entries", () => NAMED_SECURITY, true),
		),
	),
);

const pairs = (object: Json | undefined, convert: (value: JsonObject) => unknown): Message[] =>
	Object.entries((object ?? {}) as JsonObject).map(([name, value]) => ({ name, value: convert(value as JsonObject) }));

/** Extensions hold YAML, and JSON is YAML. */
function extensionsOf(object: JsonObject): Message[] {
	const found = Object.entries(object).filter(([name]) => name.startsWith("x-"));
	return found.map(([name, value]) => ({ name, value: { yaml: JSON.stringify(value) } }));
}

function schemaMessage(schema: JsonObject): Message {
	const { type: schemaType, properties, items, additionalProperties, ...rest } = schema;
	return {
		...rest,
		...(schemaType === undefined ? {} : { type: { value: [schemaType] } }),
		...(items === undefined ? {} : { items: { schema: [schemaMessage(items as JsonObject)] } }),
		...(additionalProperties === undefined ? {} : { additionalProperties: { schema: schemaMessage(additionalProperties as JsonObject) } }),
		...(properties === undefined ? {} : { properties: { entries: pairs(properties, schemaMessage) } }),
		extensions: extensionsOf(schema),
	};
}

function parameterMessage(parameter: JsonObject): Message {
	if (parameter.in === "body") return { parameter: { body: { ...parameter, schema: schemaMessage(parameter.schema as JsonObject) } } };
	return { parameter: { nonBody: { [parameter.in as string]: parameter } } };
}

const parameterMessages = (list: Json | undefined): Message[] => ((list ?? []) as JsonObject[]).map(parameterMessage);

function responseMessage(response: JsonObject): Message {
	const { description, schema } = response;
	return { response: { description, ...(schema === undefined ? {} : { schema: { schema: schemaMessage(schema as JsonObject) } }) } };
}

function operationMessage(operation: JsonObject): Message {
	const { parameters, responses, ...rest } = operation;
	return { ...rest, parameters: parameterMessages(parameters), responses: { entries: pairs(responses, responseMessage) }, extensions: extensionsOf(operation) };
}

function pathMessage(path: JsonObject): Message {
	const operations = Object.keys(METHODS).filter((name) => path[name] !== undefined);
	return {
		...Object.fromEntries(operations.map((name) => [name, operationMessage(path[name] as JsonObject)])),
		parameters: parameterMessages(path.parameters),
	};
}

/** The bytes of a document that documents.ts built. */
export function openApiV2Message(document: JsonObject): Uint8Array {
	return encodeMessage(DOCUMENT, {
		swagger: document.swagger,
		info: document.info,
		paths: { entries: pairs(document.paths, pathMessage) },
		definitions: { entries: pairs(document.definitions, schemaMessage) },
		security: (document.security as JsonObject[]).map((entry) => ({ entries: pairs(entry, (value) => ({ value })) })),
		securityDefinitions: { entries: pairs(document.securityDefinitions, (value) => ({ apiKey: value })) },
	});
}
