/** From the claims of an issuer's verified token to a user (k8s.io/apiserver/plugin/pkg/authenticator/token/oidc): mappings and validation rules, compiled once. */
import type { UserInfo } from "../api/request.ts";
import { Environment, type Program } from "../cel/environment.ts";
import { untypedValue } from "../cel/json-value.ts";
import { DYN } from "../cel/types.ts";
import { CelError, CelList, type CelValue } from "../cel/values.ts";
import type { Json, JsonObject } from "../meta/object.ts";
import type { JwtAuthenticator, PrefixedClaim } from "./authentication-configuration.ts";

/** What is wrong with a token; for the log and a TokenReview's error. */
export class ClaimsRefused extends Error {}

/** A compiled authenticator. @throws ClaimsRefused */
export type ClaimsMapping = (claims: JsonObject) => UserInfo;

const claimsEnvironment = new Environment({ variables: { claims: DYN } });
const userEnvironment = new Environment({ variables: { user: DYN } });

function evaluated(program: Program, variable: string, json: Json): CelValue {
	const bound = untypedValue(json);
	const { value } = program.evaluate((name) => (name === variable ? bound : undefined));
	if (value instanceof CelError) throw new ClaimsRefused(`error evaluating ${program.source}: ${value.message}`);
	return value;
}

/** A string, null or nothing for none, or a list of strings. */
function stringsOf(value: CelValue | undefined, what: string): string[] {
	if (value === null || value === undefined || value === "") return [];
	if (typeof value === "string") return [value];
	const items = value instanceof CelList ? [...value] : undefined;
	if (items === undefined || !items.every((item) => typeof item === "string")) throw new ClaimsRefused(`${what} must be a string or a list of strings`);
	return items as string[];
}

const claimOf = (claims: JsonObject, name: string): CelValue | undefined => (Object.hasOwn(claims, name) ? untypedValue(claims[name] as Json) : undefined);

type Read = (claims: JsonObject) => string[];

function reader({ claim, prefix = "", expression }: PrefixedClaim, what: string): Read {
	if (expression) {
		const program = claimsEnvironment.compile(expression);
		return (claims) => stringsOf(evaluated(program, "claims", claims), what);
	}
	return (claims) => (claim ? stringsOf(claimOf(claims, claim), `claim ${JSON.stringify(claim)}`).map((text) => prefix + text) : []);
}

function usernameReader(mapping: PrefixedClaim): (claims: JsonObject) => string {
	const read = reader(mapping, "username");
	return (claims) => {
		const [name = ""] = read(claims);
		// An address that its issuer has not verified is anybody's.
		if (mapping.claim === "email" && claims["email_verified"] !== undefined && claims["email_verified"] !== true)
			throw new ClaimsRefused("oidc: email not verified");
		if (name === "" || name === (mapping.prefix ?? "")) throw new ClaimsRefused("oidc: the username is empty");
		return name;
	};
}

function claimRule({
	claim,
	requiredValue = "",
	expression,
	message,
}: NonNullable<JwtAuthenticator["claimValidationRules"]>[number]): (claims: JsonObject) => void {
	if (!expression)
		return (claims) => {
			const value = claims[claim ?? ""];
			if (value !== requiredValue) throw new ClaimsRefused(`oidc: claim ${claim} == ${JSON.stringify(requiredValue)} required`);
		};
	const program = claimsEnvironment.compile(expression);
	return (claims) => {
		if (evaluated(program, "claims", claims) !== true) throw new ClaimsRefused(`oidc: error evaluating claim validation expression: ${message || expression}`);
	};
}

function userRule({ expression, message }: NonNullable<JwtAuthenticator["userValidationRules"]>[number]): (user: UserInfo) => void {
	const program = userEnvironment.compile(expression);
	return ({ name, uid = "", groups, extra = {} }) => {
		const shown = { username: name, uid, groups: [...groups], extra: Object.fromEntries(Object.entries(extra).map(([key, values]) => [key, [...values]])) };
		if (evaluated(program, "user", shown) !== true) throw new ClaimsRefused(`oidc: error evaluating user info validation rule: ${message || expression}`);
	};
}

/** @throws CelSourceError of an expression that does not compile */
export function compileClaimsMapping({ claimMappings, claimValidationRules = [], userValidationRules = [] }: JwtAuthenticator): ClaimsMapping {
	const rules = claimValidationRules.map(claimRule);
	const userRules = userValidationRules.map(userRule);
	const username = usernameReader(claimMappings.username);
	const groups = reader(claimMappings.groups ?? {}, "groups");
	const uid = reader(claimMappings.uid ?? {}, "uid");
	const extras = (claimMappings.extra ?? []).map(({ key, valueExpression }) => [key, reader({ expression: valueExpression }, `extra ${key}`)] as const);
	return (claims) => {
		for (const rule of rules) rule(claims);
		const extra = Object.fromEntries(extras.map(([key, read]) => [key, read(claims)] as const).filter(([, values]) => values.length > 0));
		const [id] = uid(claims);
		const user: UserInfo = {
			name: username(claims),
			groups: groups(claims),
			...(id === undefined ? {} : { uid: id }),
			...(Object.keys(extra).length > 0 ? { extra } : {}),
		};
		for (const rule of userRules) rule(user);
		return user;
	};
}
