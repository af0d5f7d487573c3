/** The claims of the bearer tokens that the control plane signs (JWT, ES256) and its front door verifies without a hop. */

/** Issuer of the tokens of users, nodes and joining agents. */
export const TOKEN_ISSUER = "petrel";
/** Issuer of ServiceAccount tokens, as `--service-account-issuer` is by default. */
export const SERVICE_ACCOUNT_ISSUER = "https://kubernetes.default.svc.cluster.local";

/** Issuer of the tokens that Secrets of type kubernetes.io/service-account-token hold. */
export const LEGACY_ACCOUNT_ISSUER = "kubernetes/serviceaccount";

/** Users (kubeconfig), nodes (system:node:<name>) and joining agents. */
export interface UserTokenClaims {
	iss: typeof TOKEN_ISSUER;
	/** The cluster's id: a token opens no other cluster, nor a later one of the same name. */
	aud: string;
	/** The user name: "kubernetes-admin", "system:node:worker-1", "system:bootstrap:<id>". */
	sub: string;
	groups: string[];
	/** Seconds since 1970. */
	iat: number;
	exp?: number;
}

/** Audience of the tokens of a deployment's owner, who makes accounts and clusters; no cluster has such a name. */
export const DEPLOYMENT_AUDIENCE = "petrel:deployment";
/** Every account's token begins like this. */
export const ACCOUNT_TOKEN_PREFIX = "petrel-account-";

/** Groups that decide what a token may be used for outside RBAC. */
export const ADMIN_USER = "kubernetes-admin";
export const GROUP_MASTERS = "system:masters";
export const GROUP_NODES = "system:nodes";
export const GROUP_JOINING = "system:bootstrappers";
export const GROUP_AUTHENTICATED = "system:authenticated";
export const GROUP_SERVICE_ACCOUNTS = "system:serviceaccounts";

/** As upstream's bound ServiceAccount tokens. `aud` defaults to [SERVICE_ACCOUNT_ISSUER]; petrel adds `petrel.dev/cluster`. */
export interface ServiceAccountTokenClaims {
	iss: typeof SERVICE_ACCOUNT_ISSUER;
	aud: string[];
	/** system:serviceaccount:<namespace>:<name> */
	sub: string;
	iat: number;
	nbf: number;
	exp: number;
	jti: string;
	"petrel.dev/cluster": string;
	"kubernetes.io": {
		namespace: string;
		serviceaccount: { name: string; uid: string };
		pod?: { name: string; uid: string };
		secret?: { name: string; uid: string };
		/** Where a pod's token has it, the node that the pod runs on; without a uid when that is not known. */
		node?: { name: string; uid?: string };
	};
}

/** As upstream's tokens in Secrets: they hold as long as their Secret does. */
export interface LegacyAccountTokenClaims {
	iss: typeof LEGACY_ACCOUNT_ISSUER;
	sub: string;
	"kubernetes.io/serviceaccount/namespace": string;
	"kubernetes.io/serviceaccount/secret.name": string;
	"kubernetes.io/serviceaccount/service-account.name": string;
	"kubernetes.io/serviceaccount/service-account.uid": string;
	"petrel.dev/cluster": string;
}

/**
 * Bindings (environment) of the Worker. Secrets on an account; text bindings under plain workerd.
 *   PETREL_SIGNING_KEY  JWK (JSON) of an EC P-256 private key with `kid`
 *   PETREL_ENCRYPTION_KEYS  JWK Set (JSON) of AES-256 keys (kty "oct"); the first seals what is kept, the others still open it
 *   PETREL_AUTHENTICATION   AuthenticationConfiguration (JSON) of the cluster "default": others' issuers; none when absent
 *   PETREL_AUDIT_POLICY     audit.k8s.io/v1 Policy (JSON), or "default"; no audit log when absent
 *   PETREL_AUDIT_WEBHOOK    URL that takes EventLists of the audit log beside it
 *   PETREL_CA           PEM of the CA that signed the front door's certificate ("" on an account: a public one is used)
 *   PETREL_CA_KEY       PEM (PKCS #8) of that CA's private key, which signs approved CertificateSigningRequests; absent or "" where nothing is signed
 *   PETREL_PUBLIC_URL   where the front door is reached from outside ("https://host"), for the URLs of webhook receivers; that of the request that creates one when absent
 *   PETREL_ADMISSION    JSON of an AdmissionConfiguration (apiserver.config.k8s.io/v1); absent or "" for kube-apiserver's defaults
 *   PETREL_SCHEDULER    JSON of a KubeSchedulerConfiguration (kubescheduler.config.k8s.io/v1); absent or "" for kube-scheduler's defaults
 *   PETREL_NETWORK      JSON of a ClusterNetwork: the ranges of pods' and Services' addresses; absent or "" for IPv4 alone, out of the default ranges
 *   PETREL_WEBHOOK_PRIVATE_TARGETS  "allow" lets webhook subscriptions deliver to private, loopback and link-local addresses
 *   PETREL_WEBHOOK_NETWORK  what deliveries by URL are made over; absent on an account, whose own network leads to the internet alone
 * Durable Object namespaces: CLUSTER, NAMESPACE, NODE, SESSION, REGISTRY, TUNNEL, EDGE, RELAY (classes ClusterObject, NamespaceObject,
 * NodeObject, SessionObject, RegistryObject, TunnelObject, EdgeObject, RelayObject, exported by src/worker/index.ts).
 */
export interface WorkerEnv {
	PETREL_SIGNING_KEY: string;
	PETREL_ENCRYPTION_KEYS: string;
	PETREL_AUTHENTICATION?: string;
	PETREL_AUDIT_POLICY?: string;
	PETREL_AUDIT_WEBHOOK?: string;
	PETREL_CA: string;
	PETREL_CA_KEY?: string;
	PETREL_PUBLIC_URL?: string;
	PETREL_ADMISSION?: string;
	PETREL_SCHEDULER?: string;
	PETREL_NETWORK?: string;
	/** EdgeSettings. */
	PETREL_EDGE?: string;
	PETREL_WEBHOOK_PRIVATE_TARGETS?: string;
	PETREL_WEBHOOK_NETWORK?: Fetcher;
	CLUSTER: DurableObjectNamespace;
	NAMESPACE: DurableObjectNamespace;
	NODE: DurableObjectNamespace;
	SESSION: DurableObjectNamespace;
	REGISTRY: DurableObjectNamespace;
	TUNNEL: DurableObjectNamespace;
	EDGE: DurableObjectNamespace;
	RELAY: DurableObjectNamespace;
}
