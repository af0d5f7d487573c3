/** From a request to its verb. */
import type { FollowUp } from "../../core/admission/admission.ts";
import type { ApiRequest, ApiResponse } from "../../core/api/request.ts";
import { methodNotSupported, notFound, pathNotFound, StatusError } from "../../core/errors/status-error.ts";
import { type KindDefinition, resourceOf } from "../../core/kinds/define-kind.ts";
import type { ResourceServer } from "../resource-server.ts";
import { bind } from "./binding.ts";
import { connectPod } from "./connect.ts";
import { create } from "./create.ts";
import { deleteOne } from "./delete.ts";
import { deleteCollection } from "./delete-collection.ts";
import { evict } from "./eviction.ts";
import { listBody } from "./list.ts";
import { patch } from "./patch.ts";
import { proxy } from "./proxy.ts";
import { isReview, review } from "./review.ts";
import { scale } from "./scale.ts";
import { requestToken } from "./token.ts";
import { update } from "./update.ts";
import { existing, groupResource, type VerbCall, type VerbResult } from "./verb.ts";

const VERBS: Record<string, (call: VerbCall) => VerbResult> = { create, update, patch, delete: deleteOne, deletecollection: deleteCollection };
const OBJECT_SUBRESOURCE_VERBS: Record<string, (call: VerbCall) => VerbResult> = { get: (call) => ({ code: 200, object: existing(call) }), update, patch };
/** Collections that are written to and hold nothing. */
const CREATES: Record<string, (call: VerbCall) => VerbResult> = { bindings: bind };
/** Subresources that are no part of the object. Of a connection the answer is where it leads. */
const CONNECTS: Record<string, (call: VerbCall) => VerbResult> = {
	attach: connectPod,
	binding: bind,
	eviction: evict,
	exec: connectPod,
	log: connectPod,
	portforward: connectPod,
	proxy,
	token: requestToken,
};

/** The kind that a request speaks of; throws 404 for what is not served. */
export function kindOf(server: ResourceServer, request: ApiRequest): KindDefinition {
	const kind = server.kinds.byResource(request.group, request.version, request.resource);
	if (kind === undefined) throw pathNotFound();
	return kind;
}

function handlerOf(server: ResourceServer, kind: KindDefinition, request: ApiRequest): (call: VerbCall) => VerbResult {
	const { subresource, verb } = request;
	if (isReview(kind.plural) && verb === "create") return (call) => review(call, server.authorizer);
	if (subresource === "" && verb === "create" && CREATES[resourceOf(kind)]) return CREATES[resourceOf(kind)] as (call: VerbCall) => VerbResult;
	if (subresource === "") {
		const handler = (kind.verbs as readonly string[]).includes(verb) ? VERBS[verb] : undefined;
		if (handler === undefined) throw methodNotSupported(groupResource(kind), verb);
		return handler;
	}
	const isObject = subresource === "status" ? kind.subresources?.status !== undefined : kind.subresources?.object?.[subresource] !== undefined;
	const handler = isObject
		? OBJECT_SUBRESOURCE_VERBS[verb]
		: subresource === "scale" && kind.subresources?.scale
			? scale
			: kind.subresources?.connect?.[subresource]
				? CONNECTS[subresource]
				: undefined;
	if (handler === undefined) throw pathNotFound();
	return handler;
}

/** An answer, and what is still to be asked of other objects for its warnings. */
export interface DispatchedResponse extends ApiResponse {
	followUps?: readonly FollowUp[];
}

/** Serves one authorised request from the store, within the caller's transaction. Throws a StatusError for anything the client did wrong. */
export function dispatch(server: ResourceServer, request: ApiRequest): DispatchedResponse {
	const kind = kindOf(server, request);
	if (request.subresource === "" && request.verb === "get") return getText(server, kind, request);
	if (request.subresource === "" && request.verb === "list") return { code: 200, body: listBody(server, kind, request), warnings: [] };
	const warnings: string[] = [];
	const followUps: FollowUp[] = [];
	const annotations: Record<string, string> = {};
	const handler = handlerOf(server, kind, request);
	try {
		const { code, object } = handler({ server, kind, request, warnings, followUps, annotations });
		return { code, body: server.store.textOf(object), warnings, followUps, annotations };
	} catch (error) {
		if (error instanceof StatusError) {
			error.warnings = warnings;
			error.annotations = annotations;
		}
		throw error;
	}
}

function getText(server: ResourceServer, kind: KindDefinition, request: ApiRequest): ApiResponse {
	const row = server.store.getText(resourceOf(kind), request.name);
	if (row === undefined) throw notFound(groupResource(kind), request.name);
	return { code: 200, body: server.shownText(kind, row.body), warnings: [] };
}
