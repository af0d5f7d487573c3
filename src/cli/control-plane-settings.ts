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
	/** The port of the edge's plain HTTP; there is no edge without it. */
	httpPort?: number;
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

export function readSettings(options: { authenticationConfig?: string; auditPolicy?: string }): ControlPlaneSettings {
	const { authenticationConfig, auditPolicy } = options;
	return {
		...(authenticationConfig === undefined ? {} : { authentication: readFile(authenticationConfig, checkAuthentication) }),
		...(auditPolicy === undefined ? {} : { auditPolicy: auditPolicy === BUILT_IN ? BUILT_IN : readFile(auditPolicy, readAuditPolicy) }),
	};
}
