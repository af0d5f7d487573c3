/** Where clients reach the edge: PETREL_EDGE as JSON. */
import type { EdgePorts } from "./decision.ts";

export interface EdgeSettings {
	/** What Ingresses and Gateways show as their address. */
	addresses: ({ ip: string } | { hostname: string })[];
	ports: EdgePorts;
	/** The hosts of the API; requests for any other are the edge's. Without it the API takes all that come by its own socket. */
	apiHosts?: string[];
	/** Nodes whose agents end TLS for the edge: they get private keys, and are believed who their clients are. */
	tlsNodes?: string[];
	/** Hosted clusters' own hosts are `<cluster>.<domain>` and below. */
	domain?: string;
}

const NONE: EdgeSettings = { addresses: [], ports: {} };
let parsed: { text: string; settings: EdgeSettings } = { text: "", settings: NONE };

export function edgeSettings(text: string | undefined): EdgeSettings {
	if (!text) return NONE;
	if (parsed.text !== text) parsed = { text, settings: { ...NONE, ...(JSON.parse(text) as Partial<EdgeSettings>) } };
	return parsed.settings;
}
