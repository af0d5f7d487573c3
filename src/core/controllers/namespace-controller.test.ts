import { DEFAULT_NETWORK } from "../protocol/cluster-addresses.ts";
import { expect, it } from "vitest";
import { MemoryWorld } from "../../../test/controllers/memory-world.ts";
import { deployment, pods, replicaSets, settle } from "../../../test/controllers/workloads.ts";
import { builtinKinds } from "../kinds/registry.ts";
import type { Namespace } from "../schema/kubernetes.d.ts";
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
	const controllers = namespaceControllers({
		network: DEFAULT_NETWORK,
		registry: builtinKinds,
		namespaceActive: () => phase === "Active",
		namespaceTerminating: () => phase === "Terminating",
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
	expect(w.messages.at(-1)?.body).toEqual({ type: "namespaceEmptied", namespace: "team", uid: "uid-ns", remaining: [] });
});
