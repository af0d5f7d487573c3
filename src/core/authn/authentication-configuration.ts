/** Structured authentication configuration: apiserver.config.k8s.io AuthenticationConfiguration, checked as kube-apiserver checks it (apis/apiserver/validation). */
import { duplicate, type FieldError, fieldErrorText, invalid, required } from "../errors/field-error.ts";
import { SERVICE_ACCOUNT_ISSUER } from "../protocol/tokens.ts";

export interface AuthenticationConfiguration {
	jwt?: JwtAuthenticator[];
	anonymous?: { enabled: boolean; conditions?: { path: string }[] };
}

export interface JwtAuthenticator {
	issuer: { url: string; discoveryURL?: string; audiences: string[]; audienceMatchPolicy?: "MatchAny"; certificateAuthority?: string };
	claimValidationRules?: { claim?: string; requiredValue?: string; expression?: string; message?: string }[];
	claimMappings: {
		username: PrefixedClaim;
		groups?: PrefixedClaim;
		uid?: { claim?: string; expression?: string };
		extra?: { key: string; valueExpression: string }[];
	};
	userValidationRules?: { expression: string; message?: string }[];
}

export interface PrefixedClaim {
	claim?: string;
	prefix?: string;
	expression?: string;
}

/** As kube-apiserver: one token may be tried against this many issuers' names. */
const AUTHENTICATORS_MAX = 64;
const EXTRA_KEY = /^[a-z0-9.-]+\/[\w./-]+$/;

/** @throws Error that lists what is wrong. */
export function readAuthenticationConfiguration(value: unknown): AuthenticationConfiguration {
	const configuration = value as (AuthenticationConfiguration & { kind?: string; apiVersion?: string }) | null;
	if (configuration?.kind !== "AuthenticationConfiguration" || !configuration.apiVersion?.startsWith("apiserver.config.k8s.io/"))
		throw new Error("the authentication configuration must be an AuthenticationConfiguration of apiserver.config.k8s.io");
	const errors = validate(configuration);
	if (errors.length > 0) throw new Error(errors.map(fieldErrorText).join(", "));
	return configuration;
}

function validate({ jwt = [], anonymous }: AuthenticationConfiguration): FieldError[] {
	const errors: FieldError[] = [];
	if (jwt.length > AUTHENTICATORS_MAX)
		errors.push({ type: "FieldValueTooMany", field: "jwt", message: `Too many: ${jwt.length}: must have at most ${AUTHENTICATORS_MAX} items` });
	const urls = new Set<string>();
	jwt.forEach((authenticator, i) => {
		const path = `jwt[${i}]`;
		if (urls.has(authenticator.issuer?.url)) errors.push(duplicate(`${path}.issuer.url`, authenticator.issuer.url));
		urls.add(authenticator.issuer?.url);
		errors.push(
			...validateIssuer(authenticator.issuer ?? {}, `${path}.issuer`),
			...validateMappings(authenticator.claimMappings ?? {}, `${path}.claimMappings`),
			...validateRules(authenticator, path),
		);
	});
	if (anonymous && !anonymous.enabled && anonymous.conditions?.length)
		errors.push(invalid("anonymous.conditions", "", "enabled should be set to true when conditions are defined"));
	return errors;
}

function validateUrl(url: string | undefined, path: string): FieldError[] {
	if (!url) return [required(path, "URL is required")];
	if (!URL.canParse(url)) return [invalid(path, url, "must be a URL")];
	const { protocol, username, password, search, hash } = new URL(url);
	const errors: FieldError[] = [];
	if (protocol !== "https:") errors.push(invalid(path, url, "URL scheme must be https"));
	if (username || password) errors.push(invalid(path, url, "URL must not contain a username or password"));
	if (search) errors.push(invalid(path, url, "URL must not contain a query"));
	if (hash) errors.push(invalid(path, url, "URL must not contain a fragment"));
	return errors;
}

function validateIssuer(issuer: Partial<JwtAuthenticator["issuer"]>, path: string): FieldError[] {
	const errors = validateUrl(issuer.url, `${path}.url`);
	if (issuer.url === SERVICE_ACCOUNT_ISSUER)
		errors.push(invalid(`${path}.url`, issuer.url, `URL must not overlap with disallowed issuers: [${SERVICE_ACCOUNT_ISSUER}]`));
	if (issuer.discoveryURL) {
		errors.push(...validateUrl(issuer.discoveryURL, `${path}.discoveryURL`));
		if (issuer.discoveryURL.replace(/\/$/, "") === issuer.url?.replace(/\/$/, ""))
			errors.push(invalid(`${path}.discoveryURL`, issuer.discoveryURL, "discoveryURL must be different from URL"));
	}
	const audiences = issuer.audiences ?? [];
	if (audiences.length === 0) errors.push(required(`${path}.audiences`, `at least one ${path}.audiences is required`));
	audiences.forEach((audience, i) => {
		if (!audience) errors.push(required(`${path}.audiences[${i}]`, "audience can't be empty"));
		if (audiences.indexOf(audience) < i) errors.push(duplicate(`${path}.audiences[${i}]`, audience));
	});
	if (audiences.length > 1 && issuer.audienceMatchPolicy !== "MatchAny")
		errors.push(invalid(`${path}.audienceMatchPolicy`, issuer.audienceMatchPolicy ?? "", "audienceMatchPolicy must be MatchAny for multiple audiences"));
	// Outbound requests of a Worker trust the public authorities alone.
	if (issuer.certificateAuthority)
		errors.push(
			invalid(`${path}.certificateAuthority`, "<omitted>", "an authority of one's own is not supported: the issuer's certificate must be a public one"),
		);
	return errors;
}

function validatePrefixed(mapping: PrefixedClaim, path: string): FieldError[] {
	const errors: FieldError[] = [];
	if (mapping.claim && mapping.expression) errors.push(invalid(path, "", "claim and expression can't both be set"));
	if (mapping.claim && mapping.prefix === undefined)
		errors.push(required(`${path}.prefix`, "prefix is required when claim is set. It can be set to an empty string to disable prefixing"));
	if (mapping.expression && mapping.prefix !== undefined) errors.push(invalid(`${path}.prefix`, mapping.prefix, "prefix can't be set when expression is set"));
	return errors;
}

function validateMappings(mappings: Partial<JwtAuthenticator["claimMappings"]>, path: string): FieldError[] {
	const { username = {}, groups, uid, extra = [] } = mappings;
	const errors = validatePrefixed(username, `${path}.username`);
	if (!username.claim && !username.expression) errors.push(required(`${path}.username`, "claim or expression is required"));
	if (groups) errors.push(...validatePrefixed(groups, `${path}.groups`));
	if (uid?.claim && uid.expression) errors.push(invalid(`${path}.uid`, "", "claim and expression can't both be set"));
	extra.forEach(({ key, valueExpression }, i) => {
		const at = `${path}.extra[${i}]`;
		if (!key) errors.push(required(`${at}.key`, ""));
		else if (!EXTRA_KEY.test(key)) errors.push(invalid(`${at}.key`, key, 'must be a lowercase domain-prefixed path (such as "acme.io/foo")'));
		else if (/(^|\.)(kubernetes|k8s)\.io\//.test(key))
			errors.push(invalid(`${at}.key`, key, "k8s.io, kubernetes.io and their subdomains are reserved for Kubernetes use"));
		if (!valueExpression) errors.push(required(`${at}.valueExpression`, "valueExpression is required"));
	});
	return errors;
}

function validateRules({ claimValidationRules = [], userValidationRules = [] }: JwtAuthenticator, path: string): FieldError[] {
	const errors: FieldError[] = [];
	claimValidationRules.forEach(({ claim, expression, requiredValue, message }, i) => {
		const at = `${path}.claimValidationRules[${i}]`;
		if (claim && expression) errors.push(invalid(at, "", "claim and expression can't both be set"));
		if (!claim && !expression) errors.push(required(at, "claim or expression is required"));
		if (claim && message) errors.push(invalid(`${at}.message`, message, "message can't be set when claim is set"));
		if (expression && requiredValue) errors.push(invalid(`${at}.requiredValue`, requiredValue, "requiredValue can't be set when expression is set"));
	});
	userValidationRules.forEach(({ expression }, i) => {
		if (!expression) errors.push(required(`${path}.userValidationRules[${i}].expression`, "expression is required"));
	});
	return errors;
}
