/**
 * A parsed request, as the front door hands it to the Durable Object that owns the object. The Worker has authenticated
 * it and turned its body into JSON; the object authorises, admits, validates and commits. Between them only JSON is
 * spoken: Table, protobuf, YAML and PartialObjectMetadata are made by the Worker.
 */

export interface UserInfo {
	name: string;
	uid?: string;
	groups: readonly string[];
	extra?: Record<string, readonly string[]>;
}

export type PatchType = "json" | "merge" | "strategic" | "apply";

/** RBAC's verb; `connect` of upstream is one by HTTP method, "" (which "*" alone allows) for OPTIONS. */
export type RequestVerb = "" | "get" | "list" | "watch" | "create" | "update" | "patch" | "delete" | "deletecollection";

export interface ApiRequest {
	verb: RequestVerb;
	group: string;
	version: string;
	/** Plural. */
	resource: string;
	/** "" when none. */
	subresource: string;
	/** "" for cluster-scoped resources and for lists across namespaces. */
	namespace: string;
	/** "" for collections. */
	name: string;
	query: ApiQuery;
	user: UserInfo;
	/** The body as JSON text; "" when there is none. */
	body: string;
	patchType?: PatchType;
	/** The cluster's root as it is reached from outside, for a kind that needs it: "https://host/clusters/name". */
	base?: string;
	/** The request is told of in the audit log, with what authorisation and admission have to say of it. */
	audited?: boolean;
	/** For managedFields when fieldManager is not given: the User-Agent up to its first slash. */
	userAgent: string;
}

/** The query parameters of metav1.ListOptions, CreateOptions, PatchOptions, DeleteOptions, parsed and checked. */
export interface ApiQuery {
	labelSelector?: string;
	fieldSelector?: string;
	limit?: number;
	continue?: string;
	resourceVersion?: string;
	resourceVersionMatch?: string;
	allowWatchBookmarks?: boolean;
	sendInitialEvents?: boolean;
	timeoutSeconds?: number;
	dryRun?: boolean;
	fieldManager?: string;
	fieldValidation?: "Ignore" | "Warn" | "Strict";
	force?: boolean;
	gracePeriodSeconds?: number;
	propagationPolicy?: "Foreground" | "Background" | "Orphan";
	orphanDependents?: boolean;
	/** Everything given, for connect subresources (container, command, ...). */
	raw: [string, string][];
}

export interface ApiResponse {
	code: number;
	/** JSON text. */
	body: string;
	/** Values of Warning headers. */
	warnings: string[];
	/** What admission adds to the request's entry in the audit log. */
	annotations?: Record<string, string>;
}
