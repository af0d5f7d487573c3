/** grpc.health.v1.Health/Check over plain HTTP/2: one field each way, so no gRPC library is needed. */
import { connect } from "node:http2";
import type { ProbeOutcome } from "./probe-runner.ts";

const SERVING = 1;
const STATUS_NAMES = ["UNKNOWN", "SERVING", "NOT_SERVING", "SERVICE_UNKNOWN"];

/** HealthCheckRequest{service = 1} behind gRPC's five-byte prefix. */
function requestFrame(service: string): Buffer {
	const name = Buffer.from(service);
	const message = name.length === 0 ? Buffer.alloc(0) : Buffer.concat([Buffer.from([0x0a, ...varint(name.length)]), name]);
	const prefix = Buffer.alloc(5);
	prefix.writeUInt32BE(message.length, 1);
	return Buffer.concat([prefix, message]);
}

function varint(value: number): number[] {
	const bytes: number[] = [];
	let rest = value;
	while (rest > 0x7f) {
		bytes.push((rest & 0x7f) | 0x80);
		rest >>>= 7;
	}
	return [...bytes, rest];
}

/** HealthCheckResponse{status = 1}; an absent field is 0. */
function responseStatus(frame: Buffer): number {
	const message = frame.subarray(5);
	return message[0] === 0x08 ? (message[1] ?? 0) : 0;
}

export function grpcProbe(host: string, port: number, service: string, timeoutMs: number): Promise<ProbeOutcome> {
	return new Promise((resolve) => {
		const session = connect(`http://${host.includes(":") ? `[${host}]` : host}:${port}`);
		const timer = setTimeout(
			() => finish(false, `timeout: failed to connect service "${host}:${port}" within ${timeoutMs / 1000}s: context deadline exceeded`),
			timeoutMs,
		);
		const finish = (success: boolean, message: string) => {
			clearTimeout(timer);
			session.destroy();
			resolve({ success, message });
		};
		session.once("error", (error) => finish(false, `error: health rpc probe failed: ${error.message}`));
		const stream = session.request({ ":method": "POST", ":path": "/grpc.health.v1.Health/Check", "content-type": "application/grpc", te: "trailers" });
		const chunks: Buffer[] = [];
		let code = "0";
		const readCode = (headers: Record<string, unknown>) => {
			if (headers["grpc-status"] !== undefined) code = String(headers["grpc-status"]);
		};
		stream.on("response", readCode);
		stream.on("trailers", readCode);
		stream.on("data", (chunk: Buffer) => chunks.push(chunk));
		stream.once("error", (error) => finish(false, `error: health rpc probe failed: ${error.message}`));
		stream.once("end", () => {
			if (code !== "0")
				return finish(
					false,
					code === "12"
						? "error: this server does not implement the grpc health protocol (grpc.health.v1.Health)"
						: `error: health rpc probe failed with code ${code}`,
				);
			const status = responseStatus(Buffer.concat(chunks));
			return finish(status === SERVING, status === SERVING ? "" : `service unhealthy (responded with "${STATUS_NAMES[status] ?? status}")`);
		});
		stream.end(requestFrame(service));
	});
}
