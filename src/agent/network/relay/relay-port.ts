/** Where the kernel's VXLAN frames for relayed nodes come out, and those from them go in: a UDP port of 127.0.0.1. */
import { createSocket, type Socket } from "node:dgram";
import { once } from "node:events";
import { VXLAN_PORT } from "./probe-frame.ts";

const LOOPBACK = "127.0.0.1";
/** A burst waits here while the agent is busy; what does not fit is dropped. */
const BUFFER_BYTES = 4 * 1024 * 1024;

export class RelayPort {
	readonly #socket: Socket;

	private constructor(socket: Socket) {
		this.#socket = socket;
	}

	static async open(receive: (frame: Buffer) => void): Promise<RelayPort> {
		const socket = createSocket({ type: "udp4", recvBufferSize: BUFFER_BYTES, sendBufferSize: BUFFER_BYTES });
		socket.bind(0, LOOPBACK);
		await once(socket, "listening");
		// Nobody listens on the VXLAN port while the link is made anew.
		socket.on("error", () => undefined);
		socket.on("message", receive);
		return new RelayPort(socket);
	}

	get port(): number {
		return this.#socket.address().port;
	}

	/** As if the frame had come over the network. */
	inject(frame: Uint8Array): void {
		this.#socket.send(frame, VXLAN_PORT, LOOPBACK, () => undefined);
	}

	close(): void {
		this.#socket.close();
	}
}
