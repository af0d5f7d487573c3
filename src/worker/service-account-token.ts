/** POST .../serviceaccounts/{name}/token: the object decides, the front door signs. */
import type { ApiRequest } from "../core/api/request.ts";
import { conflict, type GroupResource, notFound } from "../core/errors/status-error.ts";
import { clusterObject } from "../objects/addresses.ts";
import type { ServiceAccountGrant } from "../objects/rpc.ts";
import { answer, type AnswerOptions, madeAnswer } from "./answer.ts";
import { auditOf } from "./audit.ts";
import type { FrontDoor } from "./front-door.ts";
import { askOwner } from "./object-call.ts";
import { signServiceAccountToken } from "./token-signing.ts";

const NODES: GroupResource = { group: "", resource: "nodes" };

/** The node's uid; a token that is bound to the node itself needs that it is there. */
async function fillNode(c: FrontDoor, node: { name: string; uid?: string }, mustBeThere: boolean): Promise<void> {
	const uid = await clusterObject(c.env, c.get("cluster")).nodeUid(node.name);
	if (uid === null && mustBeThere) throw notFound(NODES, node.name);
	if (uid !== null && node.uid !== undefined && node.uid !== uid)
		throw conflict(
			NODES,
			node.name,
			`the UID in the bound object reference (${node.uid}) does not match the UID in record. The object might have been deleted and then recreated`,
		);
	if (uid !== null) node.uid = uid;
}

/** @throws StatusError as the Namespace object refuses. */
export async function serveToken(c: FrontDoor, request: ApiRequest, options: AnswerOptions): Promise<Response> {
	const cluster = c.get("cluster");
	const { value: grant, warnings } = await askOwner<ServiceAccountGrant>(c, request);
	const { node } = grant.claims["kubernetes.io"];
	if (node !== undefined) await fillNode(c, node, grant.claims["kubernetes.io"].pod === undefined);
	const nowMs = Date.now();
	const status = await signServiceAccountToken(c.env, cluster, grant.claims, grant.expirationSeconds, nowMs);
	auditOf(c.req.raw)?.annotate({ "authentication.kubernetes.io/issued-credential-id": `JTI=${status.id}` });
	const { kind, apiVersion, metadata, spec } = grant.request;
	const answered = {
		kind,
		apiVersion,
		metadata,
		spec: { ...spec, expirationSeconds: grant.expirationSeconds },
		status: { token: status.token, expirationTimestamp: status.expirationTimestamp },
	};
	return answer(madeAnswer(answered, warnings), options);
}
