/** EndpointSlice: pkg/registry/discovery/endpointslice, pkg/apis/discovery/validation. */
import { duplicate, type FieldError, invalid, notSupported, required, tooMany } from "../errors/field-error.ts";
import { ipFamily, nonSpecialAddress } from "../meta/address.ts";
import { semanticEqual } from "../meta/equality.ts";
import { dns1123Label, dns1123Subdomain, FIELD_IMMUTABLE, labelValue, portNumber, qualifiedName } from "../meta/name-rules.ts";
import type { Endpoint, EndpointSlice } from "../schema/kubernetes.d.ts";
import { ageColumn } from "./columns.ts";
import { defineKind } from "./define-kind.ts";
import { bumpGeneration } from "./strategy.ts";

const SHOWN_MAX = 3;
const ENDPOINTS_MAX = 1000;
const PORTS_MAX = 20_000;
const ADDRESSES_MAX = 100;
const ADDRESS_TYPES = ["FQDN", "IPv4", "IPv6"];
const PROTOCOLS = ["TCP", "UDP", "SCTP"];

function shortList(items: readonly string[]): string {
	const shown = items.slice(0, SHOWN_MAX).join(",");
	if (items.length > SHOWN_MAX) return `${shown} + ${items.length - SHOWN_MAX} more...`;
	return shown || "<unset>";
}

function validateAddress(type: string, address: string, path: string): FieldError[] {
	if (type === "FQDN") return dns1123Subdomain(address).map((problem) => invalid(path, address, problem));
	if (ipFamily(address) !== type) return [invalid(path, address, `must be a valid ${type} address`)];
	return nonSpecialAddress(address).map((problem) => invalid(path, address, problem));
}

function validateEndpoint(endpoint: Endpoint, type: string, path: string): FieldError[] {
	const addresses = endpoint.addresses ?? [];
	const errors: FieldError[] = [];
	if (addresses.length === 0) errors.push(required(`${path}.addresses`, "must contain at least 1 address"));
	else if (addresses.length > ADDRESSES_MAX) errors.push(tooMany(`${path}.addresses`, addresses.length, ADDRESSES_MAX));
	for (const [index, address] of addresses.entries()) errors.push(...validateAddress(type, address, `${path}.addresses[${index}]`));
	if (endpoint.nodeName) for (const problem of dns1123Subdomain(endpoint.nodeName)) errors.push(invalid(`${path}.nodeName`, endpoint.nodeName, problem));
	for (const [key, value] of Object.entries(endpoint.deprecatedTopology ?? {})) {
		for (const problem of qualifiedName(key)) errors.push(invalid(`${path}.deprecatedTopology`, key, problem));
		for (const problem of labelValue(value)) errors.push(invalid(`${path}.deprecatedTopology`, value, problem));
	}
	if (endpoint.hostname) for (const problem of dns1123Label(endpoint.hostname)) errors.push(invalid(`${path}.hostname`, endpoint.hostname, problem));
	return errors;
}

function validatePorts(slice: EndpointSlice): FieldError[] {
	const ports = slice.ports ?? [];
	if (ports.length > PORTS_MAX) return [tooMany("ports", ports.length, PORTS_MAX)];
	const errors: FieldError[] = [];
	const names = new Set<string>();
	for (const [index, port] of ports.entries()) {
		const path = `ports[${index}]`;
		const name = port.name ?? "";
		if (name !== "") for (const problem of dns1123Label(name)) errors.push(invalid(`${path}.name`, name, problem));
		if (names.has(name)) errors.push(duplicate(`${path}.name`, name));
		names.add(name);
		if (!port.protocol) errors.push(required(`${path}.protocol`));
		else if (!PROTOCOLS.includes(port.protocol)) errors.push(notSupported(`${path}.protocol`, port.protocol, PROTOCOLS));
		if (port.port !== undefined) for (const problem of portNumber(port.port)) errors.push(invalid(`${path}.port`, port.port, problem));
		if (port.appProtocol) for (const problem of qualifiedName(port.appProtocol)) errors.push(invalid(`${path}.appProtocol`, port.appProtocol, problem));
	}
	return errors;
}

function validate(slice: EndpointSlice): FieldError[] {
	const errors: FieldError[] = [];
	const endpoints = slice.endpoints ?? [];
	if (!slice.addressType) errors.push(required("addressType"));
	else if (!ADDRESS_TYPES.includes(slice.addressType)) errors.push(notSupported("addressType", slice.addressType, ADDRESS_TYPES));
	if (endpoints.length > ENDPOINTS_MAX) errors.push(tooMany("endpoints", endpoints.length, ENDPOINTS_MAX));
	else errors.push(...endpoints.flatMap((e, i) => validateEndpoint(e, slice.addressType, `endpoints[${i}]`)));
	return [...errors, ...validatePorts(slice)];
}

export const endpointSliceKind = defineKind<EndpointSlice>({
	group: "discovery.k8s.io",
	version: "v1",
	kind: "EndpointSlice",
	plural: "endpointslices",
	singular: "endpointslice",
	scope: "Namespaced",
	schema: "discovery/v1.EndpointSlice",
	defaults(slice) {
		// What an empty list without omitempty is after upstream's way through protobuf; kubectl's JSONPath waits on it, and fails on an empty one.
		if (!slice.endpoints?.length) (slice as { endpoints: null | Endpoint[] }).endpoints = null;
		for (const port of slice.ports ?? []) {
			port.name ??= "";
			port.protocol ??= "TCP";
		}
	},
	prepareCreate(slice) {
		slice.metadata.generation = 1;
	},
	prepareUpdate(next, old) {
		const { metadata: nextMeta, ...nextRest } = next;
		const { metadata: oldMeta, ...oldRest } = old;
		bumpGeneration(next, old, !semanticEqual(nextRest, oldRest) || !semanticEqual(nextMeta.labels ?? {}, oldMeta.labels ?? {}));
	},
	validate,
	validateUpdate: (next, old) => (next.addressType === old.addressType ? [] : [invalid("addressType", next.addressType, FIELD_IMMUTABLE)]),
	columns: [
		{
			name: "AddressType",
			type: "string",
			description:
				'addressType specifies the type of address carried by this EndpointSlice. All addresses in this slice must be the same type. This field is immutable after creation. The following address types are currently supported: * IPv4: Represents an IPv4 Address. * IPv6: Represents an IPv6 Address. * FQDN: Represents a Fully Qualified Domain Name. (Deprecated) The EndpointSlice controller only generates, and kube-proxy only processes, slices of addressType "IPv4" and "IPv6". No semantics are defined for the "FQDN" type.',
			cell: (slice) => slice.addressType,
		},
		{
			name: "Ports",
			type: "string",
			description:
				"ports specifies the list of network ports exposed by each endpoint in this slice. Each port must have a unique name. Each slice may include a maximum of 100 ports. Services always have at least 1 port, so EndpointSlices generated by the EndpointSlice controller will likewise always have at least 1 port. EndpointSlices used for other purposes may have an empty ports list.",
			cell: (slice) => shortList((slice.ports ?? []).map((p) => (p.port !== undefined ? String(p.port) : (p.name ?? "*")))),
		},
		{
			name: "Endpoints",
			type: "string",
			description: "endpoints is a list of unique endpoints in this slice. Each slice may include a maximum of 1000 endpoints.",
			cell: (slice) => shortList((slice.endpoints ?? []).flatMap((e) => e.addresses ?? [])),
		},
		ageColumn,
	],
});
