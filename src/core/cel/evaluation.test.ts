/** The language and Kubernetes' libraries, expression by expression. */
import { describe, expect, it } from "vitest";
import type { Json } from "../meta/object.ts";
import { Environment } from "./environment.ts";
import { untypedValue } from "./json-value.ts";
import { CostLimitExceeded } from "./planner.ts";
import { DYN } from "./types.ts";
import { CelError, type CelValue } from "./values.ts";

const environment = new Environment({ variables: { self: DYN, other: DYN } });

function evaluate(source: string, self: Json = null): CelValue | CelError {
	const variables: Record<string, CelValue> = { self: untypedValue(self), other: untypedValue({ list: [1, 2], null: null }) };
	return environment.compile(source).evaluate((name) => variables[name]).value;
}

/** Expressions that are true. */
const TRUE: Record<string, readonly string[]> = {
	literals: [
		"1 == 1 && -1 == -1 && 0x1F == 31 && -0x1F == -31 && 12u == 12u",
		"1.5e3 == 1500.0 && .5 == 0.5 && 1e-2 == 0.01",
		`'a' == "a" && '''a'b''' == "a'b" && r'\\n' == '\\\\n' && "\\x41\\u0042\\U00000043\\103" == 'ABCC'`,
		"b'abc' == bytes('abc') && b'\\xff' != bytes('\\xff') && b'\\377' == b'\\xff'",
		"[1, 2,] == [1, 2] && {'a': 1,} == {'a': 1} && null == null",
		"true // a comment\n && true",
	],
	operators: [
		"1 + 2 * 3 == 7 && (1 + 2) * 3 == 9 && 7 / 2 == 3 && -7 / 2 == -3 && -7 % 3 == -1 && 7.0 / 2.0 == 3.5",
		"'a' + 'b' == 'ab' && [1] + [2] == [1, 2] && b'a' + b'b' == b'ab'",
		"1 < 2 && 1 <= 1 && 2u > 1u && 'a' < 'b' && b'a' < b'b' && false < true && 1 < 1.5 && 2u > 1 && dyn(1.0) == 1",
		"1 in [1, 2] && !(3 in [1, 2]) && 'a' in {'a': 1} && dyn(1.0) in [1]",
		"!false && !!true && -(-1) == 1 && --1 == 1",
		"true || 1 / 0 == 1",
		"1 / 0 == 1 || true",
		"!(false && 1 / 0 == 1) && !(1 / 0 == 1 && false)",
		"true ? true : 1 / 0 == 1",
		"dyn(1) != '1' && dyn([1]) != ['1'] && {'a': 1} != {'b': 1} && dyn(1) == 1u && dyn(1u) == 1.0",
	],
	"members and items": [
		"self.a.b == 1 && self['a']['b'] == 1 && has(self.a.b) && !has(self.a.c)",
		"self.list[0] == 'x' && self.list[1u] == 'y' && self.list[1.0] == 'y'",
		"has(self.nothing) && self.nothing == null",
		"{dyn(1): 'a', true: 'b', 'c': 'd'}[1] == 'a' && {1u: 2}[dyn(1)] == 2",
		"self.`with-dash` == 5",
	],
	macros: [
		"[1, 2, 3].all(x, x > 0) && [].all(x, false) && ![1, 2].all(x, x > 1)",
		"[1, 2].exists(x, x == 2) && ![].exists(x, true)",
		"[1, 2, 2].exists_one(x, x == 1) && ![1, 2, 2].exists_one(x, x == 2) && [1].existsOne(x, true)",
		"[1, 2, 3].filter(x, x > 1) == [2, 3] && [1, 2].map(x, x * 2) == [2, 4] && [1, 2, 3].map(x, x > 1, x * 2) == [4, 6]",
		"{'a': 1, 'b': 2}.all(k, k in ['a', 'b']) && {'a': 1}.map(k, k) == ['a'] && {'a': 1, 'b': 2}.filter(k, k > 'a') == ['b']",
		"[1, 2].exists(x, x / 0 == 1 || x == 2)",
		"[[1, 2], [3]].map(l, l.map(x, x + 1)) == [[2, 3], [4]]",
		"[1].map(x, [2].map(y, x + y)) == [[3]]",
	],
	"macros of two variables": [
		"[3, 4].all(i, v, v == i + 3) && {'a': 1}.all(k, v, k == 'a' && v == 1)",
		"[3].exists(i, v, i == 0 && v == 3) && [3, 3].existsOne(i, v, i == 1)",
		"[1, 2].transformList(i, v, i + v) == [1, 3] && [1, 2].transformList(i, v, i > 0, v) == [2] && {'a': 1}.transformList(k, v, k) == ['a']",
		"{'a': 1, 'b': 2}.transformMap(k, v, v + 1) == {'a': 2, 'b': 3} && ['x'].transformMap(i, v, v) == {0: 'x'}",
		"['x', 'y'].transformMapEntry(i, v, i > 0, {v: i}) == {'y': 1}",
	],
	"optional values": [
		"self.?a.?b.orValue(0) == 1 && self.?a.?c.orValue(0) == 0 && self.?x.y.z.orValue('none') == 'none'",
		"self.list[?0].orValue('') == 'x' && self.list[?9].orValue('z') == 'z'",
		"optional.of(1).hasValue() && !optional.none().hasValue() && optional.of(1).value() == 1",
		"optional.none().or(optional.of(2)).value() == 2 && optional.of(1) == optional.of(1) && optional.of(1) != optional.none()",
		"optional.ofNonZeroValue('').orValue('d') == 'd' && optional.ofNonZeroValue(0) == optional.none() && optional.ofNonZeroValue([1]).hasValue()",
		"optional.of(2).optMap(x, x * 2).value() == 4 && !optional.none().optMap(x, x).hasValue()",
		"self.?a.optFlatMap(a, a.?b).orValue(0) == 1",
		"[?optional.none(), 1, ?optional.of(2)] == [1, 2] && {?'a': optional.none(), 'b': 1} == {'b': 1}",
		"optional.none().orValue(1) == 1 && optional.of(1).orValue(1 / 0) == 1",
	],
	conversions: [
		"int('12') == 12 && int(1.9) == 1 && int(-1.9) == -1 && int(3u) == 3 && int(timestamp('1970-01-01T00:00:05Z')) == 5",
		"uint(3) == 3u && double('1.5') == 1.5 && double(2) == 2.0 && string(12) == '12' && string(1.5) == '1.5' && string(true) == 'true'",
		"string(b'abc') == 'abc' && bytes('é') == b'\\xc3\\xa9' && bool('true') && !bool('0')",
		"type(1) == int && type('') == string && type([]) == list && type({}) == map && type(null) == null_type && type(int) == type && type(1) != uint",
		"string(duration('90s')) == '90s' && string(duration('1.5s')) == '1.5s' && string(timestamp('2026-01-02T03:04:05.5Z')) == '2026-01-02T03:04:05.5Z'",
		"dyn(1) == 1",
	],
	"instants and durations": [
		"duration('1h') == duration('60m') && duration('1h30m').getMinutes() == 90 && duration('1.5s').getMilliseconds() == 1500",
		"timestamp('2026-03-01T00:00:00Z') - timestamp('2026-02-28T00:00:00Z') == duration('24h')",
		"timestamp('2026-01-02T23:00:00Z') + duration('2h') == timestamp('2026-01-03T02:00:00+01:00')",
		"timestamp('2026-01-02T03:04:05Z').getFullYear() == 2026 && timestamp('2026-01-02T03:04:05Z').getMonth() == 0",
		"timestamp('2026-01-02T03:04:05Z').getDate() == 2 && timestamp('2026-01-02T03:04:05Z').getDayOfMonth() == 1",
		"timestamp('2026-02-01T00:00:00Z').getDayOfYear() == 31 && timestamp('2026-01-02T03:04:05Z').getDayOfWeek() == 5",
		"timestamp('2026-01-02T03:04:05Z').getHours('+02:00') == 5 && timestamp('2026-07-01T00:00:00Z').getHours('Europe/Paris') == 2",
		"timestamp('2026-01-01T00:00:00Z') < timestamp('2026-01-01T00:00:00.000000001Z')",
	],
	texts: [
		"'abc'.contains('b') && 'abc'.startsWith('a') && 'abc'.endsWith('c') && 'abc'.matches('^a.c$') && matches('abc', 'b') && 'é'.size() == 1 && size('abc') == 3",
		"'tacocat'.charAt(3) == 'o' && 'tacocat'.charAt(7) == '' && '©αT'.charAt(0) == '©'",
		"'hello'.indexOf('l') == 2 && 'hello'.indexOf('l', 3) == 3 && 'hello'.indexOf('z') == -1 && 'hello'.indexOf('') == 0 && 'hello'.lastIndexOf('l') == 3",
		"'hello'.lastIndexOf('l', 2) == 2 && 'tacocat'.substring(4) == 'cat' && 'tacocat'.substring(0, 4) == 'taco'",
		"'hello'.replace('l', 'L') == 'heLLo' && 'hello'.replace('l', 'L', 1) == 'heLlo' && 'ab'.replace('', '_') == '_a_b_' && 'ab'.replace('', '_', 2) == '_a_b'",
		"'a b c'.split(' ') == ['a', 'b', 'c'] && 'a b c'.split(' ', 2) == ['a', 'b c'] && 'a b'.split(' ', 0) == [] && 'ab'.split('') == ['a', 'b']",
		"['a', 'b'].join() == 'ab' && ['a', 'b'].join('-') == 'a-b' && 'TaCo'.lowerAscii() == 'taco' && 'TaCoÆ'.upperAscii() == 'TACOÆ' && '  a\\t'.trim() == 'a'",
		"'%s is %d, %.2f, %x, %b, %o, %e, %%'.format([dyn('a'), 5, 1.239, 255, 5, 8, 1200.0]) == 'a is 5, 1.24, ff, 101, 10, 1.200000e+03, %'",
		"'%s %s %s'.format([dyn([dyn(1), 'a']), {'b': 1, 'a': 2}, duration('5s')]) == '[1, a] {a: 2, b: 1} 5s' && '%X'.format(['hi']) == '6869'",
		`strings.quote('a\\n"') == '"a\\\\n\\\\""'`,
	],
	"regular expressions": [
		"'abc 123'.find('[0-9]+') == '123' && 'abc'.find('[0-9]+') == '' && 'a1b22'.findAll('[0-9]+') == ['1', '22'] && 'a1b22'.findAll('[0-9]+', 1) == ['1']",
		"'aaa'.find('a+?') == 'a' && 'aaa'.find('a+') == 'aaa' && 'foobar'.find('foo|foobar') == 'foo' && 'xay'.findAll('a*') == ['', 'a', '']",
		"'The Cat'.find('(?i)cat') == 'Cat' && 'a\\nb'.findAll('(?m)^.') == ['a', 'b'] && 'héé'.findAll('é') == ['é', 'é'] && 'foo bar'.findAll('\\\\b[a-z]') == ['f', 'b']",
	],
	lists: [
		"[1, 2, 2].isSorted() && !['b', 'a'].isSorted() && [].isSorted() && [1, 2].sum() == 3 && [1.5, 1.5].sum() == 3.0 && [].sum() == 0",
		"[duration('1s'), duration('2s')].sum() == duration('3s') && [2, 1].min() == 1 && ['a', 'b'].max() == 'b'",
		"[1, 2, 1].indexOf(1) == 0 && [1, 2, 1].lastIndexOf(1) == 2 && [1].indexOf(5) == -1",
		"sets.contains([1, 2, 3], [2]) && sets.equivalent([1, 1], [1]) && sets.intersects([1, 2], [2, 3]) && !sets.intersects([1], [2]) && sets.contains([dyn(1.0), 2u], [1, 2])",
	],
	quantities: [
		"quantity('1Gi').isGreaterThan(quantity('1000Mi')) && quantity('500m').isLessThan(quantity('1')) && quantity('1').compareTo(quantity('1000m')) == 0",
		"isQuantity('1.5Gi') && !isQuantity('1.5gb') && quantity('50k').asInteger() == 50000 && quantity('500m').asApproximateFloat() == 0.5",
		"quantity('50k').add(quantity('20k')) == quantity('70k') && quantity('50k').sub(20000) == quantity('30k') && quantity('-5').sign() == -1 && !quantity('5m').isInteger()",
	],
	addresses: [
		"isIP('10.0.0.1') && isIP('::1') && !isIP('10.0.0.01') && !isIP('::ffff:1.2.3.4') && ip('10.0.0.1').family() == 4 && ip('::1').isLoopback()",
		"ip('fe80::1').isLinkLocalUnicast() && ip('0.0.0.0').isUnspecified() && ip('224.0.0.5').isLinkLocalMulticast() && ip('8.8.8.8').isGlobalUnicast()",
		"ip.isCanonical('2001:db8::abcd') && !ip.isCanonical('2001:DB8::ABCD') && string(ip('2001:db8:0:0::1')) == '2001:db8::1' && ip('::1') == ip('0:0::1')",
		"cidr('192.168.0.0/24').containsIP('192.168.0.1') && !cidr('192.168.0.0/24').containsIP(ip('192.168.1.1')) && cidr('10.0.0.0/8').containsCIDR('10.1.0.0/16')",
		"cidr('192.168.0.5/24').masked() == cidr('192.168.0.0/24') && cidr('10.0.0.0/8').prefixLength() == 8 && cidr('10.0.0.0/8').ip() == ip('10.0.0.0')",
		"isCIDR('::1/128') && !isCIDR('10.0.0.0/33') && string(cidr('10.0.0.0/8')) == '10.0.0.0/8'",
	],
	URLs: [
		"isURL('https://user:pass@example.com:80/path?q=1') && isURL('/absolute') && !isURL('relative') && !isURL('../x') && !isURL('https://a:b:c/')",
		"url('https://example.com:80/a b').getHost() == 'example.com:80' && url('https://[::1]:80/').getHostname() == '::1' && url('https://h:8443/').getPort() == '8443'",
		"url('https://h/a b').getEscapedPath() == '/a%20b' && url('https://h/?k=a&k=b&x=1').getQuery()['k'] == ['a', 'b'] && url('/p').getScheme() == ''",
	],
	versions: [
		"semver('1.2.3').major() == 1 && semver('1.2.3').isLessThan(semver('1.10.0')) && semver('1.0.0-alpha').compareTo(semver('1.0.0')) == -1",
		"isSemver('1.0.0') && !isSemver('1.0') && isSemver('v1.0', true) && semver('v01.02', true) == semver('1.2.0') && semver('1.0.0+a') == semver('1.0.0+b')",
	],
	"named formats": [
		"!format.dns1123Label().validate('my-name').hasValue() && format.dns1123Label().validate('My').value().size() == 1",
		"format.named('labelValue').value().validate('ok') == optional.none() && !format.named('none').hasValue() && !format.uuid().validate('123e4567-e89b-12d3-a456-426614174000').hasValue()",
		"!format.dns1035LabelPrefix().validate('my-').hasValue() && format.uri().validate('not a uri').hasValue()",
	],
};

const SELF = { a: { b: 1 }, list: ["x", "y"], nothing: null, "with-dash": 5 };

describe.each(Object.entries(TRUE))("%s", (_, sources) => {
	it.each(sources)("%s", (source) => {
		expect(evaluate(source, SELF)).toBe(true);
	});
});

describe("what fails", () => {
	it.each([
		["1 / 0", "division by zero"],
		["1 % 0", "modulus by zero"],
		["9223372036854775807 + 1", "integer overflow"],
		["0u - 1u", "unsigned integer overflow"],
		["self.c", "no such key: c"],
		["self.a.b.c", "no such key: c"],
		["self['c']", "no such key: c"],
		["self.list[2]", "index out of bounds: 2"],
		["self.a + 1", "no such overload"],
		["self.a.startsWith('x')", "no such overload: startsWith(map, string)"],
		["int('x')", "type conversion error from 'string' to 'int'"],
		["{'a': 1, 'a': 2}", "Failed with repeated key: a"],
		["optional.none().value()", "optional.none() dereference"],
		["[1].map(x, x / 0)", "division by zero"],
		["[].min()", "min called on empty list"],
		["'abc'.matches('(' + '')", "error parsing regexp: missing closing ): `(`"],
		["quantity('x')", "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"],
		["'%d'.format(['a'])", "decimal clause can only be used on integers, was given string"],
	])("%s: %s", (source, message) => {
		expect(evaluate(source, SELF)).toEqual(new CelError(message));
	});
});

describe("what is no expression", () => {
	it.each([
		[
			"self.a ==",
			"ERROR: <input>:1:10: Syntax error: mismatched input '<EOF>' expecting {'[', '{', '(', '.', '-', '!', 'true', 'false', 'null', NUM_FLOAT, NUM_INT, NUM_UINT, STRING, BYTES, IDENTIFIER}\n | self.a ==\n | .........^",
		],
		["1 2", "ERROR: <input>:1:3: Syntax error: extraneous input '2' expecting <EOF>\n | 1 2\n | ..^"],
		["has(self)", "ERROR: <input>:1:5: invalid argument to has() macro\n | has(self)\n | ....^"],
		["[1].all(x.y, true)", "ERROR: <input>:1:10: argument must be a simple name\n | [1].all(x.y, true)\n | .........^"],
		["if", "ERROR: <input>:1:1: reserved identifier: if\n | if\n | ^"],
	])("%s", (source, message) => {
		expect(() => environment.compile(source)).toThrow(message);
	});

	it("has a limit to its depth", () => {
		expect(() => environment.compile("(".repeat(300) + "1" + ")".repeat(300))).toThrow("expression recursion limit exceeded: 250");
	});
});

describe("an evaluation", () => {
	const run = (source: string, costMax?: number) => environment.compile(source).evaluate(() => untypedValue(["a", "b", "c"]), costMax);

	it.each([
		["self", 1],
		["self[0] == 'a'", 3],
		["self.all(x, x == 'a')", 14],
		["[1, 2].map(x, x)", 10 + 10 + 2 * 13 + 1],
		["'aaaaaaaaaaaaaaaaaaaaa'.contains('bbbbbbbbbbb')", 6],
		["quantity('100Mi') == quantity('1')", 3],
	])("%s costs %d", (source, cost) => {
		expect(run(source).cost).toBe(cost);
	});

	it("ends when it has cost too much", () => {
		expect(() => run("self.all(x, self.all(y, self.all(z, true)))", 20)).toThrow(CostLimitExceeded);
	});
});
