/** Lines of a container's log file as the CRI lays them down: `TIME STREAM TAG CONTENT`, TAG being F (full) or P (partial). */

export interface CriLogLine {
	/** RFC 3339 with nanoseconds, as written. */
	time: string;
	stream: "stdout" | "stderr";
	/** With its newline, unless the line is a part of a longer one. */
	content: string;
}

const LINE = /^(\S+) (stdout|stderr) ([FP])\S* (.*)$/s;

/** Undefined for what is no such line (an empty one, or a torn one after a crash). `line` is without its newline. */
export function parseCriLine(line: string): CriLogLine | undefined {
	const match = LINE.exec(line);
	if (!match) return undefined;
	const [, time, stream, tag, content] = match as unknown as [string, string, "stdout" | "stderr", string, string];
	return { time, stream, content: tag === "P" ? content : `${content}\n` };
}
