/** Endpoints: pkg/registry/core/endpoint, ValidateEndpoints. */
import { type FieldError, invalid, notSupported, required } from "../errors/field-error.ts";
import { ipAddress, nonSpecialAddress } from "../meta/address.ts";
import { dns1123Label, dns1123Subdomain, portNumber, qualifiedName } from "../meta/name-rules.ts";
import type { EndpointAddress, EndpointPort, Endpoints } from "../schema/kubernetes.d.ts";
import { ageColumn } from "./columns.ts";
import { defineKind } from "./define-kind.ts";

const SHOWN_MAX = 3;
const PROTOCOLS = ["TCP", "UDP", "SCTP"];

/** `address:port`, with an IPv6 address in brackets. */
export const hostPort = (host: string, port: number): string => (host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`);

function shownEndpoints({ subsets = [] }: Endpoints): string {
	const all = subsets.flatMap(({ addresses = [], ports = [] }) =>
		ports.length === 0 ? addresses.map((a) => a.ip) : ports.flatMap((p) => addresses.map((a) => hostPort(a.ip, p.port))),
	);
	const shown = all.slice(0, SHOWN_MAX).join(",");
	if (all.length > SHOWN_MAX) return `${shown} + ${all.length - SHOWN_MAX} more...`;
	return shown || "<none>";
}

function validateAddress(address: EndpointAddress, path: string): FieldError[] {
	const badForm = ipAddress(address.ip ?? "");
	const errors = [...badForm, ...(badForm.length === 0 ? nonSpecialAddress(address.ip) : [])].map((p) => invalid(`${path}.ip`, address.ip ?? "", p));
	if (address.hostname) for (const problem of dns1123Label(address.hostname)) errors.push(invalid(`${path}.hostname`, address.hostname, problem));
	if (address.nodeName) for (const problem of dns1123Subdomain(address.nodeName)) errors.push(invalid(`${path}.nodeName`, address.nodeName, problem));
	return errors;
}

function validatePort(port: EndpointPort, nameRequired: boolean, path: string): FieldError[] {
	const errors: FieldError[] = [];
	if (nameRequired && !port.name) errors.push(required(`${path}.name`));
	else if (port.name) for (const problem of dns1123Label(port.name)) errors.push(invalid(`${path}.name`, port.name, problem));
	for (const problem of portNumber(port.port ?? 0)) errors.push(invalid(`${path}.port`, port.port ?? 0, problem));
	if (!port.protocol) errors.push(required(`${path}.protocol`));
	else if (!PROTOCOLS.includes(port.protocol)) errors.push(notSupported(`${path}.protocol`, port.protocol, PROTOCOLS));
	if (port.appProtocol) for (const problem of qualifiedName(port.appProtocol)) errors.push(invalid(`${path}.appProtocol`, port.appProtocol, problem));
	return errors;
}

function validate({ subsets = [] }: Endpoints): FieldError[] {
	return subsets.flatMap(({ addresses = [], notReadyAddresses = [], ports = [] }, index) => {
		const path = `subsets[${index}]`;
		return [
			...(addresses.length + notReadyAddresses.length === 0 ? [required(path, "must specify `addresses` or `notReadyAddresses`")] : []),
			...addresses.flatMap((a, i) => validateAddress(a, `${path}.addresses[${i}]`)),
			...notReadyAddresses.flatMap((a, i) => validateAddress(a, `${path}.notReadyAddresses[${i}]`)),
			...ports.flatMap((p, i) => validatePort(p, ports.length > 1, `${path}.ports[${i}]`)),
		];
	});
}

export const endpointsKind = defineKind<Endpoints>({
	group: "",
	version: "v1",
	kind: "Endpoints",
	plural: "endpoints",
	singular: "endpoints",
	shortNames: ["ep"],
	scope: "Namespaced",
	schema: "core/v1.Endpoints",
	deprecation: "v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 EndpointSlice",
	defaults(endpoints) {
		for (const port of endpoints.subsets?.flatMap((s) => s.ports ?? []) ?? []) port.protocol ||= "TCP";
	},
	allowCreateOnUpdate: true,
	validate,
	columns: [
		{
			name: "Endpoints",
			type: "string",
			description:
				"The set of all endpoints is the union of all subsets. Addresses are placed into subsets according to the IPs they share. A single address with multiple ports, some of which are ready and some of which are not (because they come from different containers) will result in the address being displayed in different subsets for the different ports. No address will appear in both Addresses and NotReadyAddresses in the same subset. Sets of addresses and ports that comprise a service.",
			cell: shownEndpoints,
		},
		ageColumn,
	],
});
