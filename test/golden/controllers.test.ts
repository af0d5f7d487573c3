/**
 * Controllers against files: x.in.yaml says which controller, key, time and objects; x.out.yaml is what it decides.
 * After a change that is meant, `vitest run -u test/golden` writes the new decisions; read them before committing.
 */
import { noDecisions } from "../../src/core/scheduler/scheduler.ts";
import { DEFAULT_NETWORK } from "../../src/core/protocol/cluster-addresses.ts";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { parse, stringify } from "yaml";
import { namespaceControllers, clusterControllers } from "../../src/core/controllers/registry.ts";
import { builtinSchema } from "../../src/core/schema/builtin-schema.ts";
import type { Gathered } from "../../src/core/controllers/autoscaling/metric-samples.ts";
import type { Refusal } from "../../src/core/controllers/controller.ts";
import type { KubeObject } from "../../src/core/meta/object.ts";
import { resourceName } from "../../src/core/meta/object.ts";
import { builtinKinds } from "../../src/core/kinds/registry.ts";
import { MemoryWorld } from "../controllers/memory-world.ts";

interface Case {
	controller: string;
	key: string;
	now: string;
	/** Defaults to a namespace's controllers. */
	object?: "cluster";
	/** Of the namespace; default Active. */
	phase?: "Active" | "Terminating";
	/** When nodes were heard of last; absent nodes never were. */
	lastSeen?: Record<string, string>;
	connected?: string[];
	/** Names of claims that their namespace has said to be free. */
	gone?: string[];
	/** What the API refused of the decision before this one. */
	refusal?: Refusal;
	/** What an autoscaler has asked for before. */
	gathered?: Gathered;
	objects: KubeObject[];
}

const FOLDER = join(import.meta.dirname, "controllers");
const registry = builtinKinds;
const idleScheduler = {
	schedule: noDecisions,
	nextScheduleMs: () => undefined,
};

function controllersFor({ object, phase = "Active", lastSeen = {}, connected = [], gone = [] }: Case) {
	if (object === "cluster") {
		const seen = (node: string) => (lastSeen[node] ? Date.parse(lastSeen[node]) : undefined);
		return clusterControllers({
			network: DEFAULT_NETWORK,
			registry,
			lastSeenMs: seen,
			connected: (node) => connected.includes(node),
			builtin: registry,
			schema: builtinSchema,
			emptied: () => new Set(),
			authority: undefined,
			allows: (user) => user.groups.includes("system:bootstrappers"),
			placements: () => [],
			digest: (text) => text,
			claimIsGone: (_namespace, name) => gone.includes(name),
			...idleScheduler,
		});
	}
	const namespace = {
		namespaceActive: () => phase === "Active",
		namespaceTerminating: () => phase === "Terminating",
		namespaceUid: () => "uid-ns",
		schedulerNames: new Set(["default-scheduler"]),
		signAccountToken: () => "",
		receiverToken: () => "",
		publicUrl: undefined,
		rootCa: () => "PEM\n",
		trust: () => undefined,
		terminatingDefinitions: () => [],
		extensionServices: () => [],
		knowsNodes: () => true,
		podRowsWanted: () => true,
		ingressClasses: () => [],
		gatewayClasses: () => [],
		namespaceLabels: () => ({}),
		edge: { addresses: [], ports: {} },
	};
	return namespaceControllers({ registry, network: DEFAULT_NETWORK, ...namespace });
}

function storeName({ apiVersion, kind }: KubeObject): string {
	const [group, version] = apiVersion.includes("/") ? (apiVersion.split("/") as [string, string]) : ["", apiVersion];
	return resourceName(group, registry.byKind(group, version, kind)?.plural ?? kind);
}

/** The Cluster object has namespaced objects by their full names. */
const nameIn = ({ object: owner }: Case, { metadata: { name = "", namespace } }: KubeObject): string =>
	owner === "cluster" && namespace ? `${namespace}/${name}` : name;

describe("golden controllers", () => {
	for (const file of readdirSync(FOLDER).filter((name) => name.endsWith(".in.yaml"))) {
		it(file.replace(".in.yaml", ""), async () => {
			const input = parse(readFileSync(join(FOLDER, file), "utf8"), { merge: true }) as Case;
			const controllers = controllersFor(input);
			const world = new MemoryWorld(controllers, input.object === "cluster" ? "" : "default");
			world.nowMs = Date.parse(input.now);
			for (const object of input.objects) world.place(storeName(object), object, nameIn(input, object));
			world.gathered = input.gathered;
			const controller = controllers.find(({ name }) => name === input.controller);
			const result = controller?.reconcile(input.key, world, { ...world.context(), ...(input.refusal ? { refusal: input.refusal } : {}) });
			await expect(stringify(result, { aliasDuplicateObjects: false })).toMatchFileSnapshot(join(FOLDER, file.replace(".in.", ".out.")));
		});
	}
});
