/** Whether a resource path exists, by the registry of kinds, and what serves it. Pure. */
import { pathNotFound } from "../core/errors/status-error.ts";
import type { KindDefinition, KindRegistry } from "../core/kinds/define-kind.ts";
import { methodNotAllowed, type ResourcePath } from "./request-info.ts";

/** Answers that are computed, never stored: POST alone. */
const REVIEWS: Readonly<Record<string, ReadonlySet<string>>> = {
	"authorization.k8s.io": new Set(["selfsubjectaccessreviews", "selfsubjectrulesreviews", "subjectaccessreviews", "localsubjectaccessreviews"]),
	"authentication.k8s.io": new Set(["selfsubjectreviews", "tokenreviews"]),
};
const NAMESPACED_REVIEW = "localsubjectaccessreviews";

/** Subresources that a session with the node serves. */
const SESSIONS: ReadonlySet<string> = new Set(["log", "exec", "attach", "portforward"]);
/** Subresources that the owning object serves like a write of its own. */
const FORWARDED: ReadonlySet<string> = new Set(["binding", "eviction", "replay", "test", "deadletters"]);

const OBJECT_SUBRESOURCE_VERBS = ["get", "update", "patch"];

export type ResourceRoute =
	/** The owning object answers. `kind` is what it answers with; undefined for a subresource of another kind (Scale, Eviction). */
	| { serve: "object"; kind: KindDefinition | undefined }
	| { serve: "review" }
	| { serve: "session" }
	| { serve: "token" }
	| { serve: "proxy" }
	/** Computed from what the nodes' agents say. */
	| { serve: "usage"; kind: KindDefinition };

function reviewRoute(path: ResourcePath): ResourceRoute | undefined {
	if (path.version !== "v1" || !REVIEWS[path.group]?.has(path.resource)) return undefined;
	if ((path.resource === NAMESPACED_REVIEW) !== (path.namespace !== "") || path.name !== "") throw pathNotFound();
	if (path.verb !== "create") throw methodNotAllowed();
	return { serve: "review" };
}

function checkScope(kind: KindDefinition, path: ResourcePath): void {
	if (kind.scope === "Cluster") {
		if (path.namespace !== "") throw pathNotFound();
		return;
	}
	if (path.namespace !== "") return;
	if (path.name !== "") throw pathNotFound();
	if (path.verb !== "list" && path.verb !== "watch") throw methodNotAllowed();
}

function connectRoute(kind: KindDefinition, path: ResourcePath): ResourceRoute {
	const connect = kind.subresources?.connect?.[path.subresource];
	if (!connect) throw pathNotFound();
	if (path.subresource === "proxy") return { serve: "proxy" };
	if ((path.verb !== "get" && path.verb !== "create") || !connect.verbs.includes(path.verb)) throw methodNotAllowed();
	if (path.subresource === "token") return { serve: "token" };
	if (SESSIONS.has(path.subresource)) return { serve: "session" };
	if (FORWARDED.has(path.subresource)) return { serve: "object", kind: undefined };
	throw pathNotFound();
}

function subresourceRoute(kind: KindDefinition, path: ResourcePath): ResourceRoute {
	if (path.name === "" || (path.rest.length > 0 && path.subresource !== "proxy")) throw pathNotFound();
	const own = kind.subresources ?? {};
	const isScale = path.subresource === "scale" && own.scale !== undefined;
	const isObject = (path.subresource === "status" && own.status !== undefined) || own.object?.[path.subresource] !== undefined;
	if (!isScale && !isObject) return connectRoute(kind, path);
	const verbs: readonly string[] = own.object?.[path.subresource]?.verbs ?? OBJECT_SUBRESOURCE_VERBS;
	if (!verbs.includes(path.verb)) throw methodNotAllowed();
	return { serve: "object", kind: isScale ? undefined : kind };
}

/** @throws StatusError 404 for a path that names nothing, 405 for a method that its resource lacks. */
export function routeOf(path: ResourcePath, kinds: KindRegistry): ResourceRoute {
	const review = reviewRoute(path);
	if (review) return review;
	const kind = kinds.byResource(path.group, path.version, path.resource);
	if (!kind) throw pathNotFound();
	checkScope(kind, path);
	if (path.subresource !== "") return subresourceRoute(kind, path);
	if (path.verb === "" || !kind.verbs.includes(path.verb)) throw methodNotAllowed();
	return kind.computed ? { serve: kind.computed, kind } : { serve: "object", kind };
}
