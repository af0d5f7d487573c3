/** A session that cannot be served: becomes the hello's Status. */
export class SessionRefusal extends Error {
	readonly code: number;
	readonly reason: string;
	constructor(code: number, reason: string, message: string) {
		super(message);
		this.name = "SessionRefusal";
		this.code = code;
		this.reason = reason;
	}
}
