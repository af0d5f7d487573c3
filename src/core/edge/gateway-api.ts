/** The parts of gateway.networking.k8s.io/v1 that the edge reads and writes: its kinds come as upstream's CustomResourceDefinitions. */
import type { KubeObject } from "../meta/object.ts";
import type { Condition } from "../schema/kubernetes.d.ts";

export const GATEWAY_GROUP = "gateway.networking.k8s.io";
export const GATEWAYS = `${GATEWAY_GROUP}/gateways`;
export const HTTP_ROUTES = `${GATEWAY_GROUP}/httproutes`;
export const GATEWAY_CLASSES = `${GATEWAY_GROUP}/gatewayclasses`;
/** spec.controllerName of the classes that are ours. */
export const GATEWAY_CONTROLLER = "petrel.dev/gateway";

export interface GatewayClass extends KubeObject {
	spec?: { controllerName?: string };
	status?: { conditions?: Condition[] };
}

export interface Listener {
	name: string;
	hostname?: string;
	port: number;
	protocol: string;
	tls?: { mode?: string; certificateRefs?: { group?: string; kind?: string; name: string; namespace?: string }[] };
	allowedRoutes?: {
		namespaces?: {
			from?: string;
			selector?: { matchLabels?: Record<string, string>; matchExpressions?: { key: string; operator: string; values?: string[] }[] };
		};
		kinds?: { group?: string; kind: string }[];
	};
}

export interface Gateway extends KubeObject {
	spec?: { gatewayClassName?: string; listeners?: Listener[] };
	status?: GatewayStatus;
}

export interface GatewayStatus {
	addresses?: { type: string; value: string }[];
	conditions?: Condition[];
	listeners?: { name: string; supportedKinds: { group: string; kind: string }[]; attachedRoutes: number; conditions: Condition[] }[];
}

export interface ParentReference {
	group?: string;
	kind?: string;
	namespace?: string;
	name: string;
	sectionName?: string;
	port?: number;
}

export interface BackendReference {
	group?: string;
	kind?: string;
	name: string;
	namespace?: string;
	port?: number;
	weight?: number;
	filters?: unknown[];
}

interface HeaderModifier {
	set?: { name: string; value: string }[];
	add?: { name: string; value: string }[];
	remove?: string[];
}

export interface PathModifier {
	type: string;
	replaceFullPath?: string;
	replacePrefixMatch?: string;
}

export interface RouteFilter {
	type: string;
	requestHeaderModifier?: HeaderModifier;
	responseHeaderModifier?: HeaderModifier;
	requestMirror?: { backendRef: BackendReference; percent?: number; fraction?: { numerator: number; denominator?: number } };
	requestRedirect?: { scheme?: string; hostname?: string; path?: PathModifier; port?: number; statusCode?: number };
	urlRewrite?: { hostname?: string; path?: PathModifier };
}

export interface HttpRouteMatch {
	path?: { type?: string; value?: string };
	headers?: { type?: string; name: string; value: string }[];
	queryParams?: { type?: string; name: string; value: string }[];
	method?: string;
}

export interface HttpRouteRule {
	matches?: HttpRouteMatch[];
	filters?: RouteFilter[];
	backendRefs?: BackendReference[];
	timeouts?: { request?: string; backendRequest?: string };
}

export interface RouteParentStatus {
	parentRef: ParentReference;
	controllerName: string;
	conditions: Condition[];
}

export interface HttpRoute extends KubeObject {
	spec?: { parentRefs?: ParentReference[]; hostnames?: string[]; rules?: HttpRouteRule[] };
	status?: { parents?: RouteParentStatus[] };
}
