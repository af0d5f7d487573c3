/**
 * What the front door asks of the Durable Objects: methods (the interfaces below) and three fetch paths.
 *
 *   POST https://object/api     one API request: REQUEST_HEADER holds the ApiRequest without its body, the HTTP body is the
 *                               object's JSON. Answers JSON (a streamed one for lists); warnings in WARNINGS_HEADER.
 *                               With CALLS_HEADER the answer is a CallsWanted instead: the front door makes the calls and
 *                               sends the request again with SUBMISSION_HEADER, its HTTP body now a Resubmission.
 *   GET  https://object/watch   Upgrade: websocket, REQUEST_HEADER. 101, or a Status. Each text message holds one or more
 *                               lines, each a watch event `{"type":...,"object":{...}}`. Close code WATCH_EXPIRED_CODE: 410.
 *                               The first message comes at once: the initial state or what was missed; a bare newline for
 *                               nothing. A watch of all namespaces is recognised by its empty ApiRequest.namespace.
 *   GET  https://object/hold    (Node object) Upgrade: websocket, POLL_HEADER, NODE_HEADER: one text message, a PollResponse.
 *
 *   GET  https://object/lease   (Edge object) Upgrade: websocket, LEASE_HEADER: held while a request for a Service whose pods may
 *                               sleep is under way. A text message: the Service has pods, or others than before.
 *
 * Every fetch carries CLUSTER_HEADER.
 */
import type { Draws, OutsideCall, Submission } from "../core/admission/outside-call.ts";
import type { ApiRequest, UserInfo } from "../core/api/request.ts";
import type { Attributes, Decision, ResourceAttributes } from "../core/authz/attributes.ts";
import type { Impersonated } from "../core/authz/impersonation.ts";
import type { Status } from "../core/errors/status-error.ts";
import type { EdgeCertificate, EdgeTablePart } from "../core/edge/edge-table.ts";
import type { AgentCommand, JoinRequest, NodeUsage, PollRequest, PollResponse } from "../core/protocol/agent-protocol.ts";
import type { ObjectAddress, PodRef } from "../core/protocol/messages.ts";
import type { ConnectOptions } from "../core/kinds/connect-options.ts";
import type { AuthenticationV1TokenRequest as TokenRequest } from "../core/schema/kubernetes.d.ts";
import type { TunnelTarget } from "../core/tunnel/frame.ts";
import type { LegacyAccountTokenClaims, ServiceAccountTokenClaims } from "../core/protocol/tokens.ts";
import type { ServiceFacts } from "../core/controllers/apiservice/availability.ts";
import type { UsageTarget } from "../core/usage/resource-metrics.ts";
import type { FrontProxyClient } from "./cluster-ca.ts";
import type { DefinitionSet } from "./custom-definitions.ts";
import type { DeliveryEnd, DeliveryRequest, Receipt } from "./webhook-receiving.ts";

/** The cluster's name. */
export const CLUSTER_HEADER = "x-petrel-cluster";
/** The ApiRequest without its body, as JSON with every character above U+007E escaped. */
export const REQUEST_HEADER = "x-petrel-request";
/** "1": the Cluster object has authorised this request for all namespaces; admission of the verb is not asked again. */
export const AUTHORIZED_HEADER = "x-petrel-authorized";
/** The object advances its clock to this version before it lists. */
export const AT_LEAST_HEADER = "x-petrel-at-least";
/** With AT_LEAST_HEADER: answer 304 when nothing of the collection changed since this version. */
export const IF_CHANGED_SINCE_HEADER = "x-petrel-if-changed-since";
/** "1": a list is to be answered by its items alone, joined by commas, with ITEM_COUNT_HEADER and VERSION_HEADER. */
export const ITEMS_ONLY_HEADER = "x-petrel-items-only";
export const ITEM_COUNT_HEADER = "x-petrel-item-count";
/** metadata.resourceVersion of the list. */
export const VERSION_HEADER = "x-petrel-version";
/** "1" in an answer: other machines are to be asked first. */
export const CALLS_HEADER = "x-petrel-calls";
/** "1": the HTTP body is a Resubmission. */
export const SUBMISSION_HEADER = "x-petrel-submission";
/** In an answer: a JSON array of warning texts, non-ASCII escaped. */
export const WARNINGS_HEADER = "x-petrel-warnings";
/** In an answer: what admission adds to the audit log's entry, a JSON object of texts, non-ASCII escaped. */
export const ANNOTATIONS_HEADER = "x-petrel-annotations";
/** In the answer to an audited request: why it was allowed, a JSON text, non-ASCII escaped. */
export const REASON_HEADER = "x-petrel-reason";
/** A PollRequest as JSON, non-ASCII escaped. */
export const POLL_HEADER = "x-petrel-poll";
export const NODE_HEADER = "x-petrel-node";
/** Which end of a session dials: "client" or "agent". */
export const SESSION_SIDE_HEADER = "x-petrel-session-side";
/** Who dials a tunnel: "agent" or "stream". */
export const TUNNEL_SIDE_HEADER = "x-petrel-tunnel-side";
/** The Service that a lease is for, as its key in the edge's table. */
export const LEASE_HEADER = "x-petrel-lease";
/** The session's kind (SessionRequest.kind), given with the client's side. */
export const SESSION_KIND_HEADER = "x-petrel-session-kind";

/** An object closes a watch's socket with this when the version it resumes from is compacted away. */
export const WATCH_EXPIRED_CODE = 4410;
/** The front door closes a socket with this when its client has gone. */
export const CLIENT_GONE_CODE = 1001;
/** The front door closes a held poll's socket with this when the agent has said nothing for POLL_SILENCE_MS. */
export const AGENT_SILENT_CODE = 4408;

/** What must be asked of other machines before a request can be served. */
export interface CallsWanted {
	draws: Draws;
	calls: readonly OutsideCall[];
}

/** A request again, with what was answered. */
export interface Resubmission {
	/** The request's own body. */
	body: string;
	submission: Submission;
}

export type Refusal = { ok: false; status: Status };

export interface ImpersonationAsked {
	requestor: UserInfo;
	target: UserInfo;
	/** What is to be done as the target. */
	request: Attributes;
	/** What the namespace of a ServiceAccount says of impersonating it, by verb, where the one that is asked is another. */
	account: Readonly<Record<string, Decision>>;
}

export type ImpersonationAnswer = ({ ok: true } & Impersonated) | Refusal;

export type UsageTargets = { ok: true; targets: UsageTarget[] } | Refusal;

export interface ClusterRpc {
	/** Makes a hosted cluster; again without effect. */
	create(): Promise<void>;
	/** Takes an object of the cluster into the list that a deletion works off, before it keeps anything. Rejects when there is no such cluster. */
	adopt(address: ObjectAddress): Promise<void>;
	/** Leaves nothing of the cluster or of any object of it. May be called again after a failure. */
	destroy(): Promise<void>;
	/** The nodes that a request of metrics.k8s.io means, once it is authorised. */
	usageTargets(request: ApiRequest): Promise<UsageTargets>;
	/** The CustomResourceDefinitions; null for who has their present version. */
	definitions(haveVersion: number): Promise<DefinitionSet>;
	/** The names of all namespaces that hold or may hold objects, terminating ones included. */
	namespaces(): Promise<string[]>;
	/** Whether the user may do this at cluster scope (lists and watches of all namespaces, TokenReview): null, or the refusal. */
	authorizeCluster(request: ApiRequest): Promise<Status | null>;
	/** What the cluster's roles say of a user. */
	decision(user: UserInfo, attributes: Attributes): Promise<Decision>;
	/** Whether the user may do this to a path that is no resource: null, or the refusal. */
	authorizePath(user: UserInfo, verb: string, path: string): Promise<Status | null>;
	/** Whether a user may act as another, and as whom exactly. */
	authorizeImpersonation(asked: ImpersonationAsked): Promise<ImpersonationAnswer>;
	/** The uid of a Node; null when there is none. */
	nodeUid(name: string): Promise<string | null>;
	/** Whether the Node is still this agent instance's: null, or the refusal. */
	ownsNode(request: JoinRequest): Promise<Status | null>;
	/** A node whose agent is connected; null when there is none. */
	connectedNode(): Promise<string | null>;
	/** A certificate for the API's names inside the cluster. */
	signApiServing(publicKey: unknown): Promise<{ ok: true; certificate: string } | Refusal>;
	/** A certificate and key by which extension API servers know this server. */
	frontProxyClient(): Promise<FrontProxyClient>;
	/** Takes a node's name for an agent instance and gives it its pod addresses. */
	join(request: JoinRequest): Promise<{ ok: true; podCidrs: string[] } | Refusal>;
}

export interface NamespaceRpc {
	/** Whether the user may do this in the namespace: null, or the refusal. For what another server serves. */
	authorizeNamespaced(request: ApiRequest): Promise<Status | null>;
	/** What there is of the Service of an aggregated API; the control plane itself asks. */
	serviceFacts(service: string, port: number): Promise<ServiceFacts>;
	/** What the roles here say of a user. */
	decision(user: UserInfo, attributes: ResourceAttributes): Promise<Decision>;
	/** As the Cluster object's, by the roles of this namespace too: for a request that is of it. */
	authorizeImpersonation(asked: ImpersonationAsked): Promise<ImpersonationAnswer>;
	/** The user of a bootstrap token, asked of kube-system: null when it is none. */
	bootstrapUser(id: string, secret: string): Promise<UserInfo | null>;
	/** Whether the Secret that holds this token, and its ServiceAccount, are still there: null, or what is wrong. */
	legacyTokenProblem(claims: LegacyAccountTokenClaims, token: string): Promise<string | null>;
	/** The pods that a request of metrics.k8s.io means, once it is authorised, unless it is already. */
	usageTargets(request: ApiRequest, authorized: boolean): Promise<UsageTargets>;
	/** An endpoint of a Service that takes connections for this port; the control plane itself asks. */
	serviceEndpoint(service: string, port: number): Promise<ServiceEndpoint | Refusal>;
	/** Verifies a delivery to a WebhookReceiver, and says what is to be done about it. The next of the same receiver waits for `finishWebhook`. */
	receiveWebhook(request: DeliveryRequest): Promise<{ ok: true; receipt: Receipt } | Refusal>;
	/** Takes note of the moment of an event about a subject; false where a later one is known. */
	webhookFollows(uid: string, subject: string, timeMs: number): Promise<boolean>;
	/** What came of a delivery. */
	finishWebhook(end: DeliveryEnd): Promise<void>;
	/** Whether the ServiceAccount, and the pod, that a token is bound to are still there: null, or what is wrong. */
	boundTokenProblem(bound: ServiceAccountTokenClaims["kubernetes.io"]): Promise<string | null>;
}

/** The answer to exec, attach, portforward or log: where the pod runs and which container is meant ("" for portforward). */
export interface PodConnection {
	node: string;
	pod: PodRef;
	container: string;
	/** As admission left them. */
	options: ConnectOptions;
}

/** The answer to a proxy subresource: which pod, or port of a node, is meant. The request's name may carry scheme and port. */
export interface ProxyTarget {
	/** The node whose tunnel leads there. */
	node: string;
	/** Behind the address, as admission left it; "" for none. */
	path: string;
	target: TunnelTarget;
	scheme: "http" | "https";
	/** Host and port as an error names them. */
	authority: string;
}

export interface ServiceEndpoint {
	ok: true;
	/** "" where the endpoint is no pod and belongs to no node: any that is connected. */
	node: string;
	target: TunnelTarget;
}

/** What the front door may sign. */
/** The answer to serviceaccounts/{name}/token: the account and the bound object are there, and the front door may sign. */
export interface ServiceAccountGrant {
	/** As admission left it. */
	request: TokenRequest;
	claims: Pick<ServiceAccountTokenClaims, "sub" | "aud" | "kubernetes.io">;
	expirationSeconds: number;
}

export interface EdgeRpc {
	/** The routing table: what changed since that version, or all of it; null for who has it as it is. */
	table(haveVersion: number): Promise<EdgeTablePart | null>;
	/** The certificate to show for a host; null when there is none. */
	certificate(host: string): Promise<EdgeCertificate | null>;
}

export interface SessionRpc {
	/** Ends the session and leaves nothing of it. */
	destroy(): Promise<void>;
}

export interface NodeRpc {
	/** A session that the node's agent was told of has ended. */
	sessionEnded(id: string): Promise<void>;
	/** Stores what the agent reports (statuses, stopped pods, node status). Resolves once it is durable. */
	report(cluster: string, node: string, request: PollRequest): Promise<void>;
	/** What changed since the request's cursors, at once. */
	poll(cluster: string, node: string, request: PollRequest): Promise<PollResponse>;
	/** Hands a command to the agent; false when no agent is connected. */
	command(cluster: string, node: string, command: AgentCommand): Promise<boolean>;
	/** What is used on the node, as its agent says now or has said a moment ago; null when none answers. */
	usage(): Promise<NodeUsage | null>;
}
