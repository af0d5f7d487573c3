/** What every cluster starts with: the system's namespaces, roles and classes. One that an earlier version made gets what has been added since. */
import { SYSTEM_PRIORITY_CLASSES } from "../core/admission/plugins/priority.ts";
import { bootstrapClusterRoleBindings, bootstrapClusterRoles } from "../core/authz/bootstrap-policy.ts";
import { AUTOUPDATE } from "../core/authz/bootstrap-rules.ts";
import { StatusError } from "../core/errors/status-error.ts";
import { INGRESS_CONTROLLER } from "../core/controllers/ingress-controller.ts";
import { builtinApiServices } from "../core/controllers/apiservice-registration-controller.ts";
import { builtinKinds } from "../core/kinds/registry.ts";
import { COMPONENT_STATUSES } from "../core/kinds/component-status.ts";
import { type KindDefinition, resourceOf } from "../core/kinds/define-kind.ts";
import { semanticEqual } from "../core/meta/equality.ts";
import type { KubeObject } from "../core/meta/object.ts";
import { applySchemaDefaults } from "../core/schema/decode.ts";
import type { ClusterRole, IngressClass } from "../core/schema/kubernetes.d.ts";
import { localPathClass } from "../core/volumes/local-path.ts";
import type { Sql } from "../store/sql.ts";
import type { ResourceCore } from "./resource-core.ts";
import type { ResourceServer } from "./resource-server.ts";
import { createObject, updateObject, type WriteOptions } from "./write.ts";

/** Changes with what a cluster starts with. */
const REVISION = "6";
const KEY = "bootstrap-revision";
/** What serves an Ingress that names no class. Whoever would rather have another class's takes the annotation away. */
const INGRESS_CLASS: IngressClass = {
	apiVersion: "networking.k8s.io/v1",
	kind: "IngressClass",
	metadata: { name: "petrel", annotations: { "ingressclass.kubernetes.io/is-default-class": "true" } },
	spec: { controller: INGRESS_CONTROLLER },
};
const SYSTEM_NAMESPACES = ["default", "kube-system", "kube-public", "kube-node-lease"];

export const systemWrite = (manager: string, subresource: string): WriteOptions => ({
	user: { name: "system:apiserver", groups: ["system:masters"] },
	manager,
	subresource,
	dryRun: false,
	addWarning: () => {},
});

/**
 * What a new cluster was made of, as JSON: everything but uids, times and versions is the same for the next one, which is then spared
 * admission, validation and the tracking of fields.
 */
let known: readonly string[] | undefined;

export function bootstrapCluster(core: ResourceCore, sql: Sql): void {
	const { server } = core;
	const before = sql.all<{ value: string }>("SELECT value FROM meta WHERE key = ?", KEY)[0]?.value;
	if (before === REVISION) return;
	core.turn(() => {
		if (before === undefined && known !== undefined) for (const text of known) createAlike(server, JSON.parse(text) as KubeObject);
		else {
			const made = createAll(server);
			if (before === undefined) known = made.map((object) => JSON.stringify(object));
		}
		sql.run("INSERT OR REPLACE INTO meta VALUES (?, ?)", KEY, REVISION);
	});
}

/** Answers those that were not there. */
function createAll(server: ResourceServer): KubeObject[] {
	const namespaces: KubeObject[] = SYSTEM_NAMESPACES.map((name) => ({
		apiVersion: "v1",
		kind: "Namespace",
		metadata: { name, labels: { "kubernetes.io/metadata.name": name } },
	}));
	const objects = [
		...namespaces,
		...bootstrapClusterRoleBindings(),
		...SYSTEM_PRIORITY_CLASSES,
		...COMPONENT_STATUSES,
		INGRESS_CLASS,
		localPathClass,
		...builtinApiServices(builtinKinds),
	];
	const made = [...objects.map((object) => create(server, object)), ...bootstrapClusterRoles().map((role) => createRole(server, role))];
	return made.filter((object) => object !== undefined);
}

/** The same object for another cluster. */
function createAlike(server: ResourceServer, object: KubeObject): void {
	const nowIso = server.nowIso();
	const { metadata } = object;
	metadata.uid = server.attempt.uuid();
	metadata.creationTimestamp = nowIso;
	delete metadata.resourceVersion;
	for (const entry of metadata.managedFields ?? []) entry.time = nowIso;
	server.commit(kindOf(server, object), object, undefined);
}

function kindOf(server: ResourceServer, { apiVersion, kind }: KubeObject): KindDefinition {
	const [group, version] = apiVersion.includes("/") ? (apiVersion.split("/") as [string, string]) : ["", apiVersion];
	const found = server.kinds.byKind(group, version, kind);
	if (found === undefined) throw new StatusError(500, "InternalError", `no kind ${kind}`);
	return found;
}

function create(server: ResourceServer, object: KubeObject): KubeObject | undefined {
	const kind = kindOf(server, object);
	if (server.store.getText(resourceOf(kind), object.metadata.name ?? "") !== undefined) return undefined;
	const made = structuredClone(object);
	applySchemaDefaults(server.schema, kind.schema, made as never);
	return createObject(server, kind, made, systemWrite("kube-apiserver", ""));
}

/** A role that is there gets the rules that it lacks, unless its annotation says that it is left alone. */
function createRole(server: ResourceServer, role: ClusterRole): KubeObject | undefined {
	const kind = kindOf(server, role);
	const old = server.store.get<ClusterRole>(resourceOf(kind), role.metadata.name ?? "");
	if (old === undefined) return create(server, role);
	const missing = (role.rules ?? []).filter((rule) => !(old.rules ?? []).some((had) => semanticEqual(had, rule)));
	if (missing.length === 0 || old.metadata.annotations?.[AUTOUPDATE] !== "true") return undefined;
	updateObject(server, kind, { ...structuredClone(old), rules: [...(old.rules ?? []), ...missing] } as ClusterRole, old, systemWrite("kube-apiserver", ""));
	return undefined;
}
