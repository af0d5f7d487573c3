/** Why the agent cannot start, in a sentence that says what to do about it: what the command line prints. */
export type AgentErrorKind = "token" | "name-taken" | "unreachable" | "certificate" | "refused" | "data-directory" | "runtime" | "configuration";

export class AgentError extends Error {
	readonly kind: AgentErrorKind;
	constructor(kind: AgentErrorKind, message: string, options?: { cause?: unknown }) {
		super(message, options);
		this.name = "AgentError";
		this.kind = kind;
	}
}
