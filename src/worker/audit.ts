/**
 * The audit log: audit.k8s.io/v1 Events, one JSON line each, by the deployment's policy. Without a policy there is no
 * record of a request, and nothing is done for one.
 */
import { type AuditDecision, type AuditPolicy, auditDecision, DEFAULT_AUDIT_POLICY, readAuditPolicy, type Stage } from "../core/audit/policy.ts";
import type { UserInfo } from "../core/api/request.ts";
import type { Impersonated } from "../core/authz/impersonation.ts";
import type { Decision } from "../core/authz/attributes.ts";
import { clusterObject, namespaceObject } from "../objects/addresses.ts";
import type { Json, JsonObject } from "../core/meta/object.ts";
import { GROUP_MASTERS, type WorkerEnv } from "../core/protocol/tokens.ts";
import { parseResourcePath, type ResourcePath } from "./request-info.ts";
import { shownPath } from "./shown-path.ts";

/** PETREL_AUDIT_POLICY for the policy that is built in. */
const DEFAULT_POLICY = "default";
/** An object beyond this is left out of its event, in characters: a log line has limits of its own. */
export const AUDITED_OBJECT_MAX = 64 * 1024;
const SWITCHING_PROTOCOLS = 101;
const PATCH_ANNOTATION = "patch.webhook.admission.k8s.io/";
const USER_AGENT_MAX = 1_024;
const TRUNCATED = "...TRUNCATED";
const WEBHOOK_TIMEOUT_MS = 10_000;

interface Status {
	metadata: object;
	code: number;
	status?: string;
	reason?: string;
	message?: string;
}

type AuditEvent = JsonObject;

let read: { text: string; policy: AuditPolicy | undefined } | undefined;

/** Throws when the policy cannot be used: like kube-apiserver, nothing is served without the log that was asked for. */
export function auditPolicyOf(text: string): AuditPolicy | undefined {
	if (read?.text !== text)
		read = { text, policy: text === "" ? undefined : text === DEFAULT_POLICY ? DEFAULT_AUDIT_POLICY : readAuditPolicy(JSON.parse(text)) };
	return read.policy;
}

const microTime = (ms: number): string => new Date(ms).toISOString().replace("Z", "000Z");
const shownUser = ({ name, uid, groups, extra }: UserInfo): JsonObject => ({
	username: name,
	...(uid ? { uid } : {}),
	groups: [...groups],
	...(extra ? { extra: Object.fromEntries(Object.entries(extra).map(([key, values]) => [key, [...values]])) } : {}),
});

function withoutManagedFields(value: Json): Json {
	if (value === null || typeof value !== "object" || Array.isArray(value)) return value;
	const { metadata, items } = value;
	const next: JsonObject = { ...value };
	if (metadata !== null && typeof metadata === "object" && !Array.isArray(metadata)) {
		const { managedFields: _, ...kept } = metadata;
		next["metadata"] = kept;
	}
	if (Array.isArray(items)) next["items"] = items.map(withoutManagedFields);
	return next;
}

/** What is known of one request, as it goes on. */
export class AuditRecord {
	readonly #policy: AuditPolicy;
	readonly #request: Request;
	readonly #id: string;
	readonly #receivedMs: number;
	readonly #path: string;
	readonly #resource: ResourcePath | undefined;
	#user: UserInfo | undefined;
	#impersonated: Impersonated | undefined;
	#decision: AuditDecision | undefined;
	#requestObject: Json | undefined;
	#cluster = "";
	#admission: Record<string, string> = {};
	#reason: string | undefined;
	#done = false;
	readonly events: AuditEvent[] = [];

	/** `path`: below the cluster's root. */
	constructor(policy: AuditPolicy, request: Request, path: string, id: string, nowMs: number) {
		this.#policy = policy;
		this.#request = request;
		this.#path = path;
		this.#id = id;
		this.#receivedMs = nowMs;
		this.#resource = resourceOf(request, path);
	}

	/** Who asks is known: the policy decides. */
	authenticated(cluster: string, user: UserInfo, impersonated: Impersonated | undefined): void {
		this.#cluster = cluster;
		this.#user = user;
		this.#impersonated = impersonated;
		this.#decision = auditDecision(this.#policy, { user: impersonated?.user ?? user, verb: this.#verb, resource: this.#resource, path: this.#path });
		this.#emit("RequestReceived", this.#receivedMs, {});
	}

	/** What was sent, as JSON text. */
	sent(body: string): void {
		if (body === "" || body.length > AUDITED_OBJECT_MAX || !this.#keepsRequest) return;
		this.#requestObject = this.#trimmed(JSON.parse(body) as Json);
	}

	/** What admission has to say of the request. A webhook's patch is content, and goes where the content goes. */
	annotate(annotations: Record<string, string>): void {
		for (const [key, value] of Object.entries(annotations)) if (this.#keepsRequest || !key.startsWith(PATCH_ANNOTATION)) this.#admission[key] = value;
	}

	/** Why the request was allowed. */
	allowed(reason: string): void {
		this.#reason = reason;
	}

	/** Whether there is to be an entry. */
	get isWanted(): boolean {
		return this.#decision !== undefined && this.#decision.level !== "None";
	}

	/** Asks why the request was allowed, where the answer itself did not say. */
	async findReason(env: WorkerEnv): Promise<void> {
		const user = this.#impersonated?.user ?? this.#user;
		if (!this.isWanted || this.#reason !== undefined || user === undefined || user.groups.includes(GROUP_MASTERS)) return;
		this.#reason = await this.#decided(env, user).then(
			({ reason }) => reason,
			(cause: unknown) => {
				console.error(JSON.stringify({ level: "error", message: "the audit log does not know why a request was allowed", cause: String(cause) }));
				return "";
			},
		);
	}

	#decided(env: WorkerEnv, user: UserInfo): Promise<Decision> {
		if (this.#resource === undefined) return clusterObject(env, this.#cluster).decision(user, { verb: this.#verb, path: this.#path });
		const { verb, group, resource, subresource, namespace, name } = this.#resource;
		const attributes = { verb, group, resource, subresource, namespace, name };
		return namespace === ""
			? clusterObject(env, this.#cluster).decision(user, attributes)
			: namespaceObject(env, this.#cluster, namespace).decision(user, attributes);
	}

	/** Whether the answer's object belongs into the event. */
	get keepsResponse(): boolean {
		return this.#decision?.level === "RequestResponse";
	}

	get #keepsRequest(): boolean {
		return this.#decision?.level === "Request" || this.keepsResponse;
	}

	/** A stream's head has gone out. */
	started(code: number, nowMs: number): void {
		this.#emit("ResponseStarted", nowMs, { responseStatus: statusOf(code, undefined) });
	}

	/** `body`: the answer as JSON text; undefined where it is a stream or no JSON. */
	completed(code: number, body: string | undefined, nowMs: number): void {
		if (this.#done) return;
		this.#done = true;
		// Nobody was let in: there is no user to match rules by.
		if (this.#decision === undefined)
			this.#decision = {
				level: this.#policy.rules.length > 0 ? "Metadata" : "None",
				omitStages: new Set(this.#policy.omitStages ?? []),
				omitManagedFields: true,
			};
		const parsed = body === undefined || body.length > AUDITED_OBJECT_MAX ? undefined : parse(body);
		const status = statusOf(code, parsed);
		this.#emit("ResponseComplete", nowMs, {
			responseStatus: status,
			...(this.keepsResponse && parsed !== undefined ? { responseObject: this.#trimmed(parsed) } : {}),
			annotations: this.#annotations(code, status),
		});
	}

	#annotations(code: number, status: Status): JsonObject {
		const isRefused = code === 403 && / cannot \w+ (resource|path) /.test(status.message ?? "");
		if (this.#user === undefined) return {};
		return {
			...this.#admission,
			"authorization.k8s.io/decision": isRefused ? "forbid" : "allow",
			"authorization.k8s.io/reason": isRefused ? (/: (RBAC: .*)$/.exec(status.message ?? "")?.[1] ?? "") : (this.#reason ?? ""),
		};
	}

	#trimmed(value: Json): Json {
		return this.#decision?.omitManagedFields ? withoutManagedFields(value) : value;
	}

	get #verb(): string {
		return this.#resource?.verb ?? this.#request.method.toLowerCase();
	}

	#emit(stage: Stage, nowMs: number, more: { responseStatus?: Status; responseObject?: Json; annotations?: JsonObject }): void {
		const decision = this.#decision;
		if (decision === undefined || decision.level === "None" || decision.omitStages.has(stage)) return;
		const { headers, url } = this.#request;
		const agent = headers.get("user-agent") ?? "";
		const { pathname, search } = new URL(url);
		const event = {
			kind: "Event",
			apiVersion: "audit.k8s.io/v1",
			level: decision.level,
			auditID: this.#id,
			stage,
			requestURI: shownPath(pathname + search),
			verb: this.#verb,
			user: this.#user ? shownUser(this.#user) : {},
			...(this.#impersonated ? { impersonatedUser: shownUser(this.#impersonated.user) } : {}),
			...(this.#impersonated?.constraint ? { authenticationMetadata: { impersonationConstraint: this.#impersonated.constraint } } : {}),
			...sourceOf(headers),
			...(agent === "" ? {} : { userAgent: agent.length > USER_AGENT_MAX ? agent.slice(0, USER_AGENT_MAX) + TRUNCATED : agent }),
			...(this.#resource ? { objectRef: objectRef(this.#resource) } : {}),
			...(this.#requestObject !== undefined && stage !== "RequestReceived" ? { requestObject: this.#requestObject } : {}),
			requestReceivedTimestamp: microTime(this.#receivedMs),
			stageTimestamp: microTime(nowMs),
			...more,
		};
		this.events.push(event as unknown as AuditEvent);
		console.log(JSON.stringify(event));
	}
}

function resourceOf(request: Request, path: string): ResourcePath | undefined {
	try {
		return parseResourcePath(request.method, path, new URL(request.url).searchParams);
	} catch {
		return undefined;
	}
}

function sourceOf(headers: Headers): { sourceIPs?: string[] } {
	const address = headers.get("cf-connecting-ip");
	return address ? { sourceIPs: [address] } : {};
}

const objectRef = ({ group, version, resource, subresource, namespace, name }: ResourcePath): JsonObject => ({
	resource,
	...(namespace ? { namespace } : {}),
	...(name ? { name } : {}),
	...(group ? { apiGroup: group } : {}),
	apiVersion: version,
	...(subresource ? { subresource } : {}),
});

function parse(body: string): Json | undefined {
	try {
		return JSON.parse(body) as Json;
	} catch {
		return undefined;
	}
}

function statusOf(code: number, body: Json | undefined): Status {
	const told =
		body !== null && typeof body === "object" && !Array.isArray(body) && body?.["kind"] === "Status" && code >= 400
			? (body as unknown as Partial<Status>)
			: undefined;
	if (told === undefined) return { metadata: {}, code };
	const { status, reason, message } = told;
	return { metadata: {}, ...(status ? { status } : {}), ...(message ? { message } : {}), ...(reason ? { reason } : {}), code };
}

const records = new WeakMap<Request, AuditRecord>();

/** The record of a request; undefined where nothing is audited. */
export const auditOf = (request: Request): AuditRecord | undefined => records.get(request);

export function beginAudit(env: WorkerEnv, request: Request, path: string, id: string, nowMs: number): AuditRecord | undefined {
	const policy = auditPolicyOf(env.PETREL_AUDIT_POLICY ?? "");
	if (policy === undefined) return undefined;
	const record = new AuditRecord(policy, request, path, id, nowMs);
	records.set(request, record);
	return record;
}

const isJson = (response: Response): boolean => response.headers.get("content-type")?.startsWith("application/json") === true;

/** Tells of the answer: of a stream when it begins and when it ends, of anything else at once. Answers what is to be sent. */
export async function endAudit(env: WorkerEnv, record: AuditRecord, response: Response, isStream: boolean, ctx: ExecutionContext): Promise<Response> {
	if (isStream && response.ok && response.body) {
		record.started(response.status, Date.now());
		const finished = async () => {
			await record.findReason(env);
			record.completed(response.status, undefined, Date.now());
			send(env, record, ctx);
		};
		const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>();
		ctx.waitUntil((response.body as ReadableStream<Uint8Array>).pipeTo(writable).then(finished, finished));
		return new Response(readable, response);
	}
	// Where a switched connection leads to is not seen from here, nor when it ends.
	if (response.status === SWITCHING_PROTOCOLS) record.started(response.status, Date.now());
	const wanted = isJson(response) && response.body !== null && (record.keepsResponse || response.status >= 400);
	const text = wanted ? await response.clone().text() : undefined;
	if (response.ok || response.status === SWITCHING_PROTOCOLS) await record.findReason(env);
	record.completed(response.status, text, Date.now());
	send(env, record, ctx);
	return response;
}

/** To the webhook backend, where there is one. An event that it does not take is in the log all the same. */
function send(env: WorkerEnv, record: AuditRecord, ctx: ExecutionContext): void {
	const items = record.events.splice(0);
	if (!env.PETREL_AUDIT_WEBHOOK || items.length === 0) return;
	const body = JSON.stringify({ kind: "EventList", apiVersion: "audit.k8s.io/v1", metadata: {}, items });
	const request = fetch(env.PETREL_AUDIT_WEBHOOK, {
		method: "POST",
		headers: { "content-type": "application/json" },
		body,
		signal: AbortSignal.timeout(WEBHOOK_TIMEOUT_MS),
	});
	ctx.waitUntil(
		request.then(
			(response) => response.body?.cancel(),
			(cause: unknown) => console.error(JSON.stringify({ level: "error", message: "the audit webhook could not be reached", cause: String(cause) })),
		),
	);
}
