/** Rules of an Ingress: validateIngress of pkg/apis/networking/validation. */
import { type FieldError, invalid, notSupported, required } from "../errors/field-error.ts";
import { ipAddress, ipFamily } from "../meta/address.ts";
import { dns1123Label, dns1123Subdomain, portName, portNumber, wildcardSubdomain } from "../meta/name-rules.ts";
import type { HTTPIngressPath, Ingress, IngressBackend, IngressRule, IngressTLS } from "../schema/kubernetes.d.ts";
import { validateTypedReference, validateWith } from "./object-reference-validation.ts";

const PATH_TYPES = ["Exact", "ImplementationSpecific", "Prefix"];
const FORBIDDEN_SEQUENCES = ["//", "/./", "/../", "%2f", "%2F"];
const FORBIDDEN_SUFFIXES = ["/..", "/."];
export const INGRESS_CLASS_ANNOTATION = "kubernetes.io/ingress.class";
const NOT_AN_ADDRESS = "must be a DNS name, not an IP address";

const hostRule = (host: string): string[] => (host.includes("*") ? wildcardSubdomain(host) : dns1123Subdomain(host));

function validateServiceBackend(service: NonNullable<IngressBackend["service"]>, path: string): FieldError[] {
	const { name, port = {} } = service;
	const errors = name ? validateWith(dns1123Label, name, `${path}.service.name`) : [required(`${path}.service.name`)];
	if (port.name && port.number) errors.push(invalid(path, "", "cannot set both port name & port number"));
	else if (port.name) errors.push(...validateWith(portName, port.name, `${path}.service.port.name`));
	else if (port.number) for (const problem of portNumber(port.number)) errors.push(invalid(`${path}.service.port.number`, port.number, problem));
	else errors.push(required(path, "port name or number is required"));
	return errors;
}

function validateBackend({ resource, service }: IngressBackend, path: string): FieldError[] {
	if (resource && service) return [invalid(path, "", "cannot set both resource and service backends")];
	if (resource) return validateTypedReference(resource, `${path}.resource`);
	return service ? validateServiceBackend(service, path) : [invalid(path, "", "resource or service backend is required")];
}

function validateRealPath(value: string, path: string): FieldError[] {
	const errors: FieldError[] = [];
	if (!value.startsWith("/")) errors.push(invalid(path, value, "must be an absolute path"));
	for (const sequence of FORBIDDEN_SEQUENCES) if (value.includes(sequence)) errors.push(invalid(path, value, `must not contain '${sequence}'`));
	for (const suffix of FORBIDDEN_SUFFIXES) if (value.endsWith(suffix)) errors.push(invalid(path, value, `cannot end with '${suffix}'`));
	return errors;
}

function validatePath({ path: value = "", pathType, backend }: HTTPIngressPath, path: string): FieldError[] {
	if (!pathType) return [required(`${path}.pathType`, "pathType must be specified")];
	const errors: FieldError[] = [];
	if (!PATH_TYPES.includes(pathType)) errors.push(notSupported(`${path}.pathType`, pathType, PATH_TYPES));
	else if (pathType !== "ImplementationSpecific") errors.push(...validateRealPath(value, `${path}.path`));
	else if (value !== "" && !value.startsWith("/")) errors.push(invalid(`${path}.path`, value, "must be an absolute path"));
	return [...errors, ...validateBackend(backend ?? {}, `${path}.backend`)];
}

function validateRule({ host, http }: IngressRule, path: string): FieldError[] {
	const errors: FieldError[] = [];
	if (host) {
		if (ipFamily(host)) errors.push(invalid(`${path}.host`, host, NOT_AN_ADDRESS));
		errors.push(...validateWith(hostRule, host, `${path}.host`));
	}
	if (!http) return errors;
	const paths = http.paths ?? [];
	if (paths.length === 0) errors.push(required(`${path}.http.paths`));
	return [...errors, ...paths.flatMap((entry, index) => validatePath(entry, `${path}.http.paths[${index}]`))];
}

const validateTls = ({ hosts = [], secretName }: IngressTLS, path: string): FieldError[] => [
	...hosts.flatMap((host, index) => hostRule(host).map((problem) => invalid(`${path}.hosts[${index}]`, host, problem))),
	...validateWith(dns1123Subdomain, secretName, `${path}.secretName`),
];

export function validateIngress({ spec = {} }: Ingress): FieldError[] {
	const rules = spec.rules ?? [];
	const errors: FieldError[] = [];
	if (rules.length === 0 && !spec.defaultBackend) errors.push(invalid("spec", spec.rules ?? null, "either `defaultBackend` or `rules` must be specified"));
	if (spec.defaultBackend) errors.push(...validateBackend(spec.defaultBackend, "spec.defaultBackend"));
	errors.push(...rules.flatMap((rule, index) => validateRule(rule, `spec.rules[${index}]`)));
	errors.push(...(spec.tls ?? []).flatMap((tls, index) => validateTls(tls, `spec.tls[${index}]`)));
	const { ingressClassName } = spec;
	if (ingressClassName !== undefined)
		for (const problem of dns1123Subdomain(ingressClassName)) errors.push(invalid("spec.ingressClassName", ingressClassName, problem));
	return errors;
}

/** The class of a new Ingress is said once, or twice the same. */
export function validateIngressClassAnnotation({ metadata, spec }: Ingress): FieldError[] {
	const annotation = metadata.annotations?.[INGRESS_CLASS_ANNOTATION];
	if (annotation === undefined || spec?.ingressClassName === undefined || annotation === spec.ingressClassName) return [];
	return [invalid(`annotations.${INGRESS_CLASS_ANNOTATION}`, annotation, "must match `ingressClassName` when both are specified")];
}

export function validateIngressStatus({ status }: Ingress): FieldError[] {
	return (status?.loadBalancer?.ingress ?? []).flatMap(({ ip, hostname }, index) => {
		const path = `status.loadBalancer.ingress[${index}]`;
		const errors = [...validateWith(ipAddress, ip, `${path}.ip`), ...validateWith(dns1123Subdomain, hostname, `${path}.hostname`)];
		if (hostname && ipFamily(hostname)) errors.push(invalid(`${path}.hostname`, hostname, NOT_AN_ADDRESS));
		return errors;
	});
}
