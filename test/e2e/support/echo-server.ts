/** A pod that the machine's node runs, on the process runtime: says what it was asked, streams, echoes WebSockets. */
import { createRequire } from "node:module";
import type { Deployment } from "../../../src/core/schema/kubernetes.d.ts";
import { deployment, EXAMPLE_PORT } from "./example.ts";

/** Bytes of /large. */
export const LARGE_BYTES = 64 * 1024 * 1024;

const SCRIPT = `
const { createServer } = require("node:http");
const { createHash } = require("node:crypto");
const { WebSocketServer } = require(${JSON.stringify(createRequire(import.meta.url).resolve("ws"))});
const server = createServer((request, response) => {
	if (request.url === "/large") {
		response.writeHead(200, { "content-length": ${LARGE_BYTES} });
		const piece = Buffer.alloc(65536);
		let left = ${LARGE_BYTES} / piece.length;
		const more = () => {
			while (left > 0) if ((left--, !response.write(piece))) return response.once("drain", more);
			response.end();
		};
		return more();
	}
	if (request.url === "/ticks") {
		response.writeHead(200, { "content-type": "text/event-stream" });
		response.write("data: first\\n\\n");
		return request.socket.once("close", () => console.log("the client has gone"));
	}
	const hash = createHash("sha256");
	let length = 0;
	request.on("data", (chunk) => (hash.update(chunk), (length += chunk.length)));
	request.on("end", () => {
		const { method, url, headers } = request;
		response.writeHead(200, { "content-type": "application/json" });
		response.end(JSON.stringify({ method, url, headers, length, sha256: hash.digest("hex"), pod: process.env.HOSTNAME }));
	});
});
const sockets = new WebSocketServer({ server, handleProtocols: (offered) => [...offered][0] ?? false });
sockets.on("connection", (socket) => socket.on("message", (data, binary) => socket.send(data, { binary })));
server.listen(${EXAMPLE_PORT}, process.env.POD_IP);
process.on("SIGTERM", () => process.exit(0));
`;

export interface Echo {
	method: string;
	url: string;
	headers: Record<string, string>;
	length: number;
	sha256: string;
	pod: string;
}

export function echoDeployment(name: string, replicas: number): Deployment {
	const made = deployment(name, replicas);
	const [container] = made.spec?.template?.spec?.containers ?? [];
	if (container) {
		container.command = ["node", "-e", SCRIPT];
		container.readinessProbe = { tcpSocket: { port: EXAMPLE_PORT }, periodSeconds: 1 };
	}
	return made;
}
