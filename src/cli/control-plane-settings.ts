/** What the user sets of the control plane by files: checked here, so that a mistake is told before anything starts. */
import { readFileSync } from "node:fs";
import { parse } from "yaml";
import { readAuditPolicy } from "../core/audit/policy.ts";
import { readAuthenticationConfiguration } from "../core/authn/authentication-configuration.ts";
import { compileClaimsMapping } from "../core/authn/claims-mapping.ts";
import { CliError } from "./cli-error.ts";

/** As JSON text for the Worker's environment. */
export interface ControlPlaneSettings {
	authentication?: string;
	auditPolicy?: string;
	/** An AdmissionConfiguration; kube-apiserver's defaults without it. */
	admission?: string;
	/** A KubeSchedulerConfiguration; kube-scheduler's defaults without it. */
	scheduler?: string;
	/** Where senders of webhooks reach the API, for the URLs of WebhookReceivers. */
	publicUrl?: string;
	/** A ClusterNetwork: the ranges of pods' and Services' addresses; the default ones without it. */
	network?: string;
	/** There is no edge without it. */
	edge?: LocalEdge;
	/** Webhook subscriptions may deliver to private, loopback and link-local addresses. */
	allowsPrivateWebhookTargets?: boolean;
}

/** The edge of a cluster on this machine. */
export interface LocalEdge {
	httpPort: number;
	/** Served by the agent of the node. */
	httpsPort: number;
	nodeName: string;
}

/** The policy that the control plane has built in. */
const BUILT_IN = "default";

function readFile(path: string, check: (value: unknown) => void): string {
	try {
		const value: unknown = parse(readFileSync(path, "utf8"));
		check(value);
		return JSON.stringify(value);
	} catch (error) {
		throw new CliError(`${path} cannot be used: ${(error as Error).message}.`, "Correct it, or leave the option out.", { cause: error });
	}
}

const checkAuthentication = (value: unknown): void => {
	for (const authenticator of readAuthenticationConfiguration(value).jwt ?? []) compileClaimsMapping(authenticator);
};

/** The URL's origin and path, without a slash at its end. */
function parsePublicUrl(given: string): string {
	const url = URL.parse(given);
	if (url === null || !/^https?:$/.test(url.protocol) || url.search !== "" || url.hash !== "")
		throw new CliError(`${given} is no URL that senders of webhooks can reach.`, "Give one such as https://petrel.example.com.");
	return url.href.replace(/\/$/, "");
}

export function readSettings(options: { authenticationConfig?: string; auditPolicy?: string; publicUrl?: string }): ControlPlaneSettings {
	const { authenticationConfig, auditPolicy, publicUrl } = options;
	return {
		...(publicUrl === undefined ? {} : { publicUrl: parsePublicUrl(publicUrl) }),
		...(authenticationConfig === undefined ? {} : { authentication: readFile(authenticationConfig, checkAuthentication) }),
		...(auditPolicy === undefined ? {} : { auditPolicy: auditPolicy === BUILT_IN ? BUILT_IN : readFile(auditPolicy, readAuditPolicy) }),
	};
}
