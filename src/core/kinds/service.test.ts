import { describe, expect, it } from "vitest";
import { fieldErrorText } from "../errors/field-error.ts";
import type { StatusError } from "../errors/status-error.ts";
import type { Service, ServiceSpec } from "../schema/kubernetes.d.ts";
import type { HookContext } from "./define-kind.ts";
import { serviceKind } from "./service.ts";

const ctx: HookContext = { nowMs: 0, suffix: () => "x", user: { name: "u", groups: [] } };
const GIVEN = { IPv4: "10.96.0.7", IPv6: "fd00::7" };
const PORT = { ports: [{ port: 80 }] };

function created(spec: ServiceSpec): Service {
	const service: Service = { apiVersion: "v1", kind: "Service", metadata: { name: "s", namespace: "default" }, spec: structuredClone(spec) };
	serviceKind.defaults?.(service);
	serviceKind.prepareCreate?.(service, ctx);
	return service;
}

function updated(old: Service, spec: ServiceSpec): Service {
	const next: Service = { ...structuredClone(old), spec: structuredClone(spec) };
	serviceKind.defaults?.(next);
	serviceKind.prepareUpdate?.(next, old, ctx);
	return next;
}

/** A Service with what the cluster gave it. */
function holding(spec: ServiceSpec): Service {
	const service = created(spec);
	const request = serviceKind.allocationRequest?.(service, undefined);
	if (!request) return service;
	serviceKind.applyAllocation?.(service, {
		...(request.clusterIPs ? { clusterIPs: request.clusterIPs.map(({ family, address }) => address || GIVEN[family]) } : {}),
		nodePorts: request.nodePorts.map((p, i) => ({ ...p, nodePort: p.nodePort || 30_000 + i })),
	});
	return service;
}

/** Of families the object is refused before the rest of it is looked at. */
function broken(spec: ServiceSpec): string[] {
	try {
		return serviceKind.validate(created(spec)).map(fieldErrorText);
	} catch (error) {
		return ((error as StatusError).status.details?.causes ?? []).map(({ field, message }) => `${field}: ${message}`);
	}
}

const cells = (service: Service): unknown[] => serviceKind.columns.filter((c) => c.name !== "Age").map((c) => c.cell(service, { nowMs: 0 }));

describe("the defaults of a Service", () => {
	it("are upstream's", () => {
		expect(created(PORT).spec).toEqual({
			ports: [{ port: 80, protocol: "TCP", targetPort: 80 }],
			type: "ClusterIP",
			sessionAffinity: "None",
			internalTrafficPolicy: "Cluster",
			ipFamilies: ["IPv4"],
			ipFamilyPolicy: "SingleStack",
		});
		expect(created({ ...PORT, type: "LoadBalancer" }).spec).toMatchObject({ externalTrafficPolicy: "Cluster", allocateLoadBalancerNodePorts: true });
		expect(created({ ...PORT, sessionAffinity: "ClientIP" }).spec?.sessionAffinityConfig).toEqual({ clientIP: { timeoutSeconds: 10800 } });
		expect(created({ type: "ExternalName", externalName: "a.b" }).spec).toEqual({ type: "ExternalName", externalName: "a.b", sessionAffinity: "None" });
	});
});

describe("what a Service holds", () => {
	it.each<[string, ServiceSpec, unknown]>([
		["any address", PORT, { clusterIPs: [{ family: "IPv4", address: "" }], nodePorts: [] }],
		["the address it asks for", { ...PORT, clusterIP: "10.96.0.9" }, { clusterIPs: [{ family: "IPv4", address: "10.96.0.9" }], nodePorts: [] }],
		["nothing, being headless", { ...PORT, clusterIP: "None" }, undefined],
		["nothing, being a name", { type: "ExternalName", externalName: "a.b" }, undefined],
		["node ports", { ...PORT, type: "NodePort" }, { clusterIPs: [{ family: "IPv4", address: "" }], nodePorts: [{ port: 80, protocol: "TCP", nodePort: 0 }] }],
		[
			"the node port it asks for",
			{ type: "LoadBalancer", ports: [{ port: 80, nodePort: 31000 }] },
			{ clusterIPs: [{ family: "IPv4", address: "" }], nodePorts: [{ port: 80, protocol: "TCP", nodePort: 31000 }] },
		],
		[
			"a port for its health",
			{ ...PORT, type: "LoadBalancer", externalTrafficPolicy: "Local", allocateLoadBalancerNodePorts: false },
			{ clusterIPs: [{ family: "IPv4", address: "" }], nodePorts: [{ port: 0, protocol: "TCP", nodePort: 0 }] },
		],
	])("is %s", (_, spec, request) => expect(serviceKind.allocationRequest?.(created(spec), undefined)).toEqual(request));

	it("stays when an update leaves it out", () => {
		const old = holding({ ...PORT, type: "NodePort" });
		const next = updated(old, { type: "NodePort", ports: [{ port: 80 }, { port: 81, name: "b" }], selector: { a: "b" } });
		expect(next.spec?.clusterIP).toBe("10.96.0.7");
		expect(next.spec?.ports?.map((p) => p.nodePort)).toEqual([30_000, undefined]);
		expect(serviceKind.allocationRequest?.(next, old)?.nodePorts.map((p) => p.nodePort)).toEqual([30_000, 0]);
		const same = updated(old, { ...PORT, type: "NodePort", selector: { a: "b" } });
		expect(serviceKind.allocationRequest?.(same, old)).toBeUndefined();
	});

	it("goes when the type no longer has it", () => {
		const old = holding({ ...PORT, type: "NodePort" });
		const inside = updated(old, { ...old.spec, type: "ClusterIP" });
		expect(inside.spec?.ports?.[0]?.nodePort).toBeUndefined();
		expect(inside.spec?.externalTrafficPolicy).toBeUndefined();
		expect(serviceKind.validate(inside)).toEqual([]);
		expect(serviceKind.allocationRequest?.(inside, old)).toEqual({ clusterIPs: [{ family: "IPv4", address: "10.96.0.7" }], nodePorts: [] });
		const name = updated(old, { ...old.spec, type: "ExternalName", externalName: "a.b" });
		expect(name.spec?.clusterIP).toBeUndefined();
		expect(serviceKind.validate(name)).toEqual([]);
		expect(serviceKind.allocationRequest?.(name, old)).toEqual({ nodePorts: [] });
	});

	it("does not change", () => {
		const old = holding(PORT);
		const next = updated(old, { ...PORT, clusterIP: "10.96.0.8" });
		expect(serviceKind.validateUpdate?.(next, old).map(fieldErrorText)).toEqual(['spec.clusterIPs[0]: Invalid value: ["10.96.0.8"]: may not change once set']);
	});
});

describe("the rules of a Service", () => {
	it.each<[string, ServiceSpec, string[]]>([
		["no port", {}, ["spec.ports: Required value"]],
		["two ports without names", { ports: [{ port: 1 }, { port: 2 }] }, ["spec.ports[0].name: Required value", "spec.ports[1].name: Required value"]],
		[
			"an unknown type",
			{ ...PORT, type: "Magic" },
			['spec.type: Unsupported value: "Magic": supported values: "ClusterIP", "ExternalName", "LoadBalancer", "NodePort"'],
		],
		["a node port inside", { ports: [{ port: 80, nodePort: 30000 }] }, ["spec.ports[0].nodePort: Forbidden: may not be used when `type` is 'ClusterIP'"]],
		[
			"a headless node port",
			{ ...PORT, type: "NodePort", clusterIP: "None" },
			["spec.clusterIPs[0]: Invalid value: \"None\": may not be set to 'None' for NodePort services"],
		],
		["a bad address", { ...PORT, clusterIP: "x" }, ['spec.clusterIPs[0]: Invalid value: "x": must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)']],
		["no name outside", { type: "ExternalName" }, ["spec.externalName: Required value"]],
		[
			"two families",
			{ ...PORT, ipFamilyPolicy: "RequireDualStack" },
			['spec.ipFamilyPolicy: Invalid value: "RequireDualStack": this cluster is not configured for dual-stack services'],
		],
		[
			"a long affinity",
			{ ...PORT, sessionAffinity: "ClientIP", sessionAffinityConfig: { clientIP: { timeoutSeconds: 90000 } } },
			["spec.sessionAffinityConfig.clientIP.timeoutSeconds: Invalid value: 90000: must be greater than 0 and less than 86400"],
		],
	])("refuse %s", (_, spec, errors) =>
		expect(broken(spec).filter((e) => !e.includes("externalTrafficPolicy") && !e.includes("internalTrafficPolicy"))).toEqual(errors),
	);
});

describe("the columns of Services", () => {
	it("show each type", () => {
		expect(cells(holding({ ...PORT, selector: { b: "2", a: "1" } }))).toEqual(["ClusterIP", "10.96.0.7", "<none>", "80/TCP", "a=1,b=2"]);
		expect(cells(holding({ ...PORT, type: "NodePort" }))).toEqual(["NodePort", "10.96.0.7", "<none>", "80:30000/TCP", "<none>"]);
		expect(cells(holding({ ...PORT, type: "LoadBalancer" }))).toEqual(["LoadBalancer", "10.96.0.7", "<pending>", "80:30000/TCP", "<none>"]);
		expect(cells(created({ clusterIP: "None" }))).toEqual(["ClusterIP", "None", "<none>", "<none>", "<none>"]);
		expect(cells(created({ type: "ExternalName", externalName: "a.b" }))).toEqual(["ExternalName", "<none>", "a.b", "<none>", "<none>"]);
	});
});
