/** The query of log, exec, attach and portforward, as PodLogOptions, PodExecOptions and PodAttachOptions say. Pure. */
import type { ApiRequest } from "../core/api/request.ts";
import { type FieldError, invalid, required } from "../core/errors/field-error.ts";
import { badRequest, invalidObject } from "../core/errors/status-error.ts";
import type { ConnectOptions } from "../core/kinds/connect-options.ts";
import type { SessionRequest } from "../core/protocol/agent-protocol.ts";
import { isTrue } from "../core/api/query-values.ts";

/** kubectl's remotecommand subprotocols, the preferred one first. */
const REMOTE_COMMAND_PROTOCOLS = ["v5.channel.k8s.io", "v4.channel.k8s.io"];
/** The subprotocol of SPDY frames tunnelled in WebSocket messages (KEP-4006). */
const PORT_FORWARD_PROTOCOLS = ["SPDY/3.1+portforward.k8s.io"];

type Query = URLSearchParams;

function integer(query: Query, name: string): number | undefined {
	const text = query.get(name);
	if (text === null || text === "") return undefined;
	if (!/^[+-]?\d+$/.test(text)) throw badRequest(`strconv.ParseInt: parsing ${JSON.stringify(text)}: invalid syntax`);
	return Number(text);
}

function logErrors(query: Query): FieldError[] {
	const errors: FieldError[] = [];
	const tailLines = integer(query, "tailLines");
	const limitBytes = integer(query, "limitBytes");
	const sinceSeconds = integer(query, "sinceSeconds");
	const sinceTime = query.get("sinceTime");
	if (tailLines !== undefined && tailLines < 0) errors.push(invalid("tailLines", tailLines, "must be greater than or equal to 0"));
	if (limitBytes !== undefined && limitBytes < 1) errors.push(invalid("limitBytes", limitBytes, "must be greater than 0"));
	if (sinceSeconds !== undefined && sinceTime)
		errors.push({ type: "FieldValueForbidden", field: "", message: "Forbidden: at most one of `sinceTime` or `sinceSeconds` may be specified" });
	else if (sinceSeconds !== undefined && sinceSeconds < 1) errors.push(invalid("sinceSeconds", sinceSeconds, "must be greater than 0"));
	if (sinceTime && Number.isNaN(Date.parse(sinceTime)))
		throw badRequest(`parsing time ${JSON.stringify(sinceTime)} as "2006-01-02T15:04:05Z07:00": cannot parse`);
	return errors;
}

/** Before anybody is asked where the log is. @throws StatusError 400, 422 */
export function checkLogOptions({ query }: ApiRequest): void {
	const errors = logErrors(new URLSearchParams(query.raw));
	if (errors.length > 0) throw invalidObject("", "PodLogOptions", "", errors);
}

function logRequest(query: Query): SessionRequest {
	const sinceSeconds = integer(query, "sinceSeconds");
	const sinceTime = query.get("sinceTime") || undefined;
	const tailLines = integer(query, "tailLines");
	const limitBytes = integer(query, "limitBytes");
	return {
		kind: "log",
		follow: isTrue(query.get("follow")),
		previous: isTrue(query.get("previous")),
		timestamps: isTrue(query.get("timestamps")),
		...(sinceSeconds === undefined ? {} : { sinceSeconds }),
		...(sinceTime === undefined ? {} : { sinceTime }),
		...(tailLines === undefined ? {} : { tailLines }),
		...(limitBytes === undefined ? {} : { limitBytes }),
	};
}

/** At least one stream must be asked for. */
function streams({ stdin = false, stdout = false, stderr = false, tty = false }: ConnectOptions) {
	if (!stdin && !stdout && !stderr) throw badRequest("you must specify at least 1 of stdin, stdout, stderr");
	if (tty && stderr) throw badRequest("tty and stderr cannot both be true");
	return { stdin, stdout, stderr, tty };
}

/** The first of ours that the client offers. @throws StatusError 400 */
export function chooseSubprotocol(offered: string | null, supported: readonly string[]): string {
	const offers = (offered ?? "").split(",").map((o) => o.trim());
	const chosen = supported.find((protocol) => offers.includes(protocol));
	if (chosen === undefined)
		throw badRequest(`unable to upgrade: none of the subprotocols ${JSON.stringify(offers)} is supported; this server speaks ${supported.join(", ")}`);
	return chosen;
}

/**
 * What the agent is asked. `options` are what admission left of the query's; a log has none. `offered` is the client's Sec-WebSocket-Protocol; it is looked at for interactive sessions alone.
 * @throws StatusError 400, 422
 */
export function sessionRequestOf(request: ApiRequest, options: ConnectOptions, offered: string | null): SessionRequest {
	if (request.subresource === "log") return logRequest(new URLSearchParams(request.query.raw));
	if (request.subresource === "portforward") return { kind: "portforward", subprotocol: chooseSubprotocol(offered, PORT_FORWARD_PROTOCOLS) };
	const subprotocol = chooseSubprotocol(offered, REMOTE_COMMAND_PROTOCOLS);
	if (request.subresource === "attach") return { kind: "attach", ...streams(options), subprotocol };
	const command = options.command ?? [];
	if (command.length === 0) throw invalidObject("", "PodExecOptions", "", [required("command")]);
	return { kind: "exec", command, ...streams(options), subprotocol };
}
