/** serviceaccounts/{name}/token: what may be signed for a TokenRequest (registry/core/serviceaccount/storage/token.go). */
import type { ApiRequest } from "../../core/api/request.ts";
import { conflict, invalidObject, notFound } from "../../core/errors/status-error.ts";
import { invalid } from "../../core/errors/field-error.ts";
import { type LegacyAccountTokenClaims, SERVICE_ACCOUNT_ISSUER, type ServiceAccountTokenClaims } from "../../core/protocol/tokens.ts";
import type { KubeObject } from "../../core/meta/object.ts";
import type { Pod, Secret, ServiceAccount, AuthenticationV1TokenRequest as TokenRequest } from "../../core/schema/kubernetes.d.ts";
import type { ResourceServer } from "../resource-server.ts";
import type { ServiceAccountGrant } from "../rpc.ts";
import { admitPosted } from "../write.ts";
import { decodeBody, parseJson } from "./body.ts";
import { type VerbCall, type VerbResult, writeOptions } from "./verb.ts";

const TOKEN_REQUEST = { group: "authentication.k8s.io", version: "v1", kind: "TokenRequest", schema: "authentication/v1.TokenRequest" };

const EXPIRATION_DEFAULT_SECONDS = 3_600;
const EXPIRATION_MIN_SECONDS = 600;
const EXPIRATION_MAX_SECONDS = 2 ** 32;

function expirationOf(spec: TokenRequest["spec"]): number {
	const seconds = spec?.expirationSeconds ?? EXPIRATION_DEFAULT_SECONDS;
	const problem =
		seconds < EXPIRATION_MIN_SECONDS
			? "may not specify a duration less than 10 minutes"
			: seconds > EXPIRATION_MAX_SECONDS
				? "may not specify a duration larger than 2^32 seconds"
				: undefined;
	if (problem !== undefined) throw invalidObject("authentication.k8s.io", "TokenRequest", "", [invalid("spec.expirationSeconds", seconds, problem)]);
	return seconds;
}

/** The pod or secret that the token dies with. */
function boundObject(
	server: ResourceServer,
	account: ServiceAccount,
	spec: TokenRequest["spec"],
): Pick<ServiceAccountTokenClaims["kubernetes.io"], "pod" | "secret" | "node"> {
	const bound = spec?.boundObjectRef;
	// Null when the body left it out: Go prints the field all the same.
	if (!bound) return {};
	// Nodes are the Cluster object's: the front door asks it for the uid.
	if (bound.kind === "Node" && (bound.apiVersion ?? "v1") === "v1") return { node: { name: bound.name ?? "", ...(bound.uid ? { uid: bound.uid } : {}) } };
	const resource = bound.kind === "Pod" ? "pods" : bound.kind === "Secret" ? "secrets" : undefined;
	if (resource === undefined)
		throw invalidObject("authentication.k8s.io", "TokenRequest", "", [
			invalid("spec.boundObjectRef.kind", bound.kind ?? "", "cannot bind token to this type of object"),
		]);
	const found = server.store.get(resource, bound.name ?? "");
	if (found === undefined) throw notFound({ group: "", resource }, bound.name ?? "");
	const uid = found.metadata.uid ?? "";
	if (bound.uid && bound.uid !== uid)
		throw conflict(
			{ group: "", resource },
			bound.name ?? "",
			`the UID in the bound object reference (${bound.uid}) does not match the UID in record. The object might have been deleted and then recreated`,
		);
	if (resource === "pods" && ((found as Pod).spec?.serviceAccountName ?? "default") !== account.metadata.name)
		throw invalidObject("authentication.k8s.io", "TokenRequest", "", [
			invalid(
				"spec.boundObjectRef",
				bound.name ?? "",
				`cannot bind token for serviceaccount ${JSON.stringify(account.metadata.name)} to pod running with different serviceaccount name.`,
			),
		]);
	if (resource === "secrets") return { secret: { name: bound.name ?? "", uid } };
	const nodeName = (found as Pod).spec?.nodeName;
	return { pod: { name: bound.name ?? "", uid }, ...(nodeName ? { node: { name: nodeName } } : {}) };
}

/** What keeps a token from being good any more, as upstream's validator of bound tokens says it; undefined while it is good. */
export function boundTokenProblem({ store }: Pick<ResourceServer, "store">, bound: ServiceAccountTokenClaims["kubernetes.io"]): string | undefined {
	const { serviceaccount, pod, secret } = bound;
	const account = store.get<ServiceAccount>("serviceaccounts", serviceaccount.name);
	if (account === undefined) return "service account token has been invalidated";
	if (account.metadata.uid !== serviceaccount.uid) return `service account UID (${account.metadata.uid}) does not match claim (${serviceaccount.uid})`;
	if (pod !== undefined) return goneProblem(store.get("pods", pod.name), pod, "pod");
	return secret === undefined ? undefined : goneProblem(store.get("secrets", secret.name), secret, "secret");
}

function goneProblem(found: KubeObject | undefined, { uid }: { uid: string }, what: string): string | undefined {
	if (found === undefined) return "service account token has been invalidated";
	return found.metadata.uid === uid ? undefined : `${what} UID (${found.metadata.uid}) does not match service account ${what} ref claim (${uid})`;
}

/** The same of a token that a Secret holds (pkg/serviceaccount/legacy.go). */
export function legacyTokenProblem({ store }: Pick<ResourceServer, "store">, claims: LegacyAccountTokenClaims, token: string): string | undefined {
	const secret = store.get<Secret>("secrets", claims["kubernetes.io/serviceaccount/secret.name"]);
	if (secret === undefined || secret.metadata.deletionTimestamp) return "service account token has been invalidated";
	if (secret.data?.["token"] !== btoa(token)) return "service account token does not match server's copy";
	return boundTokenProblem(
		{ store },
		{
			namespace: claims["kubernetes.io/serviceaccount/namespace"],
			serviceaccount: { name: claims["kubernetes.io/serviceaccount/service-account.name"], uid: claims["kubernetes.io/serviceaccount/service-account.uid"] },
		},
	);
}

/** The request as it is answered, less the token itself: what is wrong with it is told before validating admission hears of it. */
function checkTokenRequest({ metadata, spec }: TokenRequest, { name, namespace }: ApiRequest): void {
	const mustMatch = (field: "name" | "namespace", value: string | undefined, wanted: string): void => {
		if (value && value !== wanted)
			throw invalidObject("authentication.k8s.io", "TokenRequest", name, [
				invalid(`metadata.${field}`, value, `must match the service account ${field} if specified`),
			]);
	};
	mustMatch("name", metadata?.name, name);
	mustMatch("namespace", metadata?.namespace, namespace);
	expirationOf(spec);
}

export function requestToken(call: VerbCall): VerbResult {
	const { server, kind, request } = call;
	const options = writeOptions(call);
	const asked = decodeBody(server.schema, TOKEN_REQUEST, parseJson(request.body, "v1.TokenRequest"), request.body, request, options.addWarning) as TokenRequest;
	const account = server.store.get<ServiceAccount>("serviceaccounts", request.name);
	const posted = {
		subject: TOKEN_REQUEST,
		object: { ...asked, metadata: asked.metadata ?? {} } as KubeObject,
		name: request.name,
		check(object: KubeObject): void {
			if (account === undefined) throw notFound({ group: "", resource: "serviceaccounts" }, request.name);
			const given = object as TokenRequest;
			checkTokenRequest(given, request);
			if (!given.spec?.audiences?.length) given.spec = { ...given.spec, audiences: [SERVICE_ACCOUNT_ISSUER] };
			given.metadata = { ...given.metadata, name: request.name, namespace: request.namespace, creationTimestamp: server.nowIso() };
			delete given.status;
		},
	};
	const admitted = admitPosted(server, kind, posted, options) as TokenRequest;
	const grant: ServiceAccountGrant = {
		request: admitted,
		expirationSeconds: expirationOf(admitted.spec),
		claims: {
			sub: `system:serviceaccount:${server.namespace}:${request.name}`,
			aud: admitted.spec?.audiences ?? [],
			"kubernetes.io": {
				namespace: server.namespace,
				serviceaccount: { name: request.name, uid: account?.metadata.uid ?? "" },
				...boundObject(server, account as ServiceAccount, admitted.spec),
			},
		},
	};
	return { code: 201, object: grant };
}
