/**
 * The one error type: what the client is told (a metav1.Status) and, apart from it, what only the log may hold.
 * The constructors follow k8s.io/apimachinery/pkg/api/errors.
 */
import { type FieldError, fieldErrorText } from "./field-error.ts";

export interface StatusCause {
	reason?: string;
	message?: string;
	field?: string;
}
export interface StatusDetails {
	name?: string;
	group?: string;
	kind?: string;
	uid?: string;
	causes?: StatusCause[];
	retryAfterSeconds?: number;
}
export interface Status {
	kind: "Status";
	apiVersion: "v1";
	metadata: { resourceVersion?: string; continue?: string };
	status: "Success" | "Failure";
	message?: string;
	reason?: string;
	details?: StatusDetails;
	code: number;
}

/** The collection an error speaks of; `resource` is the plural. */
export interface GroupResource {
	group: string;
	resource: string;
}

const qualified = ({ group, resource }: GroupResource): string => (group === "" ? resource : `${resource}.${group}`);

export class StatusError extends Error {
	readonly status: Status;
	/** Warnings that the client gets beside the refusal. */
	warnings: readonly string[] = [];
	/** For the audit log. */
	annotations: Record<string, string> = {};

	constructor(code: number, reason: string, message: string, details?: StatusDetails, options?: { cause?: unknown }) {
		super(message, options);
		this.name = "StatusError";
		this.status = { kind: "Status", apiVersion: "v1", metadata: {}, status: "Failure", message, reason, ...(details ? { details } : {}), code };
	}

	/** The error again, from what another object answered. */
	static from(status: Status): StatusError {
		return new StatusError(status.code, status.reason ?? "", status.message ?? "", status.details);
	}

	get code(): number {
		return this.status.code;
	}

	get reason(): string {
		return this.status.reason ?? "";
	}
}

const about = (gr: GroupResource, name: string): StatusDetails => ({ name, ...(gr.group ? { group: gr.group } : {}), kind: gr.resource });

export const notFound = (gr: GroupResource, name: string): StatusError =>
	new StatusError(404, "NotFound", `${qualified(gr)} ${JSON.stringify(name)} not found`, about(gr, name));
export const alreadyExists = (gr: GroupResource, name: string): StatusError =>
	new StatusError(409, "AlreadyExists", `${qualified(gr)} ${JSON.stringify(name)} already exists`, about(gr, name));
export const conflict = (gr: GroupResource, name: string, why: string): StatusError =>
	new StatusError(409, "Conflict", `Operation cannot be fulfilled on ${qualified(gr)} ${JSON.stringify(name)}: ${why}`, about(gr, name));
/** The text of registry/generic: a write carried an old resourceVersion. */
export const staleObject = (gr: GroupResource, name: string): StatusError =>
	conflict(gr, name, "the object has been modified; please apply your changes to the latest version and try again");
export const badRequest = (message: string): StatusError => new StatusError(400, "BadRequest", message);
export const unauthorized = (message = "Unauthorized"): StatusError => new StatusError(401, "Unauthorized", message);
export const forbiddenError = (gr: GroupResource, name: string, why: string): StatusError =>
	new StatusError(403, "Forbidden", `${qualified(gr)}${name ? ` ${JSON.stringify(name)}` : ""} is forbidden: ${why}`, about(gr, name));
export const methodNotSupported = (gr: GroupResource, action: string): StatusError =>
	new StatusError(405, "MethodNotAllowed", `${action} is not supported on resources of kind "${qualified(gr)}"`, {
		...(gr.group ? { group: gr.group } : {}),
		kind: gr.resource,
	});
/** What the server answers to a path that names nothing. */
export const pathNotFound = (): StatusError => new StatusError(404, "NotFound", "the server could not find the requested resource", {});
export const expired = (message: string): StatusError => new StatusError(410, "Expired", message);
export const notAcceptable = (accepted: readonly string[]): StatusError =>
	new StatusError(406, "NotAcceptable", `only the following media types are accepted: ${accepted.join(", ")}`);
/** What was asked for does not fit what is there. */
export const notAcceptableObject = (message: string): StatusError => new StatusError(406, "NotAcceptable", message);
export const unsupportedMediaType = (accepted: readonly string[]): StatusError =>
	new StatusError(415, "UnsupportedMediaType", `the body of the request was in an unknown format - accepted media types include: ${accepted.join(", ")}`);
export const tooLargeBody = (message: string): StatusError => new StatusError(413, "RequestEntityTooLarge", message);
export const tooManyRequests = (message: string, retryAfterSeconds: number): StatusError =>
	new StatusError(429, "TooManyRequests", message, { retryAfterSeconds });
export const unavailable = (message: string): StatusError => new StatusError(503, "ServiceUnavailable", message);
/** An internal fault: `cause` goes to the log, never to the client. */
export const internalError = (cause: unknown): StatusError =>
	new StatusError(
		500,
		"InternalError",
		"Internal error occurred",
		{ causes: [{ message: "the server met an internal fault; its log has the cause" }] },
		{ cause },
	);

/** 500 of NewInternalError: a failure that is not ours, and that the client is told of. */
export const internalFailure = (message: string): StatusError =>
	new StatusError(500, "InternalError", `Internal error occurred: ${message}`, { causes: [{ message }] });

/** Whether it is a failure of internalFailure's: not our own fault. */
export const isTold = (error: StatusError): boolean => error.code === 500 && error.reason === "InternalError" && error.cause === undefined;

/** 422 with one cause per broken rule. */
export function invalidObject(group: string, kind: string, name: string, errors: readonly FieldError[]): StatusError {
	const texts = [...new Set(errors.map(fieldErrorText))];
	const list = texts.length === 1 ? texts[0] : `[${texts.join(", ")}]`;
	const qualifiedKind = group === "" ? kind : `${kind}.${group}`;
	return new StatusError(422, "Invalid", `${qualifiedKind} ${JSON.stringify(name)} is invalid: ${list}`, {
		name,
		...(group ? { group } : {}),
		kind,
		causes: errors.map((e) => ({ reason: e.type, message: e.message, field: e.field })),
	});
}

/** An error that upstream lets through as it is: code 500, no reason, the whole text told to the client. */
export function plainError(message: string): StatusError {
	const error = new StatusError(500, "", message);
	delete error.status.reason;
	return error;
}
