/** POST .../serviceaccounts/{name}/token: the object decides, the front door signs. */
import type { ApiRequest } from "../core/api/request.ts";
import { conflict, type GroupResource, notFound, StatusError } from "../core/errors/status-error.ts";
import type { TokenRequestSpec } from "../core/schema/kubernetes.d.ts";
import { clusterObject, namespaceObject } from "../objects/addresses.ts";
import { type AnswerOptions, answerValue } from "./answer.ts";
import type { FrontDoor } from "./front-door.ts";
import { parseBody } from "./review-routes.ts";
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
	const asked = parseBody<{ spec?: TokenRequestSpec }>(request.body);
	const cluster = c.get("cluster");
	const grant = await namespaceObject(c.env, cluster, request.namespace).serviceAccountForToken(request);
	if (!grant.ok) throw StatusError.from(grant.status);
	const { node } = grant.claims["kubernetes.io"];
	if (node !== undefined) await fillNode(c, node, grant.claims["kubernetes.io"].pod === undefined);
	const nowMs = Date.now();
	const status = await signServiceAccountToken(c.env, cluster, grant.claims, grant.expirationSeconds, nowMs);
	const spec = { ...asked.spec, audiences: grant.claims.aud, expirationSeconds: grant.expirationSeconds };
	const metadata = { name: request.name, namespace: request.namespace, creationTimestamp: new Date(nowMs).toISOString().replace(/\.\d+Z$/, "Z") };
	const answered = {
		kind: "TokenRequest",
		apiVersion: "authentication.k8s.io/v1",
		metadata,
		spec,
		status: { token: status.token, expirationTimestamp: status.expirationTimestamp },
	};
	return answerValue(answered, 201, options.representation, options.pretty);
}
