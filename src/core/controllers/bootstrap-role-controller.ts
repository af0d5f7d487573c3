/** Gives the system's own namespaces the Roles and RoleBindings that they start with (kube-apiserver's rbac/bootstrap-roles). */
import { bootstrapRoleBindings, bootstrapRoles } from "../authz/bootstrap-namespace-policy.ts";
import type { KubeObject } from "../meta/object.ts";
import { type Action, type Controller, NOTHING } from "./controller.ts";
import { nameOf } from "./identity.ts";

const KEY = "namespace";
const GROUP = "rbac.authorization.k8s.io";

export function bootstrapRoleController({ namespaceActive }: { namespaceActive(): boolean }): Controller {
	return {
		name: "bootstrap-roles",
		watches: [],
		standingKeys: [KEY],
		reconcile(_key, view, { namespace }) {
			if (!namespaceActive()) return NOTHING;
			const missing = (resource: string, objects: readonly KubeObject[]): Action[] =>
				objects.filter((object) => view.get(resource, nameOf(object)) === undefined).map((object) => ({ type: "create", resource, object }));
			const bindings = missing(`${GROUP}/rolebindings`, bootstrapRoleBindings(namespace));
			return { actions: [...missing(`${GROUP}/roles`, bootstrapRoles(namespace)), ...bindings] };
		},
	};
}
