/** The authorizer as expressions ask it (k8s.io/apiserver/pkg/cel/library/authz.go). */
import type { Attributes } from "../../authz/attributes.ts";
import type { UserInfo } from "../../api/request.ts";
import { type CallCost, method, type Overload } from "../functions.ts";
import { CelFailure, Opaque } from "../values.ts";

/** Two checks are what one expression may afford. */
const CHECK_COST = 350_000;

export interface AuthorizerDecision {
	allowed: boolean;
	reason: string;
	/** Why it could not be decided. */
	error?: string;
}

/** What decides for the user. */
export type Decide = (user: UserInfo, attributes: Attributes) => AuthorizerDecision;

abstract class Check extends Opaque {
	equals(other: Opaque): boolean {
		return other === this;
	}
}

export class AuthorizerValue extends Check {
	readonly typeName = "kubernetes.authorization.Authorizer";
	readonly user: UserInfo;
	readonly decide: Decide;

	constructor(user: UserInfo, decide: Decide) {
		super();
		this.user = user;
		this.decide = decide;
	}
}

class PathCheck extends Check {
	readonly typeName = "kubernetes.authorization.PathCheck";
	readonly authorizer: AuthorizerValue;
	readonly path: string;

	constructor(authorizer: AuthorizerValue, path: string) {
		super();
		this.authorizer = authorizer;
		this.path = path;
	}
}

class GroupCheck extends Check {
	readonly typeName = "kubernetes.authorization.GroupCheck";
	readonly authorizer: AuthorizerValue;
	readonly group: string;

	constructor(authorizer: AuthorizerValue, group: string) {
		super();
		this.authorizer = authorizer;
		this.group = group;
	}
}

export interface CheckedResource {
	group: string;
	resource: string;
	subresource: string;
	namespace: string;
	name: string;
}

export class ResourceCheck extends Check {
	readonly typeName = "kubernetes.authorization.ResourceCheck";
	readonly authorizer: AuthorizerValue;
	readonly asked: CheckedResource;

	constructor(authorizer: AuthorizerValue, asked: CheckedResource) {
		super();
		this.authorizer = authorizer;
		this.asked = asked;
	}

	with(more: Partial<CheckedResource>): ResourceCheck {
		return new ResourceCheck(this.authorizer, { ...this.asked, ...more });
	}
}

class DecisionValue extends Check {
	readonly typeName = "kubernetes.authorization.Decision";
	readonly decision: AuthorizerDecision;

	constructor(decision: AuthorizerDecision) {
		super();
		this.decision = decision;
	}
}

function serviceAccount(authorizer: AuthorizerValue, namespace: string, name: string): AuthorizerValue {
	const user: UserInfo = {
		name: `system:serviceaccount:${namespace}:${name}`,
		groups: ["system:serviceaccounts", `system:serviceaccounts:${namespace}`, "system:authenticated"],
	};
	return new AuthorizerValue(user, authorizer.decide);
}

function path(authorizer: AuthorizerValue, text: string): PathCheck {
	if (text === "") throw new CelFailure("path must not be empty");
	return new PathCheck(authorizer, text);
}

const checkPath = ({ authorizer, path: asked }: PathCheck, verb: string): DecisionValue =>
	new DecisionValue(authorizer.decide(authorizer.user, { verb, path: asked }));
const checkResource = ({ authorizer, asked }: ResourceCheck, verb: string): DecisionValue =>
	new DecisionValue(authorizer.decide(authorizer.user, { verb, ...asked }));

const ofGroup = ({ authorizer, group }: GroupCheck, resource: string): ResourceCheck =>
	new ResourceCheck(authorizer, { group, resource, subresource: "", namespace: "", name: "" });

const A = "kubernetes.authorization";
const checkCost: CallCost = () => CHECK_COST;

/** Selectors narrow what is asked; a decision by roles is the same with or without them. */
const unchanged = (check: ResourceCheck): ResourceCheck => check;

export const AUTHORIZER: readonly Overload[] = [
	method(`${A}.Authorizer.path(string) -> ${A}.PathCheck`, path),
	method(`${A}.PathCheck.check(string) -> ${A}.Decision`, checkPath, checkCost),
	method(`${A}.Authorizer.serviceAccount(string, string) -> ${A}.Authorizer`, serviceAccount),
	method(`${A}.Authorizer.group(string) -> ${A}.GroupCheck`, (authorizer: AuthorizerValue, group: string) => new GroupCheck(authorizer, group)),
	method(`${A}.GroupCheck.resource(string) -> ${A}.ResourceCheck`, ofGroup),
	method(`${A}.ResourceCheck.subresource(string) -> ${A}.ResourceCheck`, (check: ResourceCheck, subresource: string) => check.with({ subresource })),
	method(`${A}.ResourceCheck.namespace(string) -> ${A}.ResourceCheck`, (check: ResourceCheck, namespace: string) => check.with({ namespace })),
	method(`${A}.ResourceCheck.name(string) -> ${A}.ResourceCheck`, (check: ResourceCheck, name: string) => check.with({ name })),
	method(`${A}.ResourceCheck.fieldSelector(string) -> ${A}.ResourceCheck`, unchanged),
	method(`${A}.ResourceCheck.labelSelector(string) -> ${A}.ResourceCheck`, unchanged),
	method(`${A}.ResourceCheck.check(string) -> ${A}.Decision`, checkResource, checkCost),
	method(`${A}.Decision.allowed() -> bool`, ({ decision }: DecisionValue) => decision.allowed),
	method(`${A}.Decision.reason() -> string`, ({ decision }: DecisionValue) => decision.reason),
	method(`${A}.Decision.errored() -> bool`, ({ decision }: DecisionValue) => decision.error !== undefined),
	method(`${A}.Decision.error() -> string`, ({ decision }: DecisionValue) => decision.error ?? ""),
];
