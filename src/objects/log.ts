/** The log of internal faults: one JSON line each, with the cause that no client is shown. */
export function logFault(what: string, cause: unknown): void {
	const error =
		cause instanceof Error
			? { message: cause.message, stack: cause.stack, ...(cause.cause ? { cause: String(cause.cause) } : {}) }
			: { message: String(cause) };
	console.error(JSON.stringify({ level: "error", what, ...error }));
}
