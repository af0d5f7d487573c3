import type { SessionRequest } from "../../core/protocol/agent-protocol.ts";
import type { ContainerRuntime } from "../runtime/runtime.ts";
import { exitStatus, failureStatus, finished, firstOutputChannel, RemoteCommandStreams } from "./remote-command.ts";
import type { SessionSocket } from "./session-socket.ts";

export type ExecRequest = Extract<SessionRequest, { kind: "exec" }>;

/** Runs a command in a container; ends it when the client goes. */
export async function serveExec(socket: SessionSocket, runtime: ContainerRuntime, containerId: string, request: ExecRequest): Promise<void> {
	const streams = new RemoteCommandStreams(socket);
	streams.announce(firstOutputChannel(request));
	let status: unknown;
	try {
		const code = await runtime.exec(containerId, {
			command: request.command,
			tty: request.tty,
			...(request.stdin ? { stdin: streams.stdin } : {}),
			...(request.stdout ? { stdout: streams.stdout } : {}),
			// A terminal has one output.
			...(request.stderr && !request.tty ? { stderr: streams.stderr } : {}),
			...(request.tty ? { resize: streams.sizes() } : {}),
			signal: socket.signal,
		});
		status = exitStatus(code, request.command);
	} catch (error) {
		status = failureStatus(error);
	}
	await Promise.all([finished(streams.stdout), finished(streams.stderr)]);
	await streams.status(status);
	streams.end();
}
