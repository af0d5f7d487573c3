import { expect, it } from "vitest";
import { MemoryWorld } from "../../../test/controllers/memory-world.ts";
import { deployment, pods, replicaSets, settle } from "../../../test/controllers/workloads.ts";
import { builtinKinds } from "../kinds/registry.ts";
import type { ConfigMap, OwnerReference } from "../schema/kubernetes.d.ts";
import { deploymentController } from "./deployment-controller.ts";
import { garbageCollector } from "./garbage-collector.ts";
import { replicaSetController } from "./replicaset-controller.ts";

const DEPLOYMENTS = "apps/deployments";
const CONFIG_MAPS = "configmaps";

function rolledOut(): MemoryWorld {
	const w = new MemoryWorld([deploymentController, replicaSetController, garbageCollector({ registry: builtinKinds })]);
	w.create(DEPLOYMENTS, deployment("web"));
	settle(w);
	return w;
}

const configMap = (name: string, ownerReferences: OwnerReference[] = []): ConfigMap => ({
	apiVersion: "v1",
	kind: "ConfigMap",
	metadata: { name, ownerReferences },
});
const reference = (name: string, uid: string, more = {}): OwnerReference => ({ apiVersion: "v1", kind: "ConfigMap", name, uid, ...more });

it("in the background: the owner goes at once, ReplicaSets and pods after it", () => {
	const w = rolledOut();
	w.remove(DEPLOYMENTS, "web", { propagation: "Background" });
	expect(w.get(DEPLOYMENTS, "web")).toBeUndefined();
	settle(w);
	expect([replicaSets(w), pods(w)]).toEqual([[], []]);
});

it("in the foreground: the owner goes last", () => {
	const w = rolledOut();
	w.remove(DEPLOYMENTS, "web", { propagation: "Foreground" });
	w.drain();
	expect(w.get(DEPLOYMENTS, "web")?.metadata.deletionTimestamp).toBeDefined();
	expect(replicaSets(w)).toHaveLength(1);
	expect(pods(w).every((pod) => pod.metadata.deletionTimestamp)).toBe(true);
	settle(w);
	expect([w.get(DEPLOYMENTS, "web"), replicaSets(w), pods(w)]).toEqual([undefined, [], []]);
});

it("as orphans: dependents stay and forget their owner", () => {
	const w = rolledOut();
	w.remove(DEPLOYMENTS, "web", { propagation: "Orphan" });
	settle(w);
	expect(w.get(DEPLOYMENTS, "web")).toBeUndefined();
	expect(replicaSets(w)[0]?.metadata.ownerReferences).toBeUndefined();
	expect(pods(w)).toHaveLength(3);
});

it("deletes what is born after its owner is gone, but not what also has an owner that is there", () => {
	const w = new MemoryWorld([garbageCollector({ registry: builtinKinds })]);
	w.create(CONFIG_MAPS, configMap("living"));
	const uid = w.get(CONFIG_MAPS, "living")?.metadata.uid ?? "";
	w.create(CONFIG_MAPS, configMap("late", [reference("gone", "uid-gone")]));
	w.create(CONFIG_MAPS, configMap("impostor", [reference("living", "another-uid")]));
	w.create(CONFIG_MAPS, configMap("shared", [reference("gone", "uid-gone"), reference("living", uid)]));
	w.drain();
	expect(w.list(CONFIG_MAPS).map(({ metadata }) => metadata.name)).toEqual(["living", "shared"]);
	expect(w.get(CONFIG_MAPS, "shared")?.metadata.ownerReferences?.map(({ name }) => name)).toEqual(["living"]);
});

it("leaves alone what names owners of kinds or scopes that are not held here", () => {
	const w = new MemoryWorld([garbageCollector({ registry: builtinKinds })]);
	w.create(CONFIG_MAPS, configMap("a", [{ apiVersion: "example.com/v1", kind: "Thing", name: "t", uid: "u" }]));
	w.create(CONFIG_MAPS, configMap("b", [{ apiVersion: "v1", kind: "Node", name: "n1", uid: "u" }]));
	w.drain();
	expect(w.list(CONFIG_MAPS)).toHaveLength(2);
});

it("does not hang on a circle of owners", () => {
	const w = new MemoryWorld([garbageCollector({ registry: builtinKinds })]);
	w.create(CONFIG_MAPS, configMap("a"));
	w.create(CONFIG_MAPS, configMap("b", [reference("a", w.get(CONFIG_MAPS, "a")?.metadata.uid ?? "", { blockOwnerDeletion: true })]));
	w.edit<ConfigMap>(CONFIG_MAPS, "a", ({ metadata }) => {
		metadata.ownerReferences = [reference("b", w.get(CONFIG_MAPS, "b")?.metadata.uid ?? "", { blockOwnerDeletion: true })];
	});
	w.drain();
	w.remove(CONFIG_MAPS, "a", { propagation: "Foreground" });
	w.drain();
	expect(w.list(CONFIG_MAPS)).toEqual([]);
});
