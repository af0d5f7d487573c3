/** /agent/v1: what nodes' agents ask. They only dial out, so everything they learn comes back in these answers. */
import type { UserInfo } from "../core/api/request.ts";
import { badRequest, type GroupResource, forbiddenError, notFound, StatusError, unavailable } from "../core/errors/status-error.ts";
import {
	AGENT_PROTOCOL_VERSION,
	type CredentialRequest,
	type CredentialResponse,
	type CertificateRequest,
	type CertificateResponse,
	type JoinRequest,
	type JoinResponse,
	POLL_HOLD_MS,
	POLL_REQUEST_HEADER,
	POLL_SILENCE_MS,
	type PollRequest,
	type PollResponse,
	type VolumeSecretRequest,
	type VolumeSecretUse,
} from "../core/protocol/agent-protocol.ts";
import { CLUSTER_DOMAIN, clusterNetworkOf, dnsAddresses } from "../core/protocol/cluster-addresses.ts";
import { GROUP_JOINING, GROUP_MASTERS, GROUP_NODES } from "../core/protocol/tokens.ts";
import type { PersistentVolume } from "../core/schema/kubernetes.d.ts";
import { TUNNELS_MAX } from "../core/tunnel/frame.ts";
import { clusterObject, nodeObject, relayObject, sessionObject, tunnelObject } from "../objects/addresses.ts";
import { AGENT_SILENT_CODE, CLIENT_GONE_CODE, CLUSTER_HEADER, NODE_HEADER, POLL_HEADER, SESSION_SIDE_HEADER, TUNNEL_SIDE_HEADER } from "../objects/rpc.ts";
import { answerValue } from "./answer.ts";
import { readJsonBody } from "./body.ts";
import { type FrontDoor, isWebSocketUpgrade } from "./front-door.ts";
import { jsonHeader } from "./header-text.ts";
import { PLAIN_JSON } from "./negotiate.ts";
import { parseBody } from "./review-routes.ts";
import { serveAs } from "./serve-as.ts";
import { NODE_CREDENTIAL_SECONDS, signNodeCredential } from "./token-signing.ts";
import { listen } from "./watch-feed.ts";

const NODES: GroupResource = { group: "", resource: "nodes" };
const NORMAL_CLOSURE = 1000;
/** RFC 1123 subdomain, as a Node's name must be. */
const NODE_NAME = /^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$/;
/** Room for a PollRequest in a request header: without a report it is small. */
const MAX_HELD_POLL_BYTES = 8 * 1024;

const isOneOf = (groups: readonly string[], wanted: readonly string[]): boolean => wanted.some((group) => groups.includes(group));

function checkVersion(version: unknown): void {
	if (version !== AGENT_PROTOCOL_VERSION)
		throw badRequest(`the agent speaks protocol version ${JSON.stringify(version)}, this control plane speaks ${AGENT_PROTOCOL_VERSION}`);
}

/** POST /agent/v1/join */
export async function serveJoin(c: FrontDoor): Promise<Response> {
	const user = c.get("user");
	if (!isOneOf(user.groups, [GROUP_JOINING, GROUP_MASTERS]))
		throw forbiddenError(NODES, "", `User ${JSON.stringify(user.name)} cannot join nodes: a join token is needed`);
	const request = parseBody<JoinRequest>(await readJsonBody(c.req.raw));
	checkVersion(request.version);
	if (!NODE_NAME.test(request.nodeName ?? "")) throw badRequest(`nodeName ${JSON.stringify(request.nodeName)} must be a lowercase RFC 1123 subdomain`);
	if (request.taints !== undefined && !Array.isArray(request.taints)) throw badRequest("taints must be a list");
	if (typeof request.instanceId !== "string" || request.instanceId === "") throw badRequest("instanceId must be given");
	const cluster = c.get("cluster");
	const joined = await clusterObject(c.env, cluster).join(request);
	if (!joined.ok) throw StatusError.from(joined.status);
	const lifeSeconds = request.renews === true ? NODE_CREDENTIAL_SECONDS : undefined;
	const network = clusterNetworkOf(c.env.PETREL_NETWORK);
	const response: JoinResponse = {
		version: AGENT_PROTOCOL_VERSION,
		credential: await signNodeCredential(c.env, cluster, request.nodeName, Date.now(), lifeSeconds),
		...(lifeSeconds === undefined ? {} : { credentialSeconds: lifeSeconds }),
		caCertificate: c.env.PETREL_CA,
		clusterDomain: CLUSTER_DOMAIN,
		// What agents of before there were two families read.
		dnsAddress: dnsAddresses(network)[0] ?? "",
		serviceCidr: network.serviceCidrs[0] ?? "",
		podCidr: joined.podCidrs[0] ?? "",
		podCidrs: joined.podCidrs,
		network,
	};
	return answerValue(response, 200, PLAIN_JSON);
}

/** @throws StatusError 403 unless the node itself asks. */
function checkIsNode(c: FrontDoor, node: string): void {
	const user = c.get("user");
	if (user.name !== `system:node:${node}` || !user.groups.includes(GROUP_NODES))
		throw forbiddenError(NODES, node, `User ${JSON.stringify(user.name)} is not this node`);
}

/** POST /agent/v1/nodes/{name}/credential: a new credential, for as long as the node is this agent's. */
export async function serveCredential(c: FrontDoor): Promise<Response> {
	const node = c.req.param("name") ?? "";
	checkIsNode(c, node);
	const request = parseBody<CredentialRequest>(await readJsonBody(c.req.raw));
	checkVersion(request.version);
	const cluster = c.get("cluster");
	const refusal = await clusterObject(c.env, cluster).ownsNode({ version: request.version, nodeName: node, instanceId: request.instanceId });
	if (refusal) throw StatusError.from(refusal);
	const credential = await signNodeCredential(c.env, cluster, node, Date.now(), NODE_CREDENTIAL_SECONDS);
	const response: CredentialResponse = { version: AGENT_PROTOCOL_VERSION, credential, credentialSeconds: NODE_CREDENTIAL_SECONDS };
	return answerValue(response, 200, PLAIN_JSON);
}

const reports = (request: PollRequest): boolean =>
	(["statuses", "stopped", "volumesDeleted"] as const).some((list) => (request[list]?.length ?? 0) > 0) ||
	request.node !== undefined ||
	request.usage !== undefined;

const nothingNew = (request: PollRequest): PollResponse => ({
	version: AGENT_PROTOCOL_VERSION,
	cursor: request.cursor,
	networkCursor: request.networkCursor,
	full: false,
	pods: [],
	removed: [],
	configMaps: [],
	secrets: [],
	network: [],
	commands: [],
});

/** POST /agent/v1/nodes/{name}/poll: what the agent reports. */
export async function serveReport(c: FrontDoor): Promise<Response> {
	const node = c.req.param("name") ?? "";
	checkIsNode(c, node);
	const request = parseBody<PollRequest>(await readJsonBody(c.req.raw));
	checkVersion(request.version);
	const cluster = c.get("cluster");
	const owner = nodeObject(c.env, cluster, node);
	if (reports(request)) await owner.report(cluster, node, request);
	return answerValue(await owner.poll(cluster, node, request), 200, PLAIN_JSON);
}

/** POST /agent/v1/nodes/{name}/certificate: what the agent serves the API with to the node's pods. */
export async function serveCertificate(c: FrontDoor): Promise<Response> {
	const node = c.req.param("name") ?? "";
	checkIsNode(c, node);
	const request = parseBody<CertificateRequest>(await readJsonBody(c.req.raw));
	checkVersion(request.version);
	const signed = await clusterObject(c.env, c.get("cluster")).signApiServing(request.publicKey);
	if (!signed.ok) throw StatusError.from(signed.status);
	const response: CertificateResponse = { version: AGENT_PROTOCOL_VERSION, certificate: signed.certificate };
	return answerValue(response, 200, PLAIN_JSON);
}

const SECRET_USES: readonly VolumeSecretUse[] = ["nodeStage", "nodePublish", "nodeExpand"];
/** Reads what no node may by itself. */
const CONTROL_PLANE = { name: "system:apiserver", groups: [GROUP_MASTERS] };

/** POST /agent/v1/nodes/{name}/volume-secret: who may read a volume, since a pod of the node's has it, is told its Secret. */
export async function serveVolumeSecret(c: FrontDoor): Promise<Response> {
	checkIsNode(c, c.req.param("name") ?? "");
	const { version, volume, use } = parseBody<VolumeSecretRequest>(await readJsonBody(c.req.raw));
	checkVersion(version);
	if (typeof volume !== "string" || volume === "") throw badRequest("volume must be given");
	if (!SECRET_USES.includes(use)) throw badRequest(`use ${JSON.stringify(use)} must be one of ${SECRET_USES.join(", ")}`);
	const read = (user: UserInfo, path: string): Promise<Response> =>
		serveAs(c, user, { method: "GET", path, query: {}, contentType: "application/json", body: "", userAgent: c.req.header("user-agent") ?? "" });
	const found = await read(c.get("user"), `/api/v1/persistentvolumes/${encodeURIComponent(volume)}`);
	if (!found.ok) return found;
	const ref = ((await found.json()) as PersistentVolume).spec?.csi?.[`${use}SecretRef`];
	if (!ref?.name || !ref.namespace) throw notFound({ group: "", resource: "secrets" }, "");
	return read(CONTROL_PLANE, `/api/v1/namespaces/${encodeURIComponent(ref.namespace)}/secrets/${encodeURIComponent(ref.name)}`);
}

/** GET /agent/v1/nodes/{name}/poll: the poll that waits for news. The object sleeps until then. */
export async function serveHeldPoll(c: FrontDoor): Promise<Response> {
	const node = c.req.param("name") ?? "";
	checkIsNode(c, node);
	if (!isWebSocketUpgrade(c.req.raw.headers)) throw badRequest("a held poll is a WebSocket");
	const request = parseBody<PollRequest>(c.req.header(POLL_REQUEST_HEADER) ?? "");
	checkVersion(request.version);
	const poll = jsonHeader(request);
	if (poll.length > MAX_HELD_POLL_BYTES) throw badRequest("the poll's ids are too long");
	const cluster = c.get("cluster");
	const headers = { Upgrade: "websocket", [CLUSTER_HEADER]: cluster, [NODE_HEADER]: node, [POLL_HEADER]: poll };
	const response = (await nodeObject(c.env, cluster, node).fetch("https://object/hold", { headers })) as Response;
	if (!response.webSocket) return new Response(response.body, { status: response.status, headers: { "content-type": "application/json" } });
	const { 0: client, 1: server } = new WebSocketPair();
	joinPoll(server, response.webSocket, request);
	return new Response(null, { status: 101, webSocket: client });
}

/** Passes the object's answer on to the agent. The object hears of the agent's going, or of its silence, by the close of its own socket. */
function joinPoll(agentSocket: WebSocket, objectSocket: WebSocket, request: PollRequest): void {
	const end = (objectCode: number) => {
		clearTimeout(finish);
		clearTimeout(silence);
		object.close(objectCode);
		agent.close(NORMAL_CLOSURE);
	};
	const answer = (text: string) => {
		agentSocket.send(text);
		end(NORMAL_CLOSURE);
	};
	const gone = () => end(CLIENT_GONE_CODE);
	const finish = setTimeout(() => answer(JSON.stringify(nothingNew(request))), POLL_HOLD_MS);
	const silent = () => end(AGENT_SILENT_CODE);
	let silence = setTimeout(silent, POLL_SILENCE_MS);
	const beat = () => {
		clearTimeout(silence);
		silence = setTimeout(silent, POLL_SILENCE_MS);
		agentSocket.send("");
	};
	const agent = listen(agentSocket, { message: beat, closed: gone });
	const object = listen(objectSocket, { message: answer, closed: gone });
}

/** GET /agent/v1/sessions/{id}: the agent's end of a session. Its id is a secret that only the node was told. */
export async function serveAgentSession(c: FrontDoor): Promise<Response> {
	const user = c.get("user");
	if (!user.groups.includes(GROUP_NODES)) throw forbiddenError(NODES, "", `User ${JSON.stringify(user.name)} is not a node`);
	if (!isWebSocketUpgrade(c.req.raw.headers)) throw new StatusError(400, "BadRequest", "a session is a WebSocket");
	const id = c.req.param("id") ?? "";
	if (!/^[0-9a-f]{64}$/.test(id)) throw badRequest("the session's id is malformed");
	const headers = { Upgrade: "websocket", [CLUSTER_HEADER]: c.get("cluster"), [NODE_HEADER]: user.name, [SESSION_SIDE_HEADER]: "agent" };
	const response = (await sessionObject(c.env, id).fetch("https://object/session", { headers })) as Response;
	if (!response.webSocket) throw unavailable("the session is over");
	return response;
}

/** The node whose agent dials a WebSocket; `what` names that in a refusal. */
function dialledBy(c: FrontDoor, what: string): string {
	const user = c.get("user");
	const node = /^system:node:(.+)$/.exec(user.name)?.[1];
	if (node === undefined || !user.groups.includes(GROUP_NODES)) throw forbiddenError(NODES, "", `User ${JSON.stringify(user.name)} is not a node`);
	if (!isWebSocketUpgrade(c.req.raw.headers)) throw badRequest(`${what} is a WebSocket`);
	return node;
}

/** GET /agent/v1/relays/{node}: the agent's end of the relay to a node that it cannot reach directly. */
export async function serveAgentRelay(c: FrontDoor): Promise<Response> {
	const node = dialledBy(c, "a relay");
	const other = c.req.param("node") ?? "";
	if (!/^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$/.test(other) || other === node) throw badRequest("the relay's other node is not one");
	const headers = { Upgrade: "websocket", [CLUSTER_HEADER]: c.get("cluster"), [NODE_HEADER]: node };
	return (await relayObject(c.env, c.get("cluster"), [node, other]).fetch("https://object/relay", { headers })) as Response;
}

/** GET /agent/v1/tunnels/{number}: the agent's end of one of its node's tunnels. */
export async function serveAgentTunnel(c: FrontDoor): Promise<Response> {
	const node = dialledBy(c, "a tunnel");
	const tunnel = c.req.param("tunnel") ?? "";
	if (!/^\d{1,3}$/.test(tunnel) || Number(tunnel) >= TUNNELS_MAX) throw badRequest("the tunnel's number is out of range");
	const headers = { Upgrade: "websocket", [CLUSTER_HEADER]: c.get("cluster"), [NODE_HEADER]: c.get("user").name, [TUNNEL_SIDE_HEADER]: "agent" };
	return (await tunnelObject(c.env, c.get("cluster"), node, Number(tunnel)).fetch("https://object/tunnel", { headers })) as Response;
}
