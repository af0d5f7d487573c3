/** Prometheus' text format. */

export interface Sample {
	labels: Record<string, string>;
	value: number;
	/** Absent for one that is of the moment it is read. */
	atMs?: number;
}

/** A label's value may hold anything. */
const escaped = (text: string): string => text.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n");

/** The lines of one metric; none without samples. */
export function family(name: string, type: "counter" | "gauge", help: string, samples: readonly Sample[]): string[] {
	if (samples.length === 0) return [];
	const line = ({ labels, value, atMs }: Sample): string => {
		const pairs = Object.entries(labels).map(([key, text]) => `${key}="${escaped(text)}"`);
		return `${name}${pairs.length > 0 ? `{${pairs.join(",")}}` : ""} ${value}${atMs === undefined ? "" : ` ${atMs}`}`;
	};
	return [`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`, ...samples.map(line)];
}
