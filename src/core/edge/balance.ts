/** Which pod takes a request: by its cookie where it has one, else the one with the fewest requests under way. */
import type { Canary, EdgeEndpoint, EdgeTarget } from "./edge-table.ts";
import type { EdgeRequest, TableRoute } from "./route-table.ts";

export const endpointKey = ({ uid, port }: EdgeEndpoint): string => `${uid}:${port}`;

/** Requests under way, by endpoint. */
export class Outstanding {
	readonly #counts = new Map<string, number>();

	of(key: string): number {
		return this.#counts.get(key) ?? 0;
	}

	/** Returns what ends the request; calling it again does nothing. */
	begin(key: string): () => void {
		this.#counts.set(key, this.of(key) + 1);
		let open = true;
		return () => {
			if (!open) return;
			open = false;
			const left = this.of(key) - 1;
			if (left > 0) this.#counts.set(key, left);
			else this.#counts.delete(key);
		};
	}
}

/** The least busy of the endpoints; among equals one at random. Undefined for none. */
export function leastOutstanding(endpoints: readonly EdgeEndpoint[], outstanding: Outstanding, random: number): EdgeEndpoint | undefined {
	const least = Math.min(...endpoints.map((endpoint) => outstanding.of(endpointKey(endpoint))));
	const idle = endpoints.filter((endpoint) => outstanding.of(endpointKey(endpoint)) === least);
	return idle[Math.floor(random * idle.length)];
}

/** What a cookie says of an endpoint: nothing of where it is. FNV-1a. */
export function affinityValue(endpoint: EdgeEndpoint): string {
	const hash = (seed: number): number => {
		let value = seed;
		for (const char of endpointKey(endpoint)) value = Math.imul(value ^ char.charCodeAt(0), 0x01000193) >>> 0;
		return value;
	};
	return [0x811c9dc5, 0x9747b28c].map((seed) => hash(seed).toString(16).padStart(8, "0")).join("");
}

/** One of the targets by their weights; undefined where all weigh nothing. `random` is in [0, 1). */
export function weighted(targets: readonly EdgeTarget[], random: number): EdgeTarget | undefined {
	let left = random * targets.reduce((sum, { weight }) => sum + weight, 0);
	return targets.find(({ weight }) => {
		left -= weight;
		return weight > 0 && left < 0;
	});
}

/** The route itself or its canary: by header, then cookie, then weight. */
export function versionOf(route: TableRoute, request: EdgeRequest, random: number): TableRoute {
	for (const version of route.canaries) {
		const decided = version.canary && isForCanary(version.canary, request, random);
		if (decided) return version;
	}
	return route;
}

function isForCanary({ header, headerValue, cookie, weight, weightTotal }: Canary, request: EdgeRequest, random: number): boolean {
	if (header) {
		const given = request.header(header);
		if (headerValue !== undefined && given === headerValue) return true;
		if (headerValue === undefined && given === "always") return true;
		if (headerValue === undefined && given === "never") return false;
	}
	if (cookie) {
		const given = cookieOf(request, cookie);
		if (given === "always") return true;
		if (given === "never") return false;
	}
	return random * weightTotal < weight;
}

export function cookieOf({ header }: EdgeRequest, name: string): string | undefined {
	for (const pair of (header("cookie") ?? "").split(";")) {
		const equals = pair.indexOf("=");
		if (equals > 0 && pair.slice(0, equals).trim() === name) return pair.slice(equals + 1).trim();
	}
	return undefined;
}
