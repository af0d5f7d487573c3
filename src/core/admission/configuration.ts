/**
 * What kube-apiserver reads by --admission-control-config-file: an AdmissionConfiguration of apiserver.config.k8s.io/v1 with
 * the settings of PodSecurity and ResourceQuota.
 */
import type { Json, JsonObject } from "../meta/object.ts";
import type { ScopedResourceSelectorRequirement } from "../schema/kubernetes.d.ts";
import { DEFAULT_POLICY, isLevel, type Mode, parseVersion, type Policy } from "./pod-security/policy.ts";

/** A resource that may only be used where a quota covers it. */
export interface LimitedResource {
	apiGroup: string;
	resource: string;
	/** Parts of the names of quota's resources. */
	matchContains: readonly string[];
	matchScopes: readonly ScopedResourceSelectorRequirement[];
}

export interface PodSecurityConfiguration {
	defaults: Policy;
	exemptions: { usernames: readonly string[]; namespaces: readonly string[]; runtimeClasses: readonly string[] };
}

export interface AdmissionConfiguration {
	podSecurity: PodSecurityConfiguration;
	limitedResources: readonly LimitedResource[];
}

export const DEFAULT_CONFIGURATION: AdmissionConfiguration = {
	podSecurity: { defaults: DEFAULT_POLICY, exemptions: { usernames: [], namespaces: [], runtimeClasses: [] } },
	limitedResources: [],
};

const GROUP_VERSION = "apiserver.config.k8s.io/v1";

const objectOf = (value: Json | undefined, what: string): JsonObject => {
	if (value === undefined || value === null) return {};
	if (typeof value !== "object" || Array.isArray(value)) throw new Error(`${what} must be an object`);
	return value;
};

function textsOf(value: Json | undefined, what: string): string[] {
	if (value === undefined || value === null) return [];
	if (!Array.isArray(value) || value.some((item) => typeof item !== "string")) throw new Error(`${what} must be a list of strings`);
	return value as string[];
}

function defaultPolicyOf(defaults: JsonObject): Policy {
	const policy: Policy = { ...DEFAULT_POLICY };
	for (const mode of ["enforce", "audit", "warn"] satisfies Mode[]) {
		const level = defaults[mode] ?? "privileged";
		if (typeof level !== "string" || !isLevel(level)) throw new Error(`PodSecurity: defaults.${mode} must be one of privileged, baseline, restricted`);
		const version = parseVersion(String(defaults[`${mode}-version`] ?? "latest"));
		if (version === undefined) throw new Error(`PodSecurity: defaults.${mode}-version must be "latest" or "v1.x"`);
		policy[mode] = { level, version };
	}
	return policy;
}

function podSecurityOf(configuration: JsonObject): PodSecurityConfiguration {
	const exemptions = objectOf(configuration["exemptions"], "PodSecurity: exemptions");
	const list = (name: string): string[] => textsOf(exemptions[name], `PodSecurity: exemptions.${name}`);
	return {
		defaults: defaultPolicyOf(objectOf(configuration["defaults"], "PodSecurity: defaults")),
		exemptions: { usernames: list("usernames"), namespaces: list("namespaces"), runtimeClasses: list("runtimeClasses") },
	};
}

function limitedResourcesOf(configuration: JsonObject): LimitedResource[] {
	const list = configuration["limitedResources"] ?? [];
	if (!Array.isArray(list)) throw new Error("ResourceQuota: limitedResources must be a list");
	return list.map((item, index) => {
		const limited = objectOf(item, `ResourceQuota: limitedResources[${index}]`);
		if (typeof limited["resource"] !== "string" || limited["resource"] === "")
			throw new Error(`ResourceQuota: limitedResources[${index}].resource is required`);
		return {
			apiGroup: String(limited["apiGroup"] ?? ""),
			resource: limited["resource"],
			matchContains: textsOf(limited["matchContains"], `ResourceQuota: limitedResources[${index}].matchContains`),
			matchScopes: (limited["matchScopes"] ?? []) as unknown as ScopedResourceSelectorRequirement[],
		};
	});
}

/** @throws Error that says what is wrong with it. */
export function readAdmissionConfiguration(value: Json): AdmissionConfiguration {
	const root = objectOf(value, "the admission configuration");
	if (root["apiVersion"] !== GROUP_VERSION || root["kind"] !== "AdmissionConfiguration") {
		throw new Error(`the admission configuration must be an AdmissionConfiguration of ${GROUP_VERSION}`);
	}
	const read = { ...DEFAULT_CONFIGURATION };
	for (const item of (root["plugins"] ?? []) as Json[]) {
		const plugin = objectOf(item, "a plugin");
		const configuration = objectOf(plugin["configuration"], `${plugin["name"]}: configuration`);
		if (plugin["name"] === "PodSecurity") read.podSecurity = podSecurityOf(configuration);
		else if (plugin["name"] === "ResourceQuota") read.limitedResources = limitedResourcesOf(configuration);
		else throw new Error(`the admission plugin ${JSON.stringify(plugin["name"])} takes no configuration here`);
	}
	return read;
}
