/**
 * An Ingress's annotations: `petrel.dev/<name>`, and the same names of ingress-nginx
 * (kubernetes.github.io/ingress-nginx/user-guide/nginx-configuration/annotations), with its meanings and defaults.
 */
import type { Ingress, Secret } from "../schema/kubernetes.d.ts";
import { cidr } from "../meta/address.ts";
import { basicAuthUsers } from "./htpasswd.ts";
import type { Affinity, Cors, EdgePolicy, RateLimits } from "./policy.ts";
import type { Canary } from "./edge-table.ts";

const PREFIXES = ["petrel.dev/", "nginx.ingress.kubernetes.io/"];
const PERMANENT = 301;
const TEMPORARY = 302;
const DEFAULT_COOKIE = "INGRESSCOOKIE";
const BURST = 5;
const CORS_METHODS = "GET, PUT, POST, DELETE, PATCH, OPTIONS";
const CORS_HEADERS = "DNT,Keep-Alive,User-Agent,X-Requested-With,If-Modified-Since,Cache-Control,Content-Type,Range,Authorization";
const CORS_MAX_AGE_SECONDS = 1_728_000;

export type Annotate = (name: string) => string | undefined;

/** An annotation under either prefix; our own goes first. */
export function annotationsOf(ingress: Ingress): Annotate {
	const all = ingress.metadata.annotations ?? {};
	return (name) => PREFIXES.map((prefix) => all[prefix + name]).find((value) => value !== undefined);
}

const isTrue = (value: string | undefined): boolean => value === "true";
const listOf = (value: string): string[] =>
	value
		.split(",")
		.map((one) => one.trim())
		.filter((one) => one !== "");

/** Undefined for what is no whole number. */
function numberOf(value: string | undefined): number | undefined {
	return value !== undefined && /^\d+$/.test(value.trim()) ? Number(value) : undefined;
}

/** Networks; a bare address is a network of one. What is neither is left out. */
export function networksOf(value: string | undefined): string[] | undefined {
	if (value === undefined) return undefined;
	const whole = listOf(value).map((one) => (one.includes("/") ? one : `${one}/${one.includes(":") ? 128 : 32}`));
	return whole.filter((one) => cidr(one).length === 0);
}

/** "60", "60s", "500ms", "2m": nginx's times, in milliseconds. */
function timeOf(value: string | undefined): number | undefined {
	const [, number, unit = "s"] = /^(\d+)(ms|s|m|h)?$/.exec(value?.trim() ?? "") ?? [];
	const factor = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 }[unit];
	return number === undefined || factor === undefined ? undefined : Number(number) * factor;
}

/** "8m", "64k", "1g": nginx's sizes, in bytes; 0 is no limit. */
function sizeOf(value: string | undefined): number | undefined {
	const [, number, unit = ""] = /^(\d+)([kmg]?)$/i.exec(value?.trim() ?? "") ?? [];
	if (number === undefined) return undefined;
	const power = ["", "k", "m", "g"].indexOf(unit.toLowerCase());
	return Number(number) * 1024 ** power || undefined;
}

export function canaryOf(read: Annotate): Canary | undefined {
	if (!isTrue(read("canary"))) return undefined;
	const [header, headerValue, cookie] = [read("canary-by-header"), read("canary-by-header-value"), read("canary-by-cookie")];
	return {
		weight: numberOf(read("canary-weight")) ?? 0,
		weightTotal: numberOf(read("canary-weight-total")) ?? 100,
		...(header ? { header } : {}),
		...(headerValue ? { headerValue } : {}),
		...(cookie ? { cookie } : {}),
	};
}

/** Whether paths of type ImplementationSpecific are regular expressions. */
export const usesRegex = (read: Annotate): boolean => isTrue(read("use-regex")) || /\$\d/.test(read("rewrite-target") ?? "");

export function policyOf(ingress: Ingress, read: Annotate, secret: (name: string) => Secret | undefined): EdgePolicy {
	return { ...redirects(ingress, read), ...guards(ingress, read, secret), ...passing(read) };
}

function redirects({ spec }: Ingress, read: Annotate): EdgePolicy {
	const [permanent, temporal, root] = [read("permanent-redirect"), read("temporal-redirect"), read("app-root")];
	const secured = (spec?.tls ?? []).length > 0 && read("ssl-redirect") !== "false";
	const policy: EdgePolicy = {};
	if (temporal) policy.redirect = { url: temporal, status: redirectCode(read("temporal-redirect-code"), TEMPORARY) };
	else if (permanent) policy.redirect = { url: permanent, status: redirectCode(read("permanent-redirect-code"), PERMANENT) };
	if (isTrue(read("force-ssl-redirect"))) policy.httpsRedirect = "always";
	else if (secured) policy.httpsRedirect = "available";
	if (root?.startsWith("/")) policy.appRoot = root;
	return policy;
}

function redirectCode(value: string | undefined, otherwise: number): number {
	const code = numberOf(value) ?? otherwise;
	return code >= 300 && code <= 308 ? code : otherwise;
}

function guards(ingress: Ingress, read: Annotate, secret: (name: string) => Secret | undefined): EdgePolicy {
	const policy: EdgePolicy = {};
	const allow = networksOf(read("whitelist-source-range") ?? read("allowlist-source-range"));
	const deny = networksOf(read("denylist-source-range"));
	if (allow && allow.length > 0) policy.allow = allow;
	if (deny && deny.length > 0) policy.deny = deny;
	const name = authSecretOf(ingress);
	// One that is not there lets nobody in.
	if (name !== undefined) policy.auth = { realm: read("auth-realm") ?? "", users: basicAuthUsers(secret(name), read("auth-secret-type") ?? "auth-file") };
	const limits = limitsOf(read);
	if (limits) policy.limits = limits;
	const cors = corsOf(read);
	if (cors) policy.cors = cors;
	return policy;
}

/** The Secret with the users; one of another namespace is none, for its owner has not agreed. */
export function authSecretOf(ingress: Ingress): string | undefined {
	const read = annotationsOf(ingress);
	if (read("auth-type") !== "basic") return undefined;
	const [namespace, name] = (read("auth-secret") ?? "").includes("/")
		? (read("auth-secret") ?? "").split("/")
		: [ingress.metadata.namespace, read("auth-secret")];
	return namespace === ingress.metadata.namespace ? (name ?? "") : "";
}

function limitsOf(read: Annotate): RateLimits | undefined {
	const [perSecond, perMinute, connections] = ["limit-rps", "limit-rpm", "limit-connections"].map((name) => numberOf(read(name)) || undefined);
	if (perSecond === undefined && perMinute === undefined && connections === undefined) return undefined;
	return {
		...(perSecond === undefined ? {} : { perSecond }),
		...(perMinute === undefined ? {} : { perMinute }),
		...(connections === undefined ? {} : { connections }),
		burst: numberOf(read("limit-burst-multiplier")) ?? BURST,
		exempt: networksOf(read("limit-whitelist") ?? read("limit-allowlist")) ?? [],
	};
}

function corsOf(read: Annotate): Cors | undefined {
	if (!isTrue(read("enable-cors"))) return undefined;
	return {
		origins: listOf(read("cors-allow-origin") ?? "*"),
		methods: read("cors-allow-methods") ?? CORS_METHODS,
		headers: read("cors-allow-headers") ?? CORS_HEADERS,
		exposed: read("cors-expose-headers") ?? "",
		credentials: read("cors-allow-credentials") !== "false",
		maxAgeSeconds: numberOf(read("cors-max-age")) ?? CORS_MAX_AGE_SECONDS,
	};
}

function passing(read: Annotate): EdgePolicy {
	const rewrite = read("rewrite-target");
	const affinity = affinityOf(read);
	const [upstreamHost, answerTimeoutMs] = [read("upstream-vhost"), timeOf(read("proxy-read-timeout"))];
	const [bodyBytesMax, triesMax] = [sizeOf(read("proxy-body-size")), numberOf(read("proxy-next-upstream-tries"))];
	return {
		...(rewrite ? { path: { type: "template", value: rewrite } } : {}),
		...(affinity ? { affinity } : {}),
		...(upstreamHost ? { upstreamHost } : {}),
		...(read("backend-protocol")?.toUpperCase() === "HTTPS" ? { backendTls: true as const } : {}),
		...(answerTimeoutMs ? { answerTimeoutMs } : {}),
		...(bodyBytesMax ? { bodyBytesMax } : {}),
		...(triesMax ? { triesMax } : {}),
	};
}

function affinityOf(read: Annotate): Affinity | undefined {
	if (read("affinity") !== "cookie") return undefined;
	const maxAgeSeconds = numberOf(read("session-cookie-max-age") ?? read("session-cookie-expires"));
	const [path, sameSite] = [read("session-cookie-path"), read("session-cookie-samesite")];
	const isSameSite = ["strict", "lax", "none"].includes(sameSite?.toLowerCase() ?? "");
	return {
		cookie: cookieName(read("session-cookie-name")),
		...(maxAgeSeconds === undefined ? {} : { maxAgeSeconds }),
		...(path?.startsWith("/") && !/[;\s]/.test(path) ? { path } : {}),
		...(sameSite && isSameSite ? { sameSite } : {}),
		...(isTrue(read("session-cookie-secure")) ? { secure: true } : {}),
	};
}

/** A token of RFC 6265; what is none would be a header of its own. */
const cookieName = (name: string | undefined): string => (name !== undefined && /^[\w!#$%&'*+.^`|~-]+$/.test(name) ? name : DEFAULT_COOKIE);
