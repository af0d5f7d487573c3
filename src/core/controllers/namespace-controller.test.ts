import { DEFAULT_NETWORK } from "../protocol/cluster-addresses.ts";
import { expect, it } from "vitest";
import { MemoryWorld } from "../../../test/controllers/memory-world.ts";
import { deployment, pods, replicaSets, settle } from "../../../test/controllers/workloads.ts";
import { builtinKinds } from "../kinds/registry.ts";
import type { APIService, Namespace } from "../schema/kubernetes.d.ts";
import { applyNamespaceEmptied, namespaceController } from "./namespace-controller.ts";
import { namespaceControllers } from "./registry.ts";

const NAMESPACES = "namespaces";
const stored = (w: MemoryWorld) => w.get<Namespace>(NAMESPACES, "team") as Namespace;

function terminating(): MemoryWorld {
	const w = new MemoryWorld([namespaceController], "");
	w.create(NAMESPACES, {
		apiVersion: "v1",
		kind: "Namespace",
		metadata: { name: "team", finalizers: ["test"] },
		spec: { finalizers: ["kubernetes"] },
	} as Namespace);
	w.drain();
	w.remove(NAMESPACES, "team");
	w.drain();
	return w;
}

it("tells the namespace of its beginning and its end, and of nothing in between", () => {
	const w = terminating();
	expect(w.messages.map(({ body }) => body.type)).toEqual(["namespaceActive", "namespaceTerminating"]);
	expect(stored(w).status?.phase).toBe("Terminating");
});

it("says what keeps a namespace", () => {
	const w = terminating();
	const remaining = [
		{ resource: "configmaps", count: 1, finalizers: ["example.com/hold"] },
		{ resource: "apps/deployments", count: 2, finalizers: ["example.com/hold"] },
	];
	const message = { type: "namespaceEmptied" as const, namespace: "team", uid: stored(w).metadata.uid ?? "", remaining };
	w.act(applyNamespaceEmptied(stored(w), message, w.nowMs));
	const texts = stored(w).status?.conditions?.map(({ type, status, message: text }) => `${type}=${status}: ${text}`);
	expect(texts?.slice(3)).toEqual([
		"NamespaceContentRemaining=True: Some resources are remaining: configmaps. has 1 resource instances, deployments.apps has 2 resource instances",
		"NamespaceFinalizersRemaining=True: Some content in the namespace has finalizers remaining: example.com/hold in 2 resource instances",
	]);
	expect(applyNamespaceEmptied(stored(w), message, w.nowMs)).toEqual([]);
	expect(applyNamespaceEmptied(stored(w), { ...message, uid: "an earlier one" }, w.nowMs)).toEqual([]);
});

it("lets an empty namespace go", () => {
	const w = terminating();
	const message = { type: "namespaceEmptied" as const, namespace: "team", uid: stored(w).metadata.uid ?? "", remaining: [] };
	expect(applyNamespaceEmptied(stored(w), message, w.nowMs)).toMatchObject([{ type: "update", subresource: "finalize", object: { spec: { finalizers: [] } } }]);
});

it("is emptied with all its workloads, which do not come back", () => {
	let phase = "Active";
	const services: APIService[] = [];
	const controllers = namespaceControllers({
		network: DEFAULT_NETWORK,
		registry: builtinKinds,
		namespaceActive: () => phase === "Active",
		namespaceTerminating: () => phase === "Terminating",
		extensionServices: () => services,
		schedulerNames: new Set<string>(),
		namespaceUid: () => "uid-ns",
		rootCa: () => "PEM",
		trust: () => undefined,
		signAccountToken: () => "",
		receiverToken: () => "",
		publicUrl: undefined,
		terminatingDefinitions: () => [],
		knowsNodes: () => true,
		podRowsWanted: () => true,
		ingressClasses: () => [],
		gatewayClasses: () => [],
		namespaceLabels: () => ({}),
		edge: { addresses: [], ports: {} },
	});
	const w = new MemoryWorld(controllers, "team");
	for (const name of ["serviceaccount", "root-ca-certificate-publisher"]) w.enqueue(name, "namespace");
	w.create("apps/deployments", deployment("web"));
	settle(w);
	expect([pods(w).length, w.list("serviceaccounts").length, w.list("configmaps").length]).toEqual([3, 1, 1]);
	phase = "Terminating";
	w.enqueue("namespace-drain", "namespace");
	settle(w);
	expect([pods(w), replicaSets(w), w.list("apps/deployments"), w.list("serviceaccounts"), w.list("configmaps")]).toEqual([[], [], [], [], []]);
	const told = { type: "namespaceEmptied", namespace: "team", uid: "uid-ns", remaining: [] };
	expect(w.messages.at(-1)?.body).toEqual(told);
	// What other servers keep there goes with it.
	services.push({ apiVersion: "apiregistration.k8s.io/v1", kind: "APIService", metadata: { name: "v1.garden.example.com" } });
	const before = w.messages.length;
	w.enqueue("namespace-drain", "namespace");
	settle(w);
	expect([w.gathers, w.messages.length]).toEqual([[expect.objectContaining({ controller: "namespace-drain", key: "namespace", sweep: services })], before]);
	const undiscovered = [{ groupVersion: "garden.example.com/v1", why: "stale GroupVersion discovery: garden.example.com/v1" }];
	w.gathered = { atMs: 0, usages: {}, metrics: {}, content: { undiscovered, failures: [], remaining: [] } };
	w.enqueue("namespace-drain", "namespace");
	settle(w);
	expect(w.messages.at(-1)?.body).toEqual({ ...told, undiscovered });
});

it("is kept by what other servers do not let go, and says so in upstream's words", () => {
	const w = terminating();
	const message = {
		type: "namespaceEmptied" as const,
		namespace: "team",
		uid: stored(w).metadata.uid ?? "",
		remaining: [],
		undiscovered: [{ groupVersion: "garden.example.com/v1", why: "stale GroupVersion discovery: garden.example.com/v1" }],
		failures: ["flowers cannot be cut", "a frost"],
	};
	w.act(applyNamespaceEmptied(stored(w), message, w.nowMs));
	const texts = stored(w).status?.conditions?.map(({ type, status, reason, message: text }) => `${type}=${status} ${reason}: ${text}`);
	expect(texts?.filter((text) => text.includes("=True"))).toEqual([
		"NamespaceDeletionDiscoveryFailure=True DiscoveryFailed: Discovery failed for some groups, 1 failing: unable to retrieve the complete list of server APIs: garden.example.com/v1: stale GroupVersion discovery: garden.example.com/v1",
		"NamespaceDeletionContentFailure=True ContentDeletionFailed: Failed to delete all resource types, 2 remaining: a frost, flowers cannot be cut",
	]);
});
