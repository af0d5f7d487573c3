import { describe, expect, it } from "vitest";
import { StatusError } from "../errors/status-error.ts";
import { MAX_YAML_ALIASES, MAX_YAML_DEPTH, parseYaml, parseYamlDocuments, yamlText } from "./yaml.ts";

const value = (text: string) => parseYaml(text).value;

describe("parseYaml", () => {
	it("reads YAML 1.1 as go-yaml does", () => {
		expect(value("a: yes\nb: off\nc: 0777\nd: 0x10\ne: 2001-01-01\nf: 1:30\ng: 1.5\nh: ~\n1: x\ntrue: y\ni: 'yes'\n")).toEqual({
			a: true,
			b: false,
			c: 511,
			d: 16,
			e: "2001-01-01",
			f: "1:30",
			g: 1.5,
			h: null,
			1: "x",
			true: true,
			i: "yes",
		});
	});

	it("follows aliases and merge keys", () => {
		expect(value("base: &b {x: 1}\nuse:\n  <<: *b\n  z: 2\nsame: *b\n")).toEqual({ base: { x: 1 }, use: { x: 1, z: 2 }, same: { x: 1 } });
	});

	it("takes the last of two keys and tells", () => {
		expect(parseYaml("a: 1\nm:\n  k: 1\n  k: 2\n")).toEqual({ value: { a: 1, m: { k: 2 } }, duplicates: ['line 4: key "k" already set in map'] });
	});

	it.each([
		["a broken document", "a: [1, 2\nb: {"],
		[
			"a document that grows without end",
			`a: &a [x,x,x,x,x,x,x,x,x,x]\n${"bcdefgh"
				.split("")
				.map((c, i) => `${c}: &${c} [${`*${"abcdefg"[i]},`.repeat(9)}*${"abcdefg"[i]}]`)
				.join("\n")}`,
		],
		["infinity", "a: .inf"],
		["too deep a document", "[".repeat(3000) + "]".repeat(3000)],
	])("answers 400 to %s", (_name, text) => {
		expect(() => parseYaml(text)).toThrow(StatusError);
		expect(() => parseYaml(text)).toThrow(/^error converting YAML to JSON: yaml: /);
	});

	it("takes what is just within the limits", () => {
		const nested = `${"[".repeat(MAX_YAML_DEPTH)}${"]".repeat(MAX_YAML_DEPTH)}`;
		expect(JSON.stringify(value(nested))).toBe(nested);
		const aliases = (count: number) => `a: &a x\nb: [${Array.from({ length: count }, () => "*a").join(", ")}]`;
		expect(value(aliases(MAX_YAML_ALIASES - 1))).toHaveProperty("b");
		expect(() => value(aliases(MAX_YAML_ALIASES + 1))).toThrow(StatusError);
	});

	it("reads the documents of a file, empty ones left out", () => {
		expect(parseYamlDocuments("---\na: 1\n---\n# nothing\n---\nb: 2\n")).toEqual([{ a: 1 }, { b: 2 }]);
	});
});

describe("yamlText", () => {
	it("sorts keys and quotes what YAML 1.1 would take for something else", () => {
		expect(yamlText({ b: ["x", { c: "yes" }], a: "1" })).toBe('a: "1"\nb:\n- x\n- c: "yes"\n');
	});
});
