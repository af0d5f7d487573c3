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

export function bootstrapCluster(core: ResourceCore, sql: Sql): void {
	if (sql.all<{ value: string }>("SELECT value FROM meta WHERE key = ?", KEY)[0]?.value === REVISION) return;
	const namespaces: KubeObject[] = SYSTEM_NAMESPACES.map((name) => ({
		apiVersion: "v1",
		kind: "Namespace",
		metadata: { name, labels: { "kubernetes.io/metadata.name": name } },
	}));
	core.turn(() => {
		for (const object of [
			...namespaces,
			...bootstrapClusterRoleBindings(),
			...SYSTEM_PRIORITY_CLASSES,
			...COMPONENT_STATUSES,
			INGRESS_CLASS,
			localPathClass,
			...builtinApiServices(builtinKinds),
		])
			create(core.server, object);
		for (const role of bootstrapClusterRoles()) createRole(core.server, role);
		sql.run("INSERT OR REPLACE INTO meta VALUES (?, ?)", KEY, REVISION);
	});
}

function kindOf(server: ResourceServer, { apiVersion, kind }: KubeObject): KindDefinition {
	const [group, version] = apiVersion.includes("/") ? (apiVersion.split("/") as [string, string]) : ["", apiVersion];
	const found = server.kinds.byKind(group, version, kind);
	if (found === undefined) throw new StatusError(500, "InternalError", `no kind ${kind}`);
	return found;
}

function create(server: ResourceServer, object: KubeObject): void {
	const kind = kindOf(server, object);
	if (server.store.getText(resourceOf(kind), object.metadata.name ?? "") !== undefined) return;
	const made = structuredClone(object);
	applySchemaDefaults(server.schema, kind.schema, made as never);
	createObject(server, kind, made, systemWrite("kube-apiserver", ""));
}

/** A role that is there gets the rules that it lacks, unless its annotation says that it is left alone. */
function createRole(server: ResourceServer, role: ClusterRole): void {
	const kind = kindOf(server, role);
	const old = server.store.get<ClusterRole>(resourceOf(kind), role.metadata.name ?? "");
	if (old === undefined) return create(server, role);
	const missing = (role.rules ?? []).filter((rule) => !(old.rules ?? []).some((had) => semanticEqual(had, rule)));
	if (missing.length === 0 || old.metadata.annotations?.[AUTOUPDATE] !== "true") return;
	updateObject(server, kind, { ...structuredClone(old), rules: [...(old.rules ?? []), ...missing] } as ClusterRole, old, systemWrite("kube-apiserver", ""));
}
