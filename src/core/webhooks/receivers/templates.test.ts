import { describe, expect, it } from "vitest";
import { matchesPattern } from "./pattern.ts";
import { compileCondition, compileProblem, compileTemplate, ExpressionFailed, Expressions } from "./templates.ts";

const event = { id: "1", type: "push", image: { repository: "ghcr.io/octo/app", tag: "main", digest: "" } };
const expressions = () => new Expressions(event, { ref: "refs/heads/main", list: [1, 2], deep: { a: "}" } }, { "x-event": "push" });

describe("a text with expressions", () => {
	it("is a text, or what its only expression is", () => {
		const { value } = { value: (text: string) => expressions().value(text) };
		expect(value("plain")).toBe("plain");
		expect(value("${payload.list}")).toEqual([1, 2]);
		expect(value("a-${event.image.tag}-${payload.list[1]}")).toBe("a-main-2");
		expect(value("${payload.list} of them")).toBe("[1,2] of them");
		expect(value("${{'a': '}'}.a + payload.deep.a}")).toBe("}}");
		expect(value("$${not} ${headers['x-event']}")).toBe("${not} push");
		expect(value("${event.image.reference}")).toBe("ghcr.io/octo/app:main");
	});

	it("says what is wrong with it", () => {
		expect(compileProblem(() => compileTemplate("${event."))).toBe("a ${ is not closed");
		expect(compileProblem(() => compileTemplate("${evnt.id}"))).toContain("undeclared reference to 'evnt'");
		expect(compileProblem(() => compileCondition("'text'"))).toBe("must evaluate to bool but got string");
		expect(() => expressions().value("${payload.missing}")).toThrow(ExpressionFailed);
		expect(() => expressions().holds("event.pullRequest.number == 1")).toThrow(ExpressionFailed);
	});

	it("may cost so much and no more", () => {
		const long = new Expressions(event, { list: Array.from({ length: 2_000 }, (_, i) => i) }, {});
		expect(() => long.holds("payload.list.all(a, payload.list.all(b, a + b >= 0))")).toThrow(ExpressionFailed);
	});
});

it("a pattern's stars stand for any text", () => {
	const cases: [string, string, boolean][] = [
		["main", "main", true],
		["main", "mainline", false],
		["v*", "v1.2", true],
		["*", "", true],
		["*/app", "ghcr.io/octo/app", true],
		["a*a", "a", false],
		["a*b*c", "axxbyyc", true],
		["a*b*c", "axxc", false],
	];
	for (const [pattern, text, matches] of cases) expect(matchesPattern(pattern, text), `${pattern} ${text}`).toBe(matches);
});
