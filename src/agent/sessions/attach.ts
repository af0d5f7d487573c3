import type { SessionRequest } from "../../core/protocol/agent-protocol.ts";
import type { ContainerRuntime } from "../runtime/runtime.ts";
import { failureStatus, finished, firstOutputChannel, RemoteCommandStreams, successStatus } from "./remote-command.ts";
import type { SessionSocket } from "./session-socket.ts";

export type AttachRequest = Extract<SessionRequest, { kind: "attach" }>;

/** Connects to a running container's own streams until it ends or the client goes. */
export async function serveAttach(socket: SessionSocket, runtime: ContainerRuntime, containerId: string, request: AttachRequest): Promise<void> {
	const streams = new RemoteCommandStreams(socket);
	streams.announce(firstOutputChannel(request));
	let status = successStatus();
	try {
		await runtime.attach(containerId, {
			tty: request.tty,
			...(request.stdin ? { stdin: streams.stdin } : {}),
			...(request.stdout ? { stdout: streams.stdout } : {}),
			...(request.stderr && !request.tty ? { stderr: streams.stderr } : {}),
			...(request.tty ? { resize: streams.sizes() } : {}),
			signal: socket.signal,
		});
	} catch (error) {
		status = failureStatus(error);
	}
	await Promise.all([finished(streams.stdout), finished(streams.stderr)]);
	await streams.status(status);
	streams.end();
}
