/** An object that can never be reconciled, through the front door: an Event and a metric tell of it, the others of its kind are served. */
import { expect, it } from "vitest";
import type { EndpointSlice, Event } from "../../src/core/schema/kubernetes.d.ts";
import { eventually, TestCluster } from "./support/test-cluster.ts";

const ADMISSION = "/apis/admissionregistration.k8s.io/v1";
const SLICES = "/apis/discovery.k8s.io/v1/namespaces/default/endpointslices";
const SERVICES = "/api/v1/namespaces/default/services";

const service = (name: string) => ({ apiVersion: "v1", kind: "Service", metadata: { name }, spec: { selector: { app: name }, ports: [{ port: 80 }] } });

/** No EndpointSlice of the Service "bad" may be made. */
async function forbid(cluster: TestCluster): Promise<void> {
	const rule = { apiGroups: ["discovery.k8s.io"], apiVersions: ["v1"], operations: ["CREATE"], resources: ["endpointslices"] };
	await cluster.call("POST", `${ADMISSION}/validatingadmissionpolicies`, {
		apiVersion: "admissionregistration.k8s.io/v1",
		kind: "ValidatingAdmissionPolicy",
		metadata: { name: "none.example.com" },
		spec: {
			matchConstraints: { resourceRules: [rule] },
			validations: [{ expression: "!object.metadata.generateName.startsWith('bad-')", message: "no slices of bad" }],
		},
	});
	await cluster.call("POST", `${ADMISSION}/validatingadmissionpolicybindings`, {
		apiVersion: "admissionregistration.k8s.io/v1",
		kind: "ValidatingAdmissionPolicyBinding",
		metadata: { name: "none" },
		spec: { policyName: "none.example.com", validationActions: ["Deny"] },
	});
}

async function failures(cluster: TestCluster): Promise<number> {
	const text = await (await cluster.fetch("GET", "/metrics")).text();
	const lines = text.split("\n").filter((line) => /^petrel_controller_reconciles_total\{.*controller="endpoint-slice".*result="error"/.test(line));
	return Number(lines[0]?.split(" ").at(-1) ?? 0);
}

it("backs off alone, and is told of in an Event and a metric", async () => {
	const cluster = await TestCluster.create();
	await forbid(cluster);
	const slice = {
		apiVersion: "discovery.k8s.io/v1",
		kind: "EndpointSlice",
		metadata: { name: "bad-x", generateName: "bad-" },
		addressType: "IPv4",
		endpoints: [],
	};
	await eventually(async () => ((await cluster.fetch("POST", `${SLICES}?dryRun=All`, slice)).ok ? undefined : true));
	for (const name of ["bad", "good"]) await cluster.call("POST", SERVICES, service(name));
	const told = await eventually(async () => {
		const { items } = (await cluster.call("GET", "/api/v1/namespaces/default/events")) as unknown as { items: Event[] };
		return items.find(({ reason }) => reason === "ReconcileFailed");
	});
	expect([told.type, told.involvedObject.kind, told.involvedObject.name]).toEqual(["Warning", "Service", "bad"]);
	expect(told.message).toMatch(/^The endpoint-slice controller cannot reconcile this object, and tries again less and less often: .*no slices of bad/);
	expect(await failures(cluster)).toBeGreaterThanOrEqual(5);
	const { items } = (await cluster.call("GET", SLICES)) as unknown as { items: EndpointSlice[] };
	const of = (name: string) => items.filter(({ metadata }) => metadata.labels?.["kubernetes.io/service-name"] === name).length;
	expect([of("bad"), of("good")]).toEqual([0, 1]);

	await cluster.call("DELETE", `${ADMISSION}/validatingadmissionpolicybindings/none`);
	await eventually(async () => {
		const { items: now } = (await cluster.call("GET", SLICES)) as unknown as { items: EndpointSlice[] };
		return now.find(({ metadata }) => metadata.labels?.["kubernetes.io/service-name"] === "bad");
	});
});
