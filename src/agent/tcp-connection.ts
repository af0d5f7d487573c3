/** TCP connections that the agent makes itself. */
import { connect, type Socket } from "node:net";

const DIAL_TIMEOUT_MS = 5000;

/** Half-open: either side may end alone. Rejects with the system's error. */
export function connectTcp(host: string, port: number): Promise<Socket> {
	return new Promise((resolve, reject) => {
		const socket = connect({ host, port, timeout: DIAL_TIMEOUT_MS, allowHalfOpen: true });
		socket.once("timeout", () => socket.destroy(Object.assign(new Error(`connect ETIMEDOUT ${host}:${port}`), { code: "ETIMEDOUT" })));
		socket.once("error", reject);
		socket.once("connect", () => {
			socket.setTimeout(0);
			socket.off("error", reject);
			resolve(socket);
		});
	});
}
