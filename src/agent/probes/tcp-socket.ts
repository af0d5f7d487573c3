import { connect } from "node:net";
import type { ProbeOutcome } from "./probe-runner.ts";

export function tcpProbe(host: string, port: number, timeoutMs: number): Promise<ProbeOutcome> {
	return new Promise((resolve) => {
		const socket = connect({ host, port });
		const timer = setTimeout(() => finish({ success: false, message: `dial tcp ${host}:${port}: i/o timeout` }), timeoutMs);
		const finish = (outcome: ProbeOutcome) => {
			clearTimeout(timer);
			socket.destroy();
			resolve(outcome);
		};
		socket.once("connect", () => finish({ success: true, message: "" }));
		socket.once("error", (error) => finish({ success: false, message: dialError(error, host, port) }));
	});
}

/** Go's words for a failed connection. */
export function dialError(error: NodeJS.ErrnoException, host: string, port: number): string {
	const words: Record<string, string> = {
		ECONNREFUSED: "connect: connection refused",
		EHOSTUNREACH: "connect: no route to host",
		ENETUNREACH: "connect: network is unreachable",
		ETIMEDOUT: "connect: connection timed out",
		ECONNRESET: "read: connection reset by peer",
		ENOTFOUND: "lookup: no such host",
	};
	return `dial tcp ${host}:${port}: ${words[error.code ?? ""] ?? error.message}`;
}
