/** The descriptions of the built-in types and their fields, one type split when it is asked for. */
import table from "./kubernetes-1.36-docs.json" with { type: "json" };

const texts = table as Record<string, string>;

export interface TypeDocs {
	/** "" when there is none. */
	description: string;
	fields: ReadonlyMap<string, string>;
}

const NONE: TypeDocs = { description: "", fields: new Map() };

/** `name` as the schema has it: "apps/v1.Deployment". */
export function builtinDocs(name: string): TypeDocs {
	const text = Object.hasOwn(texts, name) ? texts[name] : undefined;
	if (text === undefined) return NONE;
	const [description = "", ...lines] = text.split("\n");
	const fields = new Map<string, string>();
	for (const line of lines) {
		const tab = line.indexOf("\t");
		fields.set(line.slice(0, tab), line.slice(tab + 1).replaceAll("\v", "\n"));
	}
	return { description: description.replaceAll("\v", "\n"), fields };
}
