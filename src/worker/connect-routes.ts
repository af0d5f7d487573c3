/**
 * log, exec, attach and portforward: the Namespace object authorises, the Node object tells the agent, and a Session
 * object joins the client's socket with the one that the agent dials.
 */
import type { ApiRequest } from "../core/api/request.ts";
import { badRequest, type Status, StatusError, unavailable } from "../core/errors/status-error.ts";
import type { SessionHello, SessionRequest } from "../core/protocol/agent-protocol.ts";
import { newSessionId, nodeObject, type ObjectStub, sessionObject } from "../objects/addresses.ts";
import { CLUSTER_HEADER, NODE_HEADER, type PodConnection, SESSION_KIND_HEADER, SESSION_SIDE_HEADER } from "../objects/rpc.ts";
import { CACHE_CONTROL } from "./answer.ts";
import { type FrontDoor, isWebSocketUpgrade } from "./front-door.ts";
import { askOwner } from "./object-call.ts";
import { checkLogOptions, sessionRequestOf } from "./session-request.ts";
import { WatchStream } from "./watch-stream.ts";

const NORMAL_CLOSURE = 1000;
/**
 * A gone client is noticed only by a write, and nothing but the log may be written into a log: one that stays silent for
 * this long ends, in milliseconds (kubelet's --streaming-connection-idle-timeout).
 */
const LOG_IDLE_MS = 4 * 3_600_000;

const SPDY_REFUSED =
	"this server streams over WebSockets, not over SPDY: use kubectl 1.31 or newer (1.30 for exec, attach and cp), or set KUBECTL_REMOTE_COMMAND_WEBSOCKETS=true and KUBECTL_PORT_FORWARD_WEBSOCKETS=true";

const notConnected = (node: string): StatusError => unavailable(`error dialing backend: the agent of node ${JSON.stringify(node)} is not connected`);

/** Opens the client's end first, so that nothing the agent says is lost. */
async function openSession(c: FrontDoor, place: PodConnection, session: SessionRequest): Promise<{ id: string; stub: ObjectStub; response: Response }> {
	const id = newSessionId(c.env);
	const stub = sessionObject(c.env, id);
	const protocol: Record<string, string> = "subprotocol" in session ? { "sec-websocket-protocol": session.subprotocol } : {};
	const headers = {
		Upgrade: "websocket",
		[CLUSTER_HEADER]: c.get("cluster"),
		[SESSION_SIDE_HEADER]: "client",
		[SESSION_KIND_HEADER]: session.kind,
		[NODE_HEADER]: `system:node:${place.node}`,
		...protocol,
	};
	const response = (await stub.fetch("https://object/session", { headers })) as Response;
	if (!response.webSocket) throw new Error(`a new session answered ${response.status}`);
	return { id, stub, response };
}

const tellAgent = (c: FrontDoor, place: PodConnection, id: string, session: SessionRequest): Promise<boolean> =>
	nodeObject(c.env, c.get("cluster"), place.node).command(c.get("cluster"), place.node, {
		type: "session",
		id,
		pod: place.pod,
		container: place.container,
		request: session,
	});

async function refuse(stub: ObjectStub, status: Status): Promise<void> {
	await stub.fetch("https://object/refuse", { method: "POST", body: JSON.stringify(status) });
}

/** exec, attach, portforward: the client's socket leads straight to the Session object. */
async function serveInteractive(c: FrontDoor, place: PodConnection, session: SessionRequest): Promise<Response> {
	const { id, stub, response } = await openSession(c, place, session);
	// Past the upgrade an error is told inside the protocol: an HTTP error would only make kubectl fall back to SPDY.
	if (!(await tellAgent(c, place, id, session))) await refuse(stub, notConnected(place.node).status);
	return response;
}

/** A log's bytes as an HTTP body, once the agent has found the log. */
async function serveLog(c: FrontDoor, place: PodConnection, session: SessionRequest): Promise<Response> {
	const { id, response } = await openSession(c, place, session);
	const socket = response.webSocket as WebSocket;
	const stream = new WatchStream();
	const greeted = greeting(socket, stream);
	socket.accept();
	const close = () => socket.close(NORMAL_CLOSURE, "the client has gone");
	const gone = () => stream.end();
	c.req.raw.signal?.addEventListener("abort", gone);
	stream.onEnd(() => {
		c.req.raw.signal?.removeEventListener("abort", gone);
		close();
	});
	const told = await tellAgent(c, place, id, session);
	const hello = told ? await greeted : undefined;
	if (hello?.ok)
		return new Response(stream.body, {
			headers: { "content-type": "text/plain", "cache-control": `${CACHE_CONTROL}, no-transform`, "content-encoding": "identity" },
		});
	stream.end();
	throw hello ? new StatusError(hello.code, hello.reason, hello.message) : notConnected(place.node);
}

/** The hello comes as the first text; binary messages are the log. */
function greeting(socket: WebSocket, stream: WatchStream): Promise<SessionHello> {
	socket.binaryType = "arraybuffer";
	return new Promise((resolve) => {
		const lost: SessionHello = { ok: false, code: 500, reason: "InternalError", message: "the session ended before it began" };
		let idle = setTimeout(() => stream.end(), LOG_IDLE_MS);
		stream.onEnd(() => clearTimeout(idle));
		socket.addEventListener("message", ({ data }) => {
			clearTimeout(idle);
			if (!stream.ended) idle = setTimeout(() => stream.end(), LOG_IDLE_MS);
			if (typeof data === "string") resolve(JSON.parse(data) as SessionHello);
			else stream.write(new Uint8Array(data as ArrayBuffer));
		});
		const ended = () => {
			resolve(lost);
			stream.end();
		};
		socket.addEventListener("close", ended);
		socket.addEventListener("error", ended);
	});
}

/** @throws StatusError as the Namespace object refuses, or 400 for a client that cannot be served. */
export async function serveSession(c: FrontDoor, request: ApiRequest): Promise<Response> {
	const { headers } = c.req.raw;
	const isLog = request.subresource === "log";
	const upgrade = isWebSocketUpgrade(headers);
	if (isLog) checkLogOptions(request);
	const { value: place } = await askOwner<PodConnection>(c, request);
	if (!isLog && !upgrade) throw badRequest(headers.get("upgrade") ? SPDY_REFUSED : "Upgrade request required");
	const session = sessionRequestOf(request, place.options, headers.get("sec-websocket-protocol"));
	return isLog ? serveLog(c, place, session) : serveInteractive(c, place, session);
}
