/** How soon a cluster, and a namespace of one, answers a client after it was asked for: what kubectl would be told to wait. */
import { Client, cpuSeconds, percentile, type Target } from "./load.ts";
import { createNamespace, namespacePath } from "./objects.ts";

const ROUNDS = 30;
/** No answer of kubectl's may wait longer than this, in milliseconds. */
export const NEW_CLUSTER_GOAL_MS = 100;

export interface NewClusterRow {
	what: string;
	p50Ms: number;
	p99Ms: number;
	/** Of the control plane, for each: steadier than times on a machine that is shared. */
	cpuMs: number;
	goalMs: number;
}

/** What something took, round by round. */
class Stopwatch {
	readonly #pid: number;
	readonly #timesMs: number[] = [];
	#cpuSeconds = 0;

	constructor({ pid }: Target) {
		this.#pid = pid;
	}

	async time<T>(work: () => Promise<T>): Promise<T> {
		const [startMs, startCpu] = [performance.now(), cpuSeconds(this.#pid)];
		const result = await work();
		this.#timesMs.push(performance.now() - startMs);
		this.#cpuSeconds += cpuSeconds(this.#pid) - startCpu;
		return result;
	}

	row(what: string): NewClusterRow {
		const times = this.#timesMs;
		const cpuMs = (this.#cpuSeconds * 1000) / times.length;
		return { what, p50Ms: percentile(times, 50), p99Ms: percentile(times, 99), cpuMs, goalMs: NEW_CLUSTER_GOAL_MS };
	}
}

/** The first requests of `kubectl get pods`: discovery, then the list as a table. */
const FIRST_REQUESTS = [
	{ method: "GET", path: "/api", accept: "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json" },
	{ method: "GET", path: "/apis", accept: "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json" },
	{ method: "GET", path: `${namespacePath("default")}/pods?limit=500`, accept: "application/json;as=Table;v=v1;g=meta.k8s.io,application/json" },
];

/** `ownerToken` makes clusters; `target` is the cluster that the new namespaces are in. */
export async function measureNewClusters(target: Target, ownerToken: string): Promise<NewClusterRow[]> {
	const [made, answered, namespaces, pods] = [new Stopwatch(target), new Stopwatch(target), new Stopwatch(target), new Stopwatch(target)];
	const owner = new Client({ ...target, token: ownerToken }, 1);
	for (let round = 0; round < ROUNDS; round++) {
		const name = `bench-${round}`;
		const creation = { method: "POST", path: "/clusters", body: JSON.stringify({ name }) };
		const { token } = JSON.parse(await made.time(() => owner.send(creation))) as { token: string };
		const client = new Client({ ...target, url: `${target.url}/clusters/${name}`, token }, 1);
		await answered.time(async () => {
			for (const request of FIRST_REQUESTS) await client.send(request);
		});
		client.close();
	}
	owner.close();
	const client = new Client(target, 1);
	for (let round = 0; round < ROUNDS; round++) {
		const name = `bench-new-${round}`;
		await namespaces.time(() => client.send(createNamespace(name)));
		await pods.time(() => client.send({ method: "GET", path: `${namespacePath(name)}/pods?limit=500` }));
	}
	client.close();
	return [
		made.row("a cluster is made"),
		answered.row("its first `kubectl get pods`"),
		namespaces.row("a namespace is made"),
		pods.row("its first list of pods"),
	];
}
