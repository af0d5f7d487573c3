import { type IncomingMessage, request as httpRequest } from "node:http";
import { request as httpsRequest } from "node:https";
import type { HTTPGetAction } from "../../core/schema/kubernetes.d.ts";
import { AGENT_VERSION } from "../version.ts";
import type { ProbeOutcome } from "./probe-runner.ts";
import { dialError } from "./tcp-socket.ts";

/** Upstream reads no more of an answer. */
const MAX_BODY_BYTES = 10 * 1024;

/** 200 to 399 is success; the certificate of an https target is not checked (upstream's rule). Redirects are not followed: they succeed. */
export function httpProbe(action: HTTPGetAction, podIP: string, port: number, timeoutMs: number): Promise<ProbeOutcome> {
	const scheme = (action.scheme ?? "HTTP").toLowerCase();
	const host = action.host || podIP;
	const path = `/${(action.path ?? "/").replace(/^\//, "")}`;
	const url = `${scheme}://${host.includes(":") ? `[${host}]` : host}:${port}${path}`;
	const headers = probeHeaders(action);
	return new Promise((resolve) => {
		let settled = false;
		const finish = (outcome: ProbeOutcome) => {
			if (settled) return;
			settled = true;
			clearTimeout(timer);
			request.destroy();
			resolve(outcome);
		};
		const onResponse = (response: IncomingMessage) => {
			const code = response.statusCode ?? 0;
			const success = code >= 200 && code < 400;
			let size = 0;
			response.on("data", (chunk: Buffer) => {
				size += chunk.length;
				if (size > MAX_BODY_BYTES) finish(outcome);
			});
			const outcome = { success, message: success ? "" : `HTTP probe failed with statuscode: ${code}` };
			response.once("end", () => finish(outcome));
			response.once("error", () => finish(outcome));
		};
		const options = { host, port, path, method: "GET", headers, agent: false as const };
		const request = scheme === "https" ? httpsRequest({ ...options, rejectUnauthorized: false }, onResponse) : httpRequest(options, onResponse);
		const timer = setTimeout(
			() => finish({ success: false, message: `Get "${url}": context deadline exceeded (Client.Timeout exceeded while awaiting headers)` }),
			timeoutMs,
		);
		request.once("error", (error: NodeJS.ErrnoException) => finish({ success: false, message: `Get "${url}": ${dialError(error, host, port)}` }));
		request.end();
	});
}

function probeHeaders(action: HTTPGetAction): Record<string, string> {
	const headers: Record<string, string> = {
		"User-Agent": `kube-probe/${AGENT_VERSION.split(".").slice(0, 2).join(".").replace(/^v/, "")}`,
		Accept: "*/*",
		Connection: "close",
	};
	for (const { name, value } of action.httpHeaders ?? []) {
		for (const known of Object.keys(headers)) if (known.toLowerCase() === name.toLowerCase()) delete headers[known];
		headers[name] = value;
	}
	return headers;
}
