/** Which certificate is shown for a host. */
import type { EdgeCertificate } from "./edge-table.ts";

/** A host that is named goes before a wildcard, which stands for one label as in certificates, and that before one for any host. */
export function bestCertificate(all: readonly EdgeCertificate[], host: string): EdgeCertificate | undefined {
	const wildcard = host.replace(/^[^.]+/, "*");
	const named = (name: string) => all.find(({ hosts }) => hosts.includes(name));
	return named(host) ?? named(wildcard) ?? all.find(({ hosts }) => hosts.length === 0);
}
