/** The parameters that a binding gives its policy (generic.CollectParams): the namespace's own, cluster-scoped ones, or another namespace's, which is asked first. */
import { type KindDefinition, type KindRegistry, resourceOf } from "../../kinds/define-kind.ts";
import type { KubeObject, ResourceName } from "../../meta/object.ts";
import type { ParamKind, ParamRef } from "../../schema/kubernetes.d.ts";
import { labelSelectorOf } from "../../selector/label-selector.ts";
import type { AdmissionRequest, AdmissionView } from "../plugin.ts";

/** How long another namespace's answer may take, in seconds. */
const ASK_SECONDS = 10;

/** A policy or binding that cannot be followed as it is: its failurePolicy says what becomes of the request. */
export class ConfigurationError extends Error {
	readonly isOfPolicy: boolean;

	constructor(message: string, isOfPolicy: boolean) {
		super(message);
		this.isOfPolicy = isOfPolicy;
	}
}

const bindingError = (message: string): ConfigurationError => new ConfigurationError(message, false);

/** The kind of a policy's parameters; undefined where it has none. Throws ConfigurationError. */
export function paramKindOf(paramKind: ParamKind | undefined, view: AdmissionView): KindDefinition | undefined {
	if (paramKind === undefined) return undefined;
	const { apiVersion = "", kind: name = "" } = paramKind;
	const [group, version] = apiVersion.includes("/") ? (apiVersion.split("/") as [string, string]) : ["", apiVersion];
	const kind = view.kinds.byKind(group, version, name);
	if (kind !== undefined) return kind;
	throw new ConfigurationError(`failed to find resource referenced by paramKind: '${apiVersion}, Kind=${name}'`, true);
}

/** What is stored of the kind in the namespace. */
function stored(kind: KindDefinition, namespace: string, request: AdmissionRequest, view: AdmissionView): readonly KubeObject[] {
	const resource = resourceOf(kind);
	if (kind.scope === "Cluster") return view.clusterList(resource);
	if (namespace === request.namespace) return view.list(resource);
	const [outcome] = view.ask([{ target: { collection: { namespace, resource } }, timeoutSeconds: ASK_SECONDS, body: () => "" }]);
	if (outcome === undefined || "failure" in outcome || outcome.status !== 200)
		throw bindingError(`parameters of namespace ${namespace} could not be read${outcome && "failure" in outcome ? `: ${outcome.failure}` : ""}`);
	return JSON.parse(outcome.body) as KubeObject[];
}

function named(name: string, kind: KindDefinition, namespace: string, request: AdmissionRequest, view: AdmissionView): KubeObject | undefined {
	if (kind.scope === "Namespaced" && namespace === request.namespace) return view.get(resourceOf(kind), name);
	return stored(kind, namespace, request, view).find(({ metadata }) => metadata.name === name);
}

/** Null stands for a policy that is evaluated without; none at all for one that is not evaluated. Throws ConfigurationError. */
export function collectParams(
	kind: KindDefinition | undefined,
	reference: ParamRef | undefined,
	request: AdmissionRequest,
	view: AdmissionView,
): (KubeObject | null)[] {
	if (kind === undefined || reference === undefined) return [null];
	const { name = "", selector, namespace: given = "", parameterNotFoundAction: action } = reference;
	if (kind.scope === "Cluster" && given !== "") throw bindingError("paramRef.namespace must not be provided for a cluster-scoped `paramKind`");
	const namespace = given === "" ? request.namespace : given;
	if (kind.scope === "Namespaced" && namespace === "")
		throw bindingError("cannot use namespaced paramRef in policy binding that matches cluster-scoped resources");
	// What the server writes itself (an agent's reports) cannot wait: a policy that would make it wait does not concern it.
	if (kind.scope === "Namespaced" && namespace !== request.namespace && !view.canAsk()) return [];
	const found = name
		? [named(name, kind, namespace, request, view)]
		: stored(kind, namespace, request, view).filter(({ metadata }) => labelSelectorOf(selector).matches(metadata.labels));
	const params = found.filter((param) => param !== undefined);
	if (params.length === 0 && action === "Deny") throw bindingError("no params found for policy binding with `Deny` parameterNotFoundAction");
	return params.map((param) => (kind.present ? view.convert(param, kind) : param));
}

/** The cluster-scoped collections that policies take parameters from: what admits namespaced writes holds a replica of them. */
export function paramCollections(policies: readonly { spec?: { paramKind?: ParamKind } }[], kinds: KindRegistry): ResourceName[] {
	const found = policies.flatMap(({ spec }) => {
		const { apiVersion = "", kind: name = "" } = spec?.paramKind ?? {};
		const [group, version] = apiVersion.includes("/") ? (apiVersion.split("/") as [string, string]) : ["", apiVersion];
		const kind = kinds.byKind(group, version, name);
		return kind?.scope === "Cluster" ? [resourceOf(kind)] : [];
	});
	return [...new Set(found)];
}
