import { describe, expect, it } from "vitest";
import type { ApiRequest } from "../core/api/request.ts";
import { type ConnectOptions, connectOptions } from "../core/kinds/connect-options.ts";
import { podKind } from "../core/kinds/pod.ts";
import { builtinSchema } from "../core/schema/builtin-schema.ts";
import { checkLogOptions, sessionRequestOf } from "./session-request.ts";

const parse = (subresource: string, query: string, offered: string | null = "v5.channel.k8s.io, v4.channel.k8s.io") =>
	parsed({ subresource, query: { raw: [...new URLSearchParams(query)] } } as unknown as ApiRequest, offered);

function parsed(request: ApiRequest, offered: string | null): ReturnType<typeof sessionRequestOf> {
	if (request.subresource === "log") {
		checkLogOptions(request);
		return sessionRequestOf(request, {}, offered);
	}
	const type = podKind.subresources?.connect?.[request.subresource]?.kind;
	if (type === undefined) throw new Error(request.subresource);
	return sessionRequestOf(request, connectOptions(builtinSchema, type, request.query.raw) as ConnectOptions, offered);
}

describe("sessionRequestOf", () => {
	it("reads a log's options", () => {
		expect(parse("log", "follow=true&tailLines=0&sinceSeconds=5&limitBytes=10&container=c")).toEqual({
			kind: "log",
			follow: true,
			previous: false,
			timestamps: false,
			sinceSeconds: 5,
			tailLines: 0,
			limitBytes: 10,
		});
	});

	it.each([
		["tailLines=-1", "tailLines: Invalid value: -1: must be greater than or equal to 0"],
		["limitBytes=0", "limitBytes: Invalid value: 0: must be greater than 0"],
		["sinceSeconds=0", "sinceSeconds: Invalid value: 0: must be greater than 0"],
		["sinceTime=never", 'parsing time "never"'],
		["tailLines=x", "invalid syntax"],
	])("refuses a log with %s", (query, message) => {
		expect(() => parse("log", query)).toThrow(message);
	});

	it("prefers v5 for exec, and keeps the command's order", () => {
		expect(parse("exec", "command=sh&command=-c&command=ls&stdout=true")).toEqual({
			kind: "exec",
			command: ["sh", "-c", "ls"],
			stdin: false,
			stdout: true,
			stderr: false,
			tty: false,
			subprotocol: "v5.channel.k8s.io",
		});
		expect(parse("attach", "stdin=1", "v4.channel.k8s.io")).toMatchObject({ kind: "attach", subprotocol: "v4.channel.k8s.io" });
	});

	it("refuses an exec without command or streams, and unknown subprotocols", () => {
		expect(() => parse("exec", "stdout=true")).toThrow("command: Required value");
		expect(() => parse("exec", "command=ls")).toThrow("you must specify at least 1 of stdin, stdout, stderr");
		expect(() => parse("exec", "command=ls&stdout=1", "channel.k8s.io")).toThrow("none of the subprotocols");
		expect(() => parse("portforward", "", null)).toThrow("SPDY/3.1+portforward.k8s.io");
	});
});
