/** What is done with a route's requests besides passing them on. */

export interface BasicAuth {
	realm: string;
	/** Name to hash, as htpasswd writes it. */
	users: Record<string, string>;
}

export interface RateLimits {
	perSecond?: number;
	perMinute?: number;
	/** Requests of one client at a time. */
	connections?: number;
	/** How many times the rate may come at once. */
	burst: number;
	/** Networks that no limit is for. */
	exempt: string[];
}

export interface Affinity {
	cookie: string;
	/** Without it the cookie ends with the browser's session. */
	maxAgeSeconds?: number;
	path?: string;
	sameSite?: string;
	secure?: boolean;
}

export interface Cors {
	/** "*" for any; a wildcard stands for one label. */
	origins: string[];
	methods: string;
	headers: string;
	exposed: string;
	credentials: boolean;
	maxAgeSeconds: number;
}

/** Parts that are absent stay as the request has them. */
export interface Redirect {
	/** A whole URL, instead of the parts. */
	url?: string;
	scheme?: string;
	hostname?: string;
	port?: number;
	path?: PathChange;
	status: number;
}

/** "prefix" puts `value` in the place of what the route's path matched; "template" may name its groups as $1. */
export interface PathChange {
	type: "full" | "prefix" | "template";
	value: string;
}

export interface HeaderChanges {
	set: [name: string, value: string][];
	add: [name: string, value: string][];
	remove: string[];
}

export interface MirrorTarget {
	namespace: string;
	service: string;
	port: string;
	/** Of 100 requests. */
	percent: number;
}

export interface EdgePolicy {
	redirect?: Redirect;
	/** Plain HTTP is sent to HTTPS: where the edge has an HTTPS port, or in any case. */
	httpsRedirect?: "available" | "always";
	/** Where "/" is sent. */
	appRoot?: string;
	allow?: string[];
	deny?: string[];
	auth?: BasicAuth;
	limits?: RateLimits;
	cors?: Cors;
	affinity?: Affinity;
	path?: PathChange;
	/** The Host that the pod sees. */
	upstreamHost?: string;
	/** The pods speak TLS; any certificate is taken. */
	backendTls?: true;
	/** Until an answer begins, in milliseconds. */
	answerTimeoutMs?: number;
	/** The whole request, its answer included, in milliseconds. */
	requestTimeoutMs?: number;
	bodyBytesMax?: number;
	/** Pods that are tried. */
	triesMax?: number;
	requestHeaders?: HeaderChanges;
	responseHeaders?: HeaderChanges;
	mirrors?: MirrorTarget[];
	/** Answered at once with this status: a rule that leads nowhere. */
	answer?: number;
}
