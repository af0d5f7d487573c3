/**
 * `npm run bench:scheduler`: decisions a second on 5,000 simulated nodes, of the scheduler's core alone, in one thread.
 *
 *   npm run bench:scheduler -- --nodes 1000 --pods 500
 */
import { parseArgs } from "node:util";
import { Scheduler } from "../../src/core/scheduler/scheduler.ts";
import type { Node, Pod, PodSpec } from "../../src/core/schema/kubernetes.d.ts";

const ZONES = 10;
const HOSTNAME = "kubernetes.io/hostname";
const ZONE = "topology.kubernetes.io/zone";
/** Pods that are there before the measured ones, for each node. */
const PODS_BEFORE = 4;

const { values: options } = parseArgs({ options: { nodes: { type: "string", default: "5000" }, pods: { type: "string", default: "3000" } } });
const nodeCount = Number(options.nodes);
const podCount = Number(options.pods);

const node = (index: number): Node => ({
	apiVersion: "v1",
	kind: "Node",
	metadata: { name: `node-${index}`, labels: { [HOSTNAME]: `node-${index}`, [ZONE]: `zone-${index % ZONES}`, disk: index % 2 ? "ssd" : "hdd" } },
	spec: {},
	status: { allocatable: { cpu: "32", memory: "128Gi", pods: "110" } },
});

let serial = 0;

function pod(app: string, spec: Partial<PodSpec> = {}): Pod {
	const uid = `uid-${++serial}`;
	return {
		apiVersion: "v1",
		kind: "Pod",
		metadata: {
			name: `pod-${serial}`,
			namespace: "default",
			uid,
			labels: { app },
			ownerReferences: [{ apiVersion: "apps/v1", kind: "ReplicaSet", name: app, uid: `uid-${app}`, controller: true }],
		},
		spec: { containers: [{ name: "main", image: "web:1", resources: { requests: { cpu: "100m", memory: "128Mi" } } }], ...spec },
	};
}

const selecting = (app: string) => ({ labelSelector: { matchLabels: { app } } });

const WORKLOADS: Record<string, () => Pod> = {
	plain: () => pod("plain"),
	"node affinity, spread over zones and nodes": () =>
		pod("spread", {
			nodeSelector: { disk: "ssd" },
			topologySpreadConstraints: [
				{ maxSkew: 1, topologyKey: ZONE, whenUnsatisfiable: "DoNotSchedule", ...selecting("spread") },
				{ maxSkew: 2, topologyKey: HOSTNAME, whenUnsatisfiable: "ScheduleAnyway", ...selecting("spread") },
			],
		}),
	"affinity to a zone's pods, preferred anti-affinity on nodes": () =>
		pod("near", {
			affinity: {
				podAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [{ topologyKey: ZONE, ...selecting("before") }] },
				podAntiAffinity: {
					preferredDuringSchedulingIgnoredDuringExecution: [{ weight: 100, podAffinityTerm: { topologyKey: HOSTNAME, ...selecting("near") } }],
				},
			},
		}),
	"required anti-affinity on nodes": () =>
		pod("alone", { affinity: { podAntiAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [{ topologyKey: HOSTNAME, ...selecting("alone") }] } } }),
	"preempting on a full cluster": () => pod("urgent", { priority: 1000, containers: [{ name: "main", resources: { requests: { cpu: "28" } } }] }),
};

function clusterOf(fill: string): Scheduler {
	const scheduler = new Scheduler();
	for (let i = 0; i < nodeCount; i++) scheduler.setNode(node(i), 0);
	for (let i = 0; i < nodeCount * PODS_BEFORE; i++) {
		const before = pod("before", { containers: [{ name: "main", resources: { requests: { cpu: fill } } }] });
		scheduler.ask({
			pod: { ...before, spec: { ...before.spec, containers: before.spec?.containers ?? [], nodeSelector: { [HOSTNAME]: `node-${i % nodeCount}` } } },
		});
	}
	// Where each of these goes is known: they are placed without looking for a node.
	for (let entry = scheduler.queue.pop(0); entry !== undefined; entry = scheduler.queue.pop(0)) {
		const { ref, candidate } = entry;
		scheduler.withdraw(ref.uid);
		scheduler.ledger.add({ ref, node: candidate.pod.spec?.nodeSelector?.[HOSTNAME] ?? "", pod: candidate.scheduling, sinceMs: 0 });
	}
	return scheduler;
}

let seed = 1;
const random = (): number => {
	seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) >>> 0;
	return seed / 2 ** 32;
};

console.log(`${nodeCount} nodes, ${podCount} pods of each kind\n\n| pods | decisions a second | bound |\n|---|---|---|`);
for (const [name, make] of Object.entries(WORKLOADS)) {
	const preempting = name.startsWith("preempting");
	const scheduler = clusterOf(preempting ? "7" : "100m");
	const count = preempting ? Math.ceil(podCount / 10) : podCount;
	for (let i = 0; i < count; i++) scheduler.ask({ pod: make() });
	const startMs = performance.now();
	const { bindings, preemptions } = scheduler.run({ nowMs: 1, random }, count);
	const seconds = (performance.now() - startMs) / 1000;
	console.log(`| ${name} | ${(count / seconds).toFixed(0)} | ${bindings.length}${preemptions.length > 0 ? ` (${preemptions.length} preempted others)` : ""} |`);
}
