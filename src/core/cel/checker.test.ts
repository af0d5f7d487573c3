import { describe, expect, it } from "vitest";
import { Environment } from "./environment.ts";
import { BOOL, DYN, INT, listOf, mapOf, objectType, STRING, typeText } from "./types.ts";

const SPEC = objectType("Spec", { replicas: INT, names: listOf(STRING), labels: mapOf(STRING, STRING), on: BOOL });
const environment = new Environment({ variables: { self: objectType("Self", { spec: SPEC }), any: DYN, "any.thing": INT } });

describe("the type of", () => {
	it.each([
		["self.spec.replicas + 1", "int"],
		["self.spec.names", "list(string)"],
		["self.spec.names.map(n, n.size())", "list(int)"],
		["self.spec.names.filter(n, n != '')", "list(string)"],
		["self.spec.labels['a']", "string"],
		["self.spec.labels.a", "string"],
		["self.?spec.?replicas", "optional_type(int)"],
		["self.?spec.replicas.orValue(1)", "int"],
		["self.spec.names[?0]", "optional_type(string)"],
		["optional.none()", "optional_type(dyn)"],
		["[]", "list(dyn)"],
		["[1, any]", "list(dyn)"],
		["{'a': [1]}", "map(string, list(int))"],
		["any.foo.bar", "dyn"],
		["any.thing", "int"],
		["any == 1 ? 'a' : 'b'", "string"],
		["any + any", "dyn"],
		["duration('1s') + timestamp('2026-01-01T00:00:00Z')", "google.protobuf.Timestamp"],
		["quantity('1').add(2)", "kubernetes.Quantity"],
		["type(1)", "type(int)"],
		["[1, 2].sum()", "int"],
		["any.sum()", "dyn"],
		["self.spec.names.transformMap(i, n, n)", "map(int, string)"],
		["null", "null_type"],
	])("%s is %s", (source, type) => {
		expect(typeText(environment.compile(source).checked.type)).toBe(type);
	});
});

describe("what does not fit", () => {
	it.each([
		["self.spec.nme", "1:10: undefined field 'nme'\n | self.spec.nme\n | .........^"],
		["has(self.spec.nme)", "1:4: undefined field 'nme'"],
		["self.?spec.?nme", "1:11: undefined field 'nme'"],
		["nothing == 1", "1:1: undeclared reference to 'nothing' (in container '')"],
		["nothing(1)", "1:8: undeclared reference to 'nothing' (in container '')"],
		["self.spec.replicas == 'a'", "1:20: found no matching overload for '_==_' applied to '(int, string)'"],
		["self.spec.names.startsWith('a')", "1:27: found no matching overload for 'startsWith' applied to 'list(string).(string)'"],
		["self.spec.replicas.foo", "1:19: type 'int' does not support field selection"],
		["self.spec.replicas.all(x, true)", "1:10: expression of type 'int' cannot be range of a comprehension (must be list, map, or dynamic)"],
		["[1, 'a']", "1:5: expected type 'int' but found 'string'"],
		["1 + 1 ? 2 : 3", "1:7: found no matching overload for '_?_:_' applied to '(int, int, int)'"],
		["self.spec.names.all(n, n)", "1:20: found no matching overload for '_&&_' applied to '(bool, string)'"],
		["duration('x')", "1:10: invalid duration argument"],
		["'a'.matches('(')", "1:13: invalid matches argument"],
		[
			"self.spec == 1 && nothing",
			"1:11: found no matching overload for '_==_' applied to '(Spec, int)'\n | self.spec == 1 && nothing\n | ..........^\nERROR: <input>:1:19: undeclared",
		],
	])("%s: %s", (source, message) => {
		expect(() => environment.compile(source)).toThrow(`ERROR: <input>:${message}`);
	});
});
