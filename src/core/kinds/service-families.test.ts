import { describe, expect, it } from "vitest";
import { fieldErrorText } from "../errors/field-error.ts";
import type { StatusError } from "../errors/status-error.ts";
import type { IPFamily } from "../meta/address.ts";
import type { Service, ServiceSpec } from "../schema/kubernetes.d.ts";
import type { HookContext } from "./define-kind.ts";
import { serviceKind } from "./service.ts";

const DUAL: IPFamily[] = ["IPv4", "IPv6"];
const PORT = { ports: [{ port: 80 }] };
const GIVEN = { IPv4: "10.96.0.7", IPv6: "fd00::7" };
const ctx = (serviceFamilies: IPFamily[]): HookContext => ({ nowMs: 0, suffix: () => "x", user: { name: "u", groups: [] }, serviceFamilies });

function causes(work: () => Service): string[] | Service {
	try {
		const service = work();
		const errors = serviceKind.validate(service).map(fieldErrorText);
		return errors.length > 0 ? errors : service;
	} catch (error) {
		return ((error as StatusError).status.details?.causes ?? []).map(({ field, message }) => `${field}: ${message}`);
	}
}

function created(spec: ServiceSpec, families = DUAL): Service {
	const service: Service = { apiVersion: "v1", kind: "Service", metadata: { name: "s", namespace: "default" }, spec: structuredClone({ ...PORT, ...spec }) };
	serviceKind.defaults?.(service);
	serviceKind.prepareCreate?.(service, ctx(families));
	const clusterIPs = serviceKind.allocationRequest?.(service, undefined)?.clusterIPs?.map(({ family, address }) => address || GIVEN[family]);
	serviceKind.applyAllocation?.(service, { nodePorts: [], ...(clusterIPs ? { clusterIPs } : {}) });
	return service;
}

/** As a client that sends the whole object with some fields changed; undefined takes a field out. */
function updated(old: Service, change: Record<string, unknown>, families = DUAL): Service {
	const next = structuredClone(old);
	next.spec = JSON.parse(JSON.stringify({ ...next.spec, ...change }));
	serviceKind.defaults?.(next);
	serviceKind.prepareUpdate?.(next, old, ctx(families));
	const clusterIPs = serviceKind.allocationRequest?.(next, old)?.clusterIPs?.map(({ family, address }) => address || GIVEN[family]);
	serviceKind.applyAllocation?.(next, { nodePorts: [], ...(clusterIPs ? { clusterIPs } : {}) });
	return next;
}

const shown = ({ spec }: Service) => [spec?.ipFamilyPolicy, spec?.ipFamilies, spec?.clusterIPs];

describe("the families of a new Service", () => {
	it.each<[string, ServiceSpec, IPFamily[], unknown]>([
		["the first of the cluster", {}, ["IPv6", "IPv4"], ["SingleStack", ["IPv6"], ["fd00::7"]]],
		["the one it names", { ipFamilies: ["IPv6"] }, DUAL, ["SingleStack", ["IPv6"], ["fd00::7"]]],
		["the one of its address", { clusterIP: "fd00::9" }, DUAL, ["SingleStack", ["IPv6"], ["fd00::9"]]],
		["both, if there are two", { ipFamilyPolicy: "PreferDualStack" }, DUAL, ["PreferDualStack", ["IPv4", "IPv6"], ["10.96.0.7", "fd00::7"]]],
		["the only one", { ipFamilyPolicy: "PreferDualStack" }, ["IPv4"], ["PreferDualStack", ["IPv4"], ["10.96.0.7"]]],
		["in its order", { ipFamilyPolicy: "RequireDualStack", ipFamilies: ["IPv6"] }, DUAL, ["RequireDualStack", ["IPv6", "IPv4"], ["fd00::7", "10.96.0.7"]]],
		["of headless ones as well", { clusterIP: "None", selector: { a: "b" } }, DUAL, ["SingleStack", ["IPv4"], ["None"]]],
		["both without a selector", { clusterIP: "None" }, ["IPv4"], ["RequireDualStack", ["IPv4", "IPv6"], ["None"]]],
		["none of a name", { type: "ExternalName", externalName: "a.b" }, DUAL, [undefined, undefined, undefined]],
	])("are %s", (_, spec, families, expected) => expect(shown(created(spec, families))).toEqual(expected));

	it.each<[string, ServiceSpec, IPFamily[], string[]]>([
		[
			"two where there is one",
			{ ipFamilyPolicy: "RequireDualStack", selector: { a: "b" } },
			["IPv4"],
			['spec.ipFamilyPolicy: Invalid value: "RequireDualStack": this cluster is not configured for dual-stack services'],
		],
		["one that is not there", { ipFamilies: ["IPv6"] }, ["IPv4"], ['spec.ipFamilies[0]: Invalid value: "IPv6": not configured on this cluster']],
		[
			"an address that is not there",
			{ clusterIP: "fd00::9" },
			["IPv4"],
			['spec.clusterIPs[0]: Invalid value: ["fd00::9"]: IPv6 is not configured on this cluster'],
		],
		[
			"two in single stack",
			{ ipFamilies: ["IPv4", "IPv6"] },
			DUAL,
			["spec.ipFamilyPolicy: Invalid value: \"SingleStack\": must be 'RequireDualStack' or 'PreferDualStack' when multiple IP families are specified"],
		],
		[
			"an address of the other one",
			{ clusterIP: "fd00::9", ipFamilies: ["IPv4"] },
			DUAL,
			['spec.clusterIPs[0]: Invalid value: "fd00::9": expected an IPv4 value as indicated by `ipFamilies[0]`'],
		],
		["the same twice", { ipFamilies: ["IPv4", "IPv4"], ipFamilyPolicy: "PreferDualStack" }, DUAL, ['spec.ipFamilies[1]: Duplicate value: "IPv4"']],
		[
			"two addresses of one",
			{ clusterIP: "10.96.0.8", clusterIPs: ["10.96.0.8", "10.96.0.9"], ipFamilyPolicy: "PreferDualStack" },
			DUAL,
			['spec.clusterIPs: Invalid value: ["10.96.0.8","10.96.0.9"]: may specify no more than one IP for each IP family'],
		],
	])("are not %s", (_, spec, families, expected) => expect(causes(() => created(spec, families))).toEqual(expect.arrayContaining(expected)));
});

describe("an update of a Service's families", () => {
	it("adds the second one, and its address", () => {
		const next = updated(created({}), { ipFamilyPolicy: "PreferDualStack" });
		expect(shown(next)).toEqual(["PreferDualStack", ["IPv4", "IPv6"], ["10.96.0.7", "fd00::7"]]);
		expect(serviceKind.validateUpdate?.(next, created({}))).toEqual([]);
	});

	it("lets the second one go for SingleStack", () => {
		const old = created({ ipFamilyPolicy: "RequireDualStack" });
		expect(shown(updated(old, { ipFamilyPolicy: "SingleStack" }))).toEqual(["SingleStack", ["IPv4"], ["10.96.0.7"]]);
		expect(causes(() => updated(old, { clusterIPs: ["10.96.0.7"], ipFamilies: ["IPv4"] }))).toEqual([
			"spec.ipFamilyPolicy: Invalid value: \"RequireDualStack\": must be 'SingleStack' to release the secondary cluster IP",
			"spec.ipFamilyPolicy: Invalid value: \"RequireDualStack\": must be 'SingleStack' to release the secondary IP family",
		]);
	});

	it("keeps what is left out, and does not follow the cluster by itself", () => {
		const old = created({ ipFamilyPolicy: "PreferDualStack" }, ["IPv4"]);
		expect(shown(updated(old, { selector: { a: "c" } }))).toEqual(["PreferDualStack", ["IPv4"], ["10.96.0.7"]]);
		const dual = created({ ipFamilyPolicy: "RequireDualStack" });
		const bare = { clusterIP: undefined, clusterIPs: undefined, ipFamilies: undefined, ipFamilyPolicy: undefined };
		expect(shown(updated(dual, bare))).toEqual(["RequireDualStack", ["IPv4", "IPv6"], ["10.96.0.7", "fd00::7"]]);
	});

	it("leaves the first one", () => {
		const old = created({});
		const next = updated(old, { ipFamilyPolicy: "PreferDualStack", clusterIP: "fd00::9", clusterIPs: ["fd00::9"], ipFamilies: ["IPv6"] });
		expect(serviceKind.validateUpdate?.(next, old).map(fieldErrorText)).toEqual([
			'spec.clusterIPs[0]: Invalid value: ["fd00::9","10.96.0.7"]: may not change once set',
			'spec.ipFamilies[0]: Invalid value: ["IPv6","IPv4"]: may not change once set',
		]);
	});
});
