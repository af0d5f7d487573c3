/** What nodes that end TLS for the edge ask: a host's certificate, and that a request of theirs be routed. */
import { StatusError, unauthorized } from "../../core/errors/status-error.ts";
import { edgeSettings } from "../../core/edge/edge-settings.ts";
import {
	EDGE_CERTIFICATE_PATH,
	EDGE_CLIENT_HEADER,
	EDGE_CREDENTIAL_HEADER,
	EDGE_FORWARD_PATH,
	EDGE_HOST_HEADER,
	type EdgeCertificateAnswer,
} from "../../core/protocol/edge-forwarding.ts";
import type { WorkerEnv } from "../../core/protocol/tokens.ts";
import { edgeObject } from "../../objects/addresses.ts";
import { answerValue, errorResponse } from "../answer.ts";
import { authenticate } from "../authenticate.ts";
import { splitClusterPath } from "../cluster-path.ts";
import type { FrontDoor } from "../front-door.ts";
import { PLAIN_JSON } from "../negotiate.ts";
import { parseRequestUrl } from "../request-url.ts";
import { arrivalAt, serveArrival } from "./serve-edge.ts";

/** A private key is for the nodes that the deployment's owner names, and so is the client's address to be believed of them alone. */
function isTlsNode(env: WorkerEnv, user: string): boolean {
	return (edgeSettings(env.PETREL_EDGE).tlsNodes ?? []).some((node) => user === `system:node:${node}`);
}

/** GET /agent/v1/edge/certificates/{host} */
export async function serveEdgeCertificate(c: FrontDoor): Promise<Response> {
	if (!isTlsNode(c.env, c.get("user").name)) throw new StatusError(403, "Forbidden", "this node does not end TLS for the edge");
	const host = decodeURIComponent(c.get("path").slice(EDGE_CERTIFICATE_PATH.length + 1));
	const found = await edgeObject(c.env, c.get("cluster")).certificate(host);
	if (!found) throw new StatusError(404, "NotFound", "no certificate is for this host");
	const answer: EdgeCertificateAnswer = { certificate: found.certificate, privateKey: found.privateKey };
	return answerValue(answer, 200, PLAIN_JSON);
}

export const isForwarded = (request: Request): boolean => request.headers.has(EDGE_CREDENTIAL_HEADER);

/** A request that a node has taken over TLS. */
export async function serveForwarded(raw: Request, env: WorkerEnv, ctx: ExecutionContext): Promise<Response> {
	try {
		const { headers } = raw;
		const { pathname, query } = parseRequestUrl(raw.url);
		const split = splitClusterPath(pathname);
		if (!split?.path.startsWith(`${EDGE_FORWARD_PATH}/`)) throw unauthorized();
		const credentials = new Request(raw.url, { headers: { authorization: `Bearer ${headers.get(EDGE_CREDENTIAL_HEADER)}` } });
		const { user, cluster } = await authenticate(env, split.cluster, credentials, split.path, Date.now());
		if (!isTlsNode(env, user.name)) throw unauthorized();
		const { search } = new URL(raw.url);
		const place = { scheme: "https", authority: headers.get(EDGE_HOST_HEADER) ?? "", client: headers.get(EDGE_CLIENT_HEADER) ?? "" };
		const request = arrivalAt(raw, { ...place, path: split.path.slice(EDGE_FORWARD_PATH.length), search, query });
		return await serveArrival(raw, env, ctx, cluster, request);
	} catch (error) {
		return errorResponse(error, raw);
	}
}
