/**
 * Which seeds each storm runs. `npm test` runs the fixed ones: they are kept because they once found something, or show what is
 * rare. `npm run sim` adds fresh ones, from a base that it draws anew each time and prints; SIM_SEED=n runs one seed alone.
 */

/** Seeds of one `npm run sim`, the fixed ones among them. */
export const SIM_SEEDS_TOTAL = 1_000;

const range = (first: number, last: number): number[] => Array.from({ length: last - first + 1 }, (_, i) => first + i);

/** By the file's name (NAME.sim.test.ts): the fixed seeds, and the controllers that the storm must have seen act in them. */
export const STORMS: Readonly<Record<string, { fixed: readonly number[]; covers: readonly string[] }>> = {
	workload: { fixed: range(1, 12), covers: ["deployment", "replicaset", "kubernetes-service"] },
	statefulset: { fixed: range(11, 14), covers: ["statefulset"] },
	daemonset: { fixed: range(21, 24), covers: ["daemonset"] },
	job: { fixed: range(31, 34), covers: ["job"] },
	cronjob: { fixed: range(1, 4), covers: ["cronjob", "ttl-after-finished"] },
	services: {
		fixed: range(1, 4),
		covers: [
			"replication",
			"endpoint",
			"endpoint-slice",
			"endpointslice-mirroring",
			"service-table",
			"service-lb",
			"service-allocation",
			"service-cidr",
			"policy-table",
			"pod-table",
		],
	},
	edge: { fixed: range(1, 4), covers: ["ingress", "gateway", "http-route", "edge-service", "gateway-class"] },
	nodes: { fixed: range(1, 4), covers: ["node-lifecycle", "node-ipam", "ttl", "node-lease", "pod-garbage-collector"] },
	accounts: {
		fixed: range(1, 4),
		covers: [
			"serviceaccount",
			"serviceaccount-token",
			"token-cleaner",
			"root-ca-certificate-publisher",
			"bootstrap-roles",
			"clusterrole-aggregation",
			"namespace-expiry",
		],
	},
	certificates: {
		fixed: range(1, 4),
		covers: ["certificatesigningrequest-approving", "certificatesigningrequest-signing", "certificatesigningrequest-cleaner"],
	},
	definitions: {
		fixed: range(1, 4),
		covers: ["custom-resource-definition", "custom-resource-cleanup", "apiservice-registration", "validatingadmissionpolicy-status"],
	},
	disruption: { fixed: range(71, 74), covers: ["disruption", "budget-replica", "stale-pod-disruption"] },
	autoscaling: { fixed: range(61, 63), covers: ["horizontal-pod-autoscaling"] },
	quota: { fixed: [51, 52], covers: ["resourcequota"] },
	owners: { fixed: range(1, 4), covers: ["generic-garbage-collector"] },
	namespace: { fixed: range(1, 6), covers: ["namespace", "namespace-drain"] },
	volumes: {
		fixed: range(61, 66),
		covers: ["persistentvolume", "local-path-provisioner", "volume-expand", "pv-protection", "pvc-protection", "ephemeral-volume", "cluster-replica"],
	},
	attachments: { fixed: range(1, 4), covers: ["attachdetach"] },
	"resource-claims": { fixed: range(1, 4), covers: ["resource-claim"] },
	devices: { fixed: [...range(71, 74), 90_967, 1_935_035_515], covers: ["resource-claim", "device-taint-eviction"] },
	scheduling: { fixed: range(51, 56), covers: ["scheduler", "pod-scheduling", "pod-assignment", "pod-ledger"] },
	// The last two found statuses that were never written when an object died between a change and its report.
	webhooks: { fixed: [...range(1, 8), 775_765_795, 775_765_800], covers: [] },
	"webhook-receivers": { fixed: range(71, 74), covers: ["webhook-receiver"] },
};

/** Controllers without a storm, and why. */
export const WITHOUT_STORM: Readonly<Record<string, string>> = {
	"apiservice-availability": "asks extension API servers, of which the simulator has none",
	"cluster-authentication-trust": "acts where there is a front proxy's CA",
};

export interface FreshSeeds {
	first: number;
	count: number;
}

/** The fresh seeds of each storm, counted on from `base`: as many as make SIM_SEEDS_TOTAL with the fixed ones, shared out evenly. */
export function freshSeeds(base: number, total: number): Map<string, FreshSeeds> {
	const names = Object.keys(STORMS);
	const fixed = Object.values(STORMS).reduce((sum, storm) => sum + storm.fixed.length, 0);
	const wanted = Math.max(0, total - fixed);
	const shares = new Map<string, FreshSeeds>();
	let first = base;
	names.forEach((name, index) => {
		const count = Math.floor(wanted / names.length) + (index < wanted % names.length ? 1 : 0);
		shares.set(name, { first, count });
		first += count;
	});
	return shares;
}

/** What a storm's file runs now. */
export function seedsOf(storm: string): number[] {
	const known = STORMS[storm];
	if (known === undefined) throw new Error(`no storm is called ${storm}`);
	const { SIM_SEED, SIM_BASE } = process.env;
	if (SIM_SEED) return [Number(SIM_SEED)];
	if (!SIM_BASE) return [...known.fixed];
	const { first, count } = freshSeeds(Number(SIM_BASE), SIM_SEEDS_TOTAL).get(storm) as FreshSeeds;
	return [...known.fixed, ...range(first, first + count - 1)];
}
