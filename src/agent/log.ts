/** The agent's log: one line per entry on stderr, `time level message key=value ...`, so that journald and grep can read it. */

export type LogLevel = "debug" | "info" | "warn" | "error";
export type LogFields = Record<string, unknown>;

export interface Logger {
	debug(message: string, fields?: LogFields): void;
	info(message: string, fields?: LogFields): void;
	warn(message: string, fields?: LogFields): void;
	error(message: string, fields?: LogFields): void;
}

const LEVELS: readonly LogLevel[] = ["debug", "info", "warn", "error"];
/** A longer value is cut: a line of the log stays readable. */
const MAX_VALUE_LENGTH = 2_000;

/** An error's message followed by those of its causes: what an operator needs, without the stack. */
export function errorText(error: unknown): string {
	if (error instanceof AggregateError && error.message === "") return error.errors.map(errorText).join("; ");
	if (!(error instanceof Error)) return String(error);
	const text = error.message === "" ? error.name : error.message;
	const cause = error.cause === undefined ? "" : errorText(error.cause);
	// An error that was given another class says what its cause says.
	return cause === "" || text.includes(cause) ? text : `${text}: ${cause}`;
}

function formatValue(value: unknown): string {
	const text = value instanceof Error ? errorText(value) : typeof value === "string" ? value : (JSON.stringify(value) ?? String(value));
	const cut = text.length > MAX_VALUE_LENGTH ? `${text.slice(0, MAX_VALUE_LENGTH)}...` : text;
	return /^[^\s"=]+$/.test(cut) ? cut : JSON.stringify(cut);
}

function formatLine(level: LogLevel, message: string, fields: LogFields): string {
	const pairs = Object.entries(fields)
		.filter(([, value]) => value !== undefined)
		.map(([key, value]) => ` ${key}=${formatValue(value)}`);
	return `${new Date().toISOString()} ${level.padEnd(5)} ${message.replaceAll("\n", " ")}${pairs.join("")}\n`;
}

/** Writes entries of `level` and above to `write`, by default stderr. */
export function createLogger(level: LogLevel = "info", write: (line: string) => void = (line) => process.stderr.write(line)): Logger {
	const least = LEVELS.indexOf(level);
	const at =
		(entryLevel: LogLevel) =>
		(message: string, fields: LogFields = {}) => {
			if (LEVELS.indexOf(entryLevel) >= least) write(formatLine(entryLevel, message, fields));
		};
	return { debug: at("debug"), info: at("info"), warn: at("warn"), error: at("error") };
}

/** Keeps nothing: for tests and embedders that have a log of their own. */
export const silentLogger: Logger = { debug() {}, info() {}, warn() {}, error() {} };
