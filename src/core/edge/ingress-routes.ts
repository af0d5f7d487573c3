/** An Ingress as routes of the edge. */
import type { HTTPIngressPath, Ingress, IngressBackend, Secret } from "../schema/kubernetes.d.ts";
import type { EdgeCertificate, EdgeRoute, EdgeTarget, PathMatch } from "./edge-table.ts";
import { authSecretOf, annotationsOf, canaryOf, policyOf, usesRegex } from "./ingress-annotations.ts";
import { base64ToBytes } from "../codec/base64.ts";

const SERVICE_UNAVAILABLE = 503;

export interface IngressRoutes {
	routes: EdgeRoute[];
	certificates: EdgeCertificate[];
}

const targetOf = (namespace: string, { service }: IngressBackend): EdgeTarget[] =>
	service ? [{ namespace, service: service.name ?? "", port: String(service.port?.name || (service.port?.number ?? "")), weight: 1 }] : [];

function pathMatch({ path = "", pathType }: HTTPIngressPath, regex: boolean): PathMatch {
	if (pathType === "Exact") return { type: "exact", value: path };
	if (pathType === "ImplementationSpecific" && regex) return { type: "regex", value: path };
	return { type: "prefix", value: path === "" ? "/" : path };
}

/** `secret` reads one of the Ingress's own namespace. */
export function ingressRoutes(ingress: Ingress, secret: (name: string) => Secret | undefined): IngressRoutes {
	const { namespace = "" } = ingress.metadata;
	const { rules = [], defaultBackend, tls = [] } = ingress.spec ?? {};
	const read = annotationsOf(ingress);
	const [policy, canary, regex] = [policyOf(ingress, read, secret), canaryOf(read), usesRegex(read)];
	const route = (host: string, path: PathMatch, backend: IngressBackend): EdgeRoute => {
		const targets = targetOf(namespace, backend);
		// A resource backend is some other controller's: here is nobody who serves it.
		const own = targets.length > 0 ? policy : { ...policy, answer: SERVICE_UNAVAILABLE };
		return { host: host.toLowerCase(), path, targets, policy: own, ...(canary ? { canary } : {}) };
	};
	const routes = rules.flatMap(({ host = "", http }) => (http?.paths ?? []).map((path) => route(host, pathMatch(path, regex), path.backend ?? {})));
	if (defaultBackend) {
		const hosts = new Set([...rules.map(({ host = "" }) => host), ""]);
		for (const host of hosts) routes.push({ ...route(host, { type: "prefix", value: "/" }, defaultBackend), fallback: true });
	}
	const certificates = tls.flatMap(({ hosts = [], secretName = "" }) => {
		const found = secretName === "" ? undefined : certificateOf(secret(secretName));
		return found ? [{ hosts: hosts.map((host) => host.toLowerCase()), ...found }] : [];
	});
	return { routes, certificates };
}

/** Undefined for a Secret that holds no certificate with its key. */
export function certificateOf(secret: Secret | undefined): Omit<EdgeCertificate, "hosts"> | undefined {
	const text = (key: string): string => new TextDecoder().decode(base64ToBytes(secret?.data?.[key] ?? ""));
	const [certificate, privateKey] = [text("tls.crt"), text("tls.key")];
	return certificate === "" || privateKey === "" ? undefined : { certificate, privateKey };
}

/** The Secrets that an Ingress names. */
export function secretsOf(ingress: Ingress): string[] {
	const names = [...(ingress.spec?.tls ?? []).map(({ secretName }) => secretName), authSecretOf(ingress)];
	return names.filter((name): name is string => name !== undefined && name !== "");
}

/** The Services that an Ingress leads to. */
export function servicesOfIngress({ spec }: Ingress): string[] {
	const backends = [spec?.defaultBackend, ...(spec?.rules ?? []).flatMap(({ http }) => (http?.paths ?? []).map(({ backend }) => backend))];
	return [...new Set(backends.flatMap((backend) => backend?.service?.name ?? []))];
}
