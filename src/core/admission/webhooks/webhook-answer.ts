/** What came back from a webhook, as client-go's REST client takes it (rest.Request.Into and NewGenericServerResponse). */
import type { Json, JsonObject } from "../../meta/object.ts";
import type { CallOutcome } from "../outside-call.ts";

const OK_MIN = 200;
const OK_MAX = 206;

/** What client-go says of an HTTP status that came without a metav1.Status. */
const STATUS_TEXTS: Readonly<Record<number, string>> = {
	400: "the server rejected our request for an unknown reason",
	401: "the server has asked for the client to provide credentials",
	404: "the server could not find the requested resource",
	405: "the server does not allow this method on the requested resource",
	406: "the server was unable to respond with a content type that the client supports",
	409: "the server reported a conflict",
	410: "the server was unable to provide the requested resource",
	413: "Request entity too large: limit is 3145728",
	415: "the server could not understand the media type of the request body",
	422: "the server rejected our request due to an error in our request",
	429: "the server has received too many requests and has asked us to try again later",
	503: "the server is currently unable to handle the request",
	504: "the server was unable to return a response in the time allotted, but may still be processing the request",
};

function statusText(status: number, body: string): string {
	const text = STATUS_TEXTS[status];
	if (text !== undefined) return text;
	if (status === 403) return body === "" ? "unknown" : body.trim();
	if (status >= 500) return `an error on the server (${JSON.stringify(body === "" ? "unknown" : body.trim())}) has prevented the request from succeeding`;
	return "the server responded with the status code but did not return more information";
}

function parsed(body: string): JsonObject | undefined {
	try {
		const value = JSON.parse(body) as Json;
		return typeof value === "object" && value !== null && !Array.isArray(value) ? value : undefined;
	} catch {
		return undefined;
	}
}

/** The JSON object of an answer. Throws an Error that says why there is none. */
export function answerOf(outcome: CallOutcome): JsonObject {
	if ("failure" in outcome) throw new Error(outcome.failure);
	const { status, body } = outcome;
	const value = parsed(body);
	if (status < OK_MIN || status > OK_MAX)
		throw new Error(value?.["kind"] === "Status" && value["message"] ? String(value["message"]) : statusText(status, body));
	if (value === undefined) throw new Error(`couldn't get version/kind; json parse error: ${problemOf(body)}`);
	return value;
}

function problemOf(body: string): string {
	if (body.trim() === "") return "unexpected end of JSON input";
	try {
		return `json: cannot unmarshal ${Array.isArray(JSON.parse(body)) ? "array" : "value"} into Go value`;
	} catch {
		return `invalid character ${JSON.stringify(body.trim().charAt(0))} looking for beginning of value`;
	}
}
