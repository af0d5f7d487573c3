import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { StatusError } from "../errors/status-error.ts";
import type { Json } from "../meta/object.ts";
import { builtinSchema } from "./builtin-schema.ts";
import { decodeObject, duplicateFields, MAX_DECODE_DEPTH, MAX_JSON_DEPTH, MAX_STRICT_ERRORS, strictErrors } from "./decode.ts";
import type { FieldInfo, Schema } from "./types.ts";

const decode = (type: string, value: Json, defaults = true) => decodeObject(builtinSchema, type, value, { defaults });
const deployment = (spec: Json): Json => ({ apiVersion: "apps/v1", kind: "Deployment", metadata: { name: "web" }, spec });
const pod = (container: Json): Json => ({ metadata: { name: "p" }, spec: { containers: [container] } });

function messageOf(type: string, value: Json): string {
	try {
		decode(type, value);
	} catch (error) {
		if (error instanceof StatusError && error.code === 400) return error.message;
		throw error;
	}
	return "no error";
}

describe("decodeObject", () => {
	it("prints what Go always prints and drops what Go drops", () => {
		const { object } = decode(
			"apps/v1.Deployment",
			deployment({ replicas: null, paused: false, selector: { matchLabels: {} }, template: { spec: { containers: null } } }),
		);
		expect(object).toEqual({
			kind: "Deployment",
			apiVersion: "apps/v1",
			metadata: { name: "web" },
			spec: { selector: {}, template: { metadata: {}, spec: { containers: null } }, strategy: {} },
			status: {},
		});
		expect(Object.keys(object)).toEqual(["kind", "apiVersion", "metadata", "spec", "status"]);
	});

	it("prints a nil pointer without omitempty as null and keeps an empty list of a required field", () => {
		expect(decode("apps/v1.DeploymentSpec", { template: { spec: { containers: [] } } }).object).toMatchObject({
			selector: null,
			template: { spec: { containers: [] } },
		});
	});

	it("keeps zero under a pointer and drops it under a plain omitempty field", () => {
		expect(decode("apps/v1.DeploymentSpec", { replicas: 0, minReadySeconds: 0 }).object).toMatchObject({ replicas: 0 });
		expect(decode("apps/v1.DeploymentSpec", { minReadySeconds: 0 }).object).not.toHaveProperty("minReadySeconds");
	});

	it("gives scalars their canonical form", () => {
		const { object } = decode("core/v1.Pod", {
			metadata: { creationTimestamp: "2024-02-29T12:30:00.75+02:00", deletionTimestamp: null },
			spec: { containers: [{ name: "c", resources: { requests: { cpu: "1000m", memory: "1024Mi" }, limits: { cpu: 2 } }, ports: [{ containerPort: 80 }] }] },
		});
		expect(object).toMatchObject({
			metadata: { creationTimestamp: "2024-02-29T10:30:00Z" },
			spec: { containers: [{ resources: { requests: { cpu: "1", memory: "1Gi" }, limits: { cpu: "2" } }, ports: [{ containerPort: 80, protocol: "TCP" }] }] },
		});
		expect(decode("core/v1.Secret", { data: { b: "YR\n==", a: null } }).object).toEqual({ metadata: {}, data: { a: "", b: "YQ==" } });
		expect(decode("coordination/v1.Lease", { spec: { renewTime: "2024-01-01T00:00:00.123456+01:00" } }).object).toMatchObject({
			spec: { renewTime: "2023-12-31T23:00:00.123456Z" },
		});
	});

	it("leaves the defaults out when asked to", () => {
		const ports = (defaults: boolean) => decode("core/v1.Pod", pod({ name: "c", ports: [{ containerPort: 1 }] }), defaults).object;
		expect(JSON.stringify(ports(false))).not.toContain("TCP");
		expect(JSON.stringify(ports(true))).toContain('"protocol":"TCP"');
	});

	it.each<[string, Json, string]>([
		["a text for replicas", deployment({ replicas: "3" }), "json: cannot unmarshal string into Go struct field DeploymentSpec.spec.replicas of type int32"],
		["a fraction", deployment({ replicas: 1.5 }), "json: cannot unmarshal number 1.5 into Go struct field DeploymentSpec.spec.replicas of type int32"],
		[
			"too large a number",
			deployment({ replicas: 2 ** 31 }),
			"json: cannot unmarshal number 2147483648 into Go struct field DeploymentSpec.spec.replicas of type int32",
		],
		[
			"an object for a list",
			deployment({ template: { spec: { containers: {} } } }),
			"json: cannot unmarshal object into Go struct field PodSpec.spec.template.spec.containers of type []v1.Container",
		],
		["a text for a struct", deployment("x"), "json: cannot unmarshal string into Go struct field Deployment.spec of type v1.DeploymentSpec"],
		[
			"a number for env",
			deployment({ template: { spec: { containers: [{ env: [{ name: "A", value: 1 }] }] } } }),
			"json: cannot unmarshal number into Go struct field EnvVar.spec.template.spec.containers.env.value of type string",
		],
		[
			"a number for a label",
			{ metadata: { labels: { a: 1 } } },
			"json: cannot unmarshal number into Go struct field ObjectMeta.metadata.labels of type string",
		],
		["a list for the object", [], "json: cannot unmarshal array into Go value of type v1.Deployment"],
		[
			"a named type",
			deployment({ template: { spec: { containers: [{ ports: [{ protocol: 6 }] }] } } }),
			"json: cannot unmarshal number into Go struct field ContainerPort.spec.template.spec.containers.ports.protocol of type v1.Protocol",
		],
		[
			"a time that is none",
			{ metadata: { creationTimestamp: "yesterday" } },
			'parsing time "yesterday" as "2006-01-02T15:04:05Z07:00": cannot parse "yesterday" as "2006"',
		],
		["a month too many", { metadata: { creationTimestamp: "2024-13-01T00:00:00Z" } }, 'parsing time "2024-13-01T00:00:00Z": month out of range'],
		["true for intOrString", deployment({ strategy: { rollingUpdate: { maxSurge: true } } }), "json: cannot unmarshal bool into Go value of type int32"],
	])("refuses %s in upstream's words", (_name, value, why) => {
		expect(messageOf("apps/v1.Deployment", value)).toBe(`Deployment in version "v1" cannot be handled as a Deployment: ${why}`);
	});

	it("refuses a quantity and base64 as upstream does", () => {
		expect(messageOf("core/v1.Pod", pod({ resources: { limits: { cpu: "lots" } } }))).toBe(
			"Pod in version \"v1\" cannot be handled as a Pod: quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'",
		);
		expect(messageOf("core/v1.Secret", { data: { a: "a*b=" } })).toContain("illegal base64 data at input byte 1");
		expect(messageOf("core/v1.Secret", { data: { a: "YWI" } })).toContain("illegal base64 data at input byte 0");
		expect(messageOf("core/v1.Secret", { data: { a: 5 } })).toContain("json: cannot unmarshal number into Go struct field Secret.data of type []uint8");
	});

	it("drops and lists unknown fields, with case and indices minded", () => {
		const { object, unknownFields } = decode("core/v1.Pod", {
			Kind: "x",
			constructor: 1,
			spec: { containers: [{ name: "a" }, { name: "b", Image: "x", nope: { deep: 1 } }] },
		});
		expect(unknownFields).toEqual([
			'unknown field "Kind"',
			'unknown field "constructor"',
			'unknown field "spec.containers[1].Image"',
			'unknown field "spec.containers[1].nope"',
		]);
		expect(object).toMatchObject({ spec: { containers: [{ name: "a" }, { name: "b" }] } });
		expect(JSON.stringify(object)).not.toContain("nope");
	});

	it("keeps a label named __proto__ a label", () => {
		const { object } = decode("core/v1.ConfigMap", JSON.parse('{"data": {"__proto__": "x"}}'));
		expect(JSON.stringify(object)).toBe('{"metadata":{},"data":{"__proto__":"x"}}');
	});
});

/** The text of lists in lists. */
const nestedText = (depth: number): string => "[".repeat(depth) + "]".repeat(depth);

describe("decodeObject's limits", () => {
	const child: FieldInfo = { name: "child", type: { kind: "struct", name: "test/v1.Node" }, required: false, pointer: true };
	const recursive: Schema = { struct: (name) => ({ name, fields: new Map([["child", child]]) }) };
	const chain = (depth: number): Json => JSON.parse(`${'{"child":'.repeat(depth - 1)}{}${"}".repeat(depth - 1)}`) as Json;

	it("stops at the depth of structs and of untyped parts", () => {
		expect(decodeObject(recursive, "test/v1.Node", chain(MAX_DECODE_DEPTH)).object).toEqual(chain(MAX_DECODE_DEPTH));
		expect(() => decodeObject(recursive, "test/v1.Node", chain(MAX_DECODE_DEPTH + 1))).toThrow("exceeded max depth");
		const revision = (depth: number): Json => ({ data: JSON.parse(nestedText(depth)) as Json, revision: 1 });
		expect(decode("apps/v1.ControllerRevision", revision(MAX_JSON_DEPTH)).unknownFields).toEqual([]);
		expect(messageOf("apps/v1.ControllerRevision", revision(MAX_JSON_DEPTH + 1))).toContain("exceeded max depth");
	});

	it("lists no more strict errors than upstream", () => {
		const many = Object.fromEntries(Array.from({ length: MAX_STRICT_ERRORS + 1 }, (_, i) => [`f${i}`, 1]));
		expect(decode("core/v1.Pod", many).unknownFields).toHaveLength(MAX_STRICT_ERRORS);
		expect(duplicateFields(`{${Array.from({ length: MAX_STRICT_ERRORS + 1 }, (_, i) => `"f${i}":1,"f${i}":2`).join(",")}}`)).toHaveLength(MAX_STRICT_ERRORS);
	});

	it("gives an object or 400 for any JSON, and its own result back unchanged", () => {
		const keys = fc.constantFrom("metadata", "spec", "containers", "name", "labels", "resources", "limits", "ports", "x", "volumes", "emptyDir");
		const { json } = fc.letrec((tie) => ({
			json: fc.oneof(
				{ maxDepth: 6 },
				fc.constantFrom<Json>("", "a", 0, 1, 1.5, true, false, null),
				fc.array(tie("json"), { maxLength: 3 }),
				fc.dictionary(keys, tie("json"), { maxKeys: 4 }),
			),
		}));
		const check = (value: unknown) => {
			try {
				const { object } = decode("core/v1.Pod", value as Json);
				expect(decode("core/v1.Pod", object)).toEqual({ object, unknownFields: [] });
			} catch (error) {
				if (!(error instanceof StatusError)) throw error;
				expect(error.code).toBe(400);
			}
		};
		fc.assert(fc.property(json, check), { numRuns: 500 });
	});
});

describe("duplicateFields", () => {
	it("refuses a text that is nested too deep", () => {
		expect(duplicateFields(nestedText(MAX_JSON_DEPTH))).toEqual([]);
		expect(() => duplicateFields(nestedText(MAX_JSON_DEPTH + 1))).toThrow(StatusError);
	});

	it("finds what is given twice, with its path, past strings that look like JSON", () => {
		const text = String.raw`{"a": "{\"x\":1,\"x\":2}", "spec": {"x": 1, "list": [{"k": 1}, {"k": 1, "\u006b": 2}], "x": 2}, "a": "\\"}`;
		expect(duplicateFields(text)).toEqual(['duplicate field "spec.list[1].k"', 'duplicate field "spec.x"', 'duplicate field "a"']);
		expect(duplicateFields('[{"a":1},{"a":1}]')).toEqual([]);
	});

	it("finds it in a wide object too", () => {
		const keys = Array.from({ length: 50 }, (_, i) => `"k${i}":${i}`);
		expect(duplicateFields(`{${[...keys, '"k33":0'].join(",")}}`)).toEqual(['duplicate field "k33"']);
	});

	it("speaks as upstream's strict decoder", () => {
		expect(strictErrors(['unknown field "spec.foo"'], ['duplicate field "x"'])).toBe('strict decoding error: unknown field "spec.foo", duplicate field "x"');
		expect(strictErrors([], [])).toBeUndefined();
	});
});
