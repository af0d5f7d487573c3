/** An error that the user can act on: one sentence says what is wrong, the next what to do. Printed without a stack. */
export class CliError extends Error {
	readonly remedy: string;

	constructor(problem: string, remedy: string, options?: { cause?: unknown }) {
		super(problem, options);
		this.name = "CliError";
		this.remedy = remedy;
	}
}

/** The text for the terminal of whatever was thrown. */
export function errorText(error: unknown): string {
	if (error instanceof CliError) return `${error.message} ${error.remedy}`;
	const message = error instanceof Error ? error.message : String(error);
	return `${message}. This is a fault of Petrel; set PETREL_DEBUG=1 to see where it happened.`;
}
