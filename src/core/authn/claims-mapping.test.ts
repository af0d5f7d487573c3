import { describe, expect, it } from "vitest";
import type { JsonObject } from "../meta/object.ts";
import { type JwtAuthenticator, readAuthenticationConfiguration } from "./authentication-configuration.ts";
import { compileClaimsMapping } from "./claims-mapping.ts";

const issuer = { url: "https://issuer.example", audiences: ["petrel"] };
const configuration = (jwt: unknown[], more: object = {}) => ({ apiVersion: "apiserver.config.k8s.io/v1", kind: "AuthenticationConfiguration", jwt, ...more });
const complaint = (value: unknown): string => {
	try {
		readAuthenticationConfiguration(value);
	} catch (error) {
		return (error as Error).message;
	}
	return "";
};
const map = (authenticator: Partial<JwtAuthenticator>, claims: JsonObject) =>
	compileClaimsMapping({ issuer, claimMappings: { username: { claim: "sub", prefix: "" } }, ...authenticator })(claims);

describe("claims become a user", () => {
	it("by claims with prefixes", () => {
		const claimMappings = { username: { claim: "sub", prefix: "oidc:" }, groups: { claim: "roles", prefix: "oidc:" }, uid: { claim: "id" } };
		expect(map({ claimMappings }, { sub: "jane", roles: ["dev", "ops"], id: "7" })).toEqual({ name: "oidc:jane", groups: ["oidc:dev", "oidc:ops"], uid: "7" });
		expect(map({ claimMappings }, { sub: "jane", roles: "dev" })).toEqual({ name: "oidc:jane", groups: ["oidc:dev"] });
		expect(map({ claimMappings }, { sub: "jane" })).toEqual({ name: "oidc:jane", groups: [] });
	});

	it("by expressions, with extra", () => {
		const claimMappings = {
			username: { expression: "claims.sub + '@' + claims.org" },
			groups: { expression: "claims.roles.split(',')" },
			extra: [
				{ key: "example.com/tenant", valueExpression: "claims.org" },
				{ key: "example.com/none", valueExpression: "''" },
			],
		};
		expect(map({ claimMappings }, { sub: "jane", org: "acme", roles: "a,b" })).toEqual({
			name: "jane@acme",
			groups: ["a", "b"],
			extra: { "example.com/tenant": ["acme"] },
		});
	});

	it("unless a rule is against it, or there is no name", () => {
		const required = [{ claim: "hd", requiredValue: "acme.io" }];
		expect(() => map({ claimValidationRules: required }, { sub: "jane" })).toThrow('oidc: claim hd == "acme.io" required');
		const short = [{ expression: "claims.exp - claims.iat <= 3600", message: "too long a life" }];
		expect(map({ claimValidationRules: short }, { sub: "jane", iat: 0, exp: 3600 }).name).toBe("jane");
		expect(() => map({ claimValidationRules: short }, { sub: "jane", iat: 0, exp: 3601 })).toThrow("too long a life");
		const noSystem = [{ expression: "!user.username.startsWith('system:')", message: "reserved" }];
		expect(() => map({ userValidationRules: noSystem }, { sub: "system:admin" })).toThrow("reserved");
		for (const claims of [{}, { sub: "" }, { sub: 7 }] as JsonObject[]) expect(() => map({}, claims)).toThrow();
		const email = { username: { claim: "email", prefix: "" } };
		expect(() => map({ claimMappings: email }, { email: "a@b.c", email_verified: false })).toThrow("email not verified");
		expect(map({ claimMappings: email }, { email: "a@b.c", email_verified: true }).name).toBe("a@b.c");
	});

	it("only by expressions that compile", () => {
		expect(() => map({ claimMappings: { username: { expression: "claims.sub +" } } }, {})).toThrow();
		expect(() => map({ userValidationRules: [{ expression: "claims.sub == ''" }] }, {})).toThrow();
	});
});

describe("an authentication configuration", () => {
	const username = { claim: "sub", prefix: "" };
	it.each([
		[{}, "must be an AuthenticationConfiguration"],
		[
			configuration([{ issuer: { url: "http://x", audiences: ["a"] }, claimMappings: { username } }]),
			'jwt[0].issuer.url: Invalid value: "http://x": URL scheme must be https',
		],
		[
			configuration([{ issuer: { url: "https://x" }, claimMappings: { username } }]),
			"jwt[0].issuer.audiences: Required value: at least one jwt[0].issuer.audiences is required",
		],
		[
			configuration([{ issuer: { url: "https://x", audiences: ["a", "b"] }, claimMappings: { username } }]),
			"audienceMatchPolicy must be MatchAny for multiple audiences",
		],
		[configuration([{ issuer, claimMappings: {} }]), "jwt[0].claimMappings.username: Required value: claim or expression is required"],
		[
			configuration([{ issuer, claimMappings: { username: { claim: "sub" } } }]),
			"prefix is required when claim is set. It can be set to an empty string to disable prefixing",
		],
		[
			configuration([
				{ issuer, claimMappings: { username } },
				{ issuer, claimMappings: { username } },
			]),
			'jwt[1].issuer.url: Duplicate value: "https://issuer.example"',
		],
		[
			configuration([{ issuer: { url: "https://kubernetes.default.svc.cluster.local", audiences: ["a"] }, claimMappings: { username } }]),
			"URL must not overlap with disallowed issuers",
		],
		[configuration([], { anonymous: { enabled: false, conditions: [{ path: "/livez" }] } }), "enabled should be set to true when conditions are defined"],
	])("%#: says what is wrong", (value, message) => expect(complaint(value)).toContain(message));

	it("that is right is taken", () => {
		const whole = configuration([{ issuer: { ...issuer, audiences: ["a", "b"], audienceMatchPolicy: "MatchAny" }, claimMappings: { username } }], {
			anonymous: { enabled: true },
		});
		expect(readAuthenticationConfiguration(whole)).toBe(whole);
	});
});
