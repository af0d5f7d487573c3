/** The JSON paths of columns, scales and selectable fields: the part of k8s.io/client-go/util/jsonpath that they are written in. */
import { jsonEqual } from "../meta/equality.ts";
import { isJsonObject, type Json, type JsonObject } from "../meta/object.ts";
import { setOwn } from "./json-schema.ts";

type Step =
	| { type: "member"; name: string }
	| { type: "index"; index: number }
	| { type: "slice"; from: number | undefined; to: number | undefined }
	| { type: "all" }
	| { type: "filter"; path: JsonPath; operator: Operator | undefined; operand: Json | JsonPath };
type Operator = "==" | "!=" | "<" | ">" | "<=" | ">=";

export class JsonPath {
	readonly #steps: readonly Step[];

	private constructor(steps: readonly Step[]) {
		this.#steps = steps;
	}

	/** Undefined when the text is no path that this understands. */
	static parse(text: string): JsonPath | undefined {
		const steps: Step[] = [];
		for (let rest = text; rest !== ""; ) {
			const taken = takeStep(rest);
			if (taken === undefined) return undefined;
			if (taken.step !== undefined) steps.push(taken.step);
			rest = taken.rest;
		}
		return new JsonPath(steps);
	}

	/** Whether it names one member after another and nothing else. */
	get isSimple(): boolean {
		return this.#steps.every((step) => step.type === "member");
	}

	/** The members that a simple path names. */
	get names(): string[] {
		return this.#steps.flatMap((step) => (step.type === "member" ? [step.name] : []));
	}

	/** Everything the path finds. */
	find(value: Json): Json[] {
		let found: Json[] = [value];
		for (const step of this.#steps) found = found.flatMap((item) => taken(item, step));
		return found;
	}

	/** Writes where a simple path points; makes the objects on the way. */
	set(object: JsonObject, value: Json): void {
		const names = this.names;
		let parent = object;
		for (const name of names.slice(0, -1)) {
			if (!isJsonObject(Object.hasOwn(parent, name) ? parent[name] : undefined)) setOwn(parent, name, {});
			parent = parent[name] as JsonObject;
		}
		setOwn(parent, names.at(-1) ?? "", value);
	}
}

const MEMBER = /^\.((?:[^.[\]\\]|\\.)+)/;
const QUOTED = /^\[(?:'((?:[^'\\]|\\.)*)'|"((?:[^"\\]|\\.)*)")\]/;
const NUMBERED = /^\[(-?\d+)?(:(-?\d+)?)?\]/;
const FILTER = /^\[\?\(\s*(@[^=!<>)]*?)\s*(?:(==|!=|<=|>=|<|>)\s*(.+?)\s*)?\)\]/;

const unescaped = (text: string): string => text.replace(/\\(.)/g, "$1");

function takeStep(text: string): { step: Step | undefined; rest: string } | undefined {
	if (text === ".") return { step: undefined, rest: "" };
	const all = /^(\.\*|\[\*\])/.exec(text);
	if (all) return { step: { type: "all" }, rest: text.slice(all[0].length) };
	const member = MEMBER.exec(text);
	if (member) return { step: { type: "member", name: unescaped(member[1] as string) }, rest: text.slice(member[0].length) };
	const quoted = QUOTED.exec(text);
	if (quoted) return { step: { type: "member", name: unescaped(quoted[1] ?? quoted[2] ?? "") }, rest: text.slice(quoted[0].length) };
	const numbered = NUMBERED.exec(text);
	if (numbered && numbered[0] !== "[]") return { step: numberedStep(numbered), rest: text.slice(numbered[0].length) };
	const filter = FILTER.exec(text);
	const step = filter ? filterStep(filter) : undefined;
	return filter && step ? { step, rest: text.slice(filter[0].length) } : undefined;
}

function numberedStep([, first, isSlice, second]: RegExpExecArray): Step {
	const numberOf = (text: string | undefined) => (text === undefined ? undefined : Number(text));
	if (isSlice === undefined) return { type: "index", index: Number(first) };
	return { type: "slice", from: numberOf(first), to: numberOf(second) };
}

function filterStep([, left = "", operator, right = ""]: RegExpExecArray): Step | undefined {
	const path = JsonPath.parse(left.slice(1));
	const operand = operator === undefined ? null : operandOf(right);
	return path === undefined || operand === undefined ? undefined : { type: "filter", path, operator: operator as Operator | undefined, operand };
}

function operandOf(text: string): Json | JsonPath | undefined {
	if (text.startsWith("@")) return JsonPath.parse(text.slice(1));
	const single = /^'((?:[^'\\]|\\.)*)'$/.exec(text);
	if (single) return unescaped(single[1] as string);
	try {
		return JSON.parse(text) as Json;
	} catch {
		return undefined;
	}
}

function taken(value: Json, step: Step): Json[] {
	switch (step.type) {
		case "member":
			return isJsonObject(value) && Object.hasOwn(value, step.name) ? [value[step.name] as Json] : [];
		case "index": {
			const item = Array.isArray(value) ? value.at(step.index) : undefined;
			return item === undefined ? [] : [item];
		}
		case "slice":
			return Array.isArray(value) ? value.slice(step.from, step.to) : [];
		case "all":
			return Array.isArray(value) ? value : isJsonObject(value) ? Object.values(value) : [];
		case "filter":
			return (Array.isArray(value) ? value : isJsonObject(value) ? Object.values(value) : []).filter((item) => passes(item, step));
	}
}

function passes(item: Json, { path, operator, operand }: Extract<Step, { type: "filter" }>): boolean {
	const left = path.find(item)[0];
	if (operator === undefined) return left !== undefined;
	const right = operand instanceof JsonPath ? operand.find(item)[0] : operand;
	if (left === undefined || right === undefined) return false;
	if (operator === "==") return jsonEqual(left, right);
	if (operator === "!=") return !jsonEqual(left, right);
	if (typeof left !== typeof right || (typeof left !== "number" && typeof left !== "string")) return false;
	const order = left < (right as typeof left) ? -1 : left > (right as typeof left) ? 1 : 0;
	return operator === "<" ? order < 0 : operator === ">" ? order > 0 : operator === "<=" ? order <= 0 : order >= 0;
}
