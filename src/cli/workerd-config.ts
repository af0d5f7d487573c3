/** The configuration of plain workerd: one Worker behind a TLS socket, its Durable Objects' storage on this disk. */

/** Shared with wrangler.toml; a test compares them. */
export const COMPATIBILITY_DATE = "2026-10-23";
/** Node.js compatibility is the default at this date. */
export const COMPATIBILITY_FLAGS = ["enable_request_signal"] as const;
/** Binding to class: WorkerEnv's Durable Object namespaces. */
export const DURABLE_OBJECTS = {
	CLUSTER: "ClusterObject",
	NAMESPACE: "NamespaceObject",
	NODE: "NodeObject",
	SESSION: "SessionObject",
	REGISTRY: "RegistryObject",
	TUNNEL: "TunnelObject",
	EDGE: "EdgeObject",
	RELAY: "RelayObject",
} as const;

export interface WorkerdFiles {
	/** Host and port to listen on. */
	address: string;
	/** The same of the edge's plain HTTP, where there is one. */
	edgeAddress?: string;
	/** File paths, as they are relative to the configuration file. */
	worker: string;
	certificate: string;
	privateKey: string;
	signingKey: string;
	encryptionKeys: string;
	/** Empty files for what is not set. */
	authentication: string;
	auditPolicy: string;
	ca: string;
	caKey: string;
	admission: string;
	scheduler: string;
	network: string;
	edge: string;
	/** "" where the API is reached as it is asked for. */
	publicUrl: string;
	/** Whether webhook subscriptions may deliver to private addresses. */
	allowsPrivateWebhookTargets: boolean;
	/** An existing directory. */
	state: string;
}

/**
 * V8 makes room for 16 MB of new objects, thrice, before it looks what of them is still in use. A quarter of it takes a third off the
 * process's memory under load, for about a twentieth more CPU.
 */
const V8_FLAGS = ["--max-semi-space-size=4"] as const;

const text = (value: string): string => JSON.stringify(value);

/** The text of a workerd.capnp. */
export function workerdConfig(files: WorkerdFiles): string {
	const bindings = Object.entries(DURABLE_OBJECTS).map(([name, className]) => `(name = ${text(name)}, durableObjectNamespace = ${text(className)})`);
	const namespaces = Object.values(DURABLE_OBJECTS).map(
		(className) => `(className = ${text(className)}, uniqueKey = ${text(`petrel-${className}`)}, enableSql = true)`,
	);
	const webhookNetworks = files.allowsPrivateWebhookTargets ? '"public", "private"' : '"public"';
	return `using Workerd = import "/workerd/workerd.capnp";

const config :Workerd.Config = (
  v8Flags = [${V8_FLAGS.map(text).join(", ")}],
  services = [
    (name = "petrel", worker = .worker),
    # Webhooks by URL may be on this machine or in its network.
    (name = "internet", network = (allow = ["public", "private"], tlsOptions = (trustBrowserCas = true))),
    # Deliveries to webhook subscriptions: addresses are judged once names are resolved.
    (name = "webhooks", network = (allow = [${webhookNetworks}], tlsOptions = (trustBrowserCas = true))),
    (name = "state", disk = (path = ${text(files.state)}, writable = true)),
  ],
  sockets = [
    (
      name = "https",
      address = ${text(files.address)},
      https = (tlsOptions = (keypair = (privateKey = embed ${text(files.privateKey)}, certificateChain = embed ${text(files.certificate)}))),
      service = "petrel",
    ),
    ${files.edgeAddress === undefined ? "" : `(name = "edge", address = ${text(files.edgeAddress)}, http = (), service = (name = "petrel", entrypoint = "edge")),`}
  ],
);

const worker :Workerd.Worker = (
  modules = [(name = "worker.js", esModule = embed ${text(files.worker)})],
  compatibilityDate = ${text(COMPATIBILITY_DATE)},
  compatibilityFlags = [${COMPATIBILITY_FLAGS.map(text).join(", ")}],
  bindings = [
    (name = "PETREL_SIGNING_KEY", text = embed ${text(files.signingKey)}),
    (name = "PETREL_ENCRYPTION_KEYS", text = embed ${text(files.encryptionKeys)}),
    (name = "PETREL_AUTHENTICATION", text = embed ${text(files.authentication)}),
    (name = "PETREL_AUDIT_POLICY", text = embed ${text(files.auditPolicy)}),
    (name = "PETREL_CA", text = embed ${text(files.ca)}),
    (name = "PETREL_CA_KEY", text = embed ${text(files.caKey)}),
    (name = "PETREL_ADMISSION", text = embed ${text(files.admission)}),
    (name = "PETREL_SCHEDULER", text = embed ${text(files.scheduler)}),
    (name = "PETREL_NETWORK", text = embed ${text(files.network)}),
    (name = "PETREL_EDGE", text = embed ${text(files.edge)}),
    (name = "PETREL_PUBLIC_URL", text = ${text(files.publicUrl)}),
    (name = "PETREL_WEBHOOK_PRIVATE_TARGETS", text = ${text(files.allowsPrivateWebhookTargets ? "allow" : "")}),
    (name = "PETREL_WEBHOOK_NETWORK", service = "webhooks"),
    ${bindings.join(",\n    ")},
  ],
  durableObjectNamespaces = [
    ${namespaces.join(",\n    ")},
  ],
  durableObjectStorage = (localDisk = "state"),
);
`;
}
