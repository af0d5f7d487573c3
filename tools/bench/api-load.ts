/** The load on the API: ConfigMaps written, read, changed; pods listed; changes watched. */
import { type Call, Client, type Figures, load, loadWarm, percentile, type Target } from "./load.ts";
import { configMap, createIn, createNamespace, namespacePath, pod } from "./objects.ts";

const WRITES = 1500;
const READS = 3000;
const UPDATES = 1200;
const SPREAD_NAMESPACES = 16;
const LISTED_PODS = 5000;
/** Pods of each of the other namespaces that a list of all counts in. */
const OTHER_PODS = 167;
const OTHER_NAMESPACES = 6;
const LISTS = 12;
const SMALL_LISTS = 40;
const WATCHED_WRITES = 100;
const NAMESPACE = "bench";
const base = namespacePath(NAMESPACE);
const TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json";

export interface Row {
	work: string;
	figures: Figures;
	/** CPU per request that is to be reached, in milliseconds. */
	goalCpuMs?: number;
	/** What a kube-apiserver with etcd took for the same work: CPU in milliseconds, and per second. */
	peer?: { cpuMs: number; perSecond: number };
}

export type Tell = (row: Row) => void;

type Goal = Pick<Row, "goalCpuMs" | "peer">;
const goal = (goalCpuMs: number, cpuMs: number, perSecond: number): Goal => ({ goalCpuMs, peer: { cpuMs, perSecond } });
const peer = (cpuMs: number, perSecond: number): Goal => ({ peer: { cpuMs, perSecond } });

/** Writes and reads of single objects. */
export async function measureObjects(target: Target, tell: Tell): Promise<void> {
	const admin = new Client(target, 4);
	const spread = Array.from({ length: SPREAD_NAMESPACES }, (_, i) => `${NAMESPACE}-${i}`);
	for (const name of [NAMESPACE, ...spread]) await admin.send(createNamespace(name));
	const run = async (work: string, clients: number, count: number, of: Goal, make: (index: number, client: number) => Call): Promise<void> =>
		tell({ work, figures: await loadWarm(target, clients, count, make), ...of });
	const post = (clients: number) => (index: number) => createIn(NAMESPACE, "configmaps", configMap(`c${clients}-${index}`));
	await run("POST ConfigMap 1 KiB, 1 client", 1, WRITES / 5, peer(2.37, 445), post(1));
	await run("POST ConfigMap 1 KiB, 16 clients", 16, WRITES, goal(0.6, 1.08, 1521), post(16));
	await run("POST ConfigMap 1 KiB, 64 clients", 64, WRITES, peer(0.91, 1843), post(64));
	await run("POST ConfigMap, 64 clients, 16 namespaces", 64, WRITES, peer(1.08, 1526), (i) =>
		createIn(spread[i % SPREAD_NAMESPACES] ?? "", "configmaps", configMap(`s-${i}`)),
	);
	const get = (i: number): Call => ({ method: "GET", path: `${base}/configmaps/c16-${i % 64}` });
	await run("GET ConfigMap, 1 client", 1, READS / 5, peer(1.07, 924), get);
	await run("GET ConfigMap, 16 clients", 16, READS, goal(0.35, 0.44, 3474), get);
	await run("GET ConfigMap, 64 clients", 64, READS, peer(0.33, 4669), get);
	await measureUpdates(run);
	for (const name of spread) await admin.send({ method: "DELETE", path: `/api/v1/namespaces/${name}` });
	admin.close();
}

async function measureUpdates(run: (work: string, clients: number, count: number, of: Goal, make: (index: number, client: number) => Call) => Promise<void>) {
	const patch = (name: string, type: string, body: string): Call => ({ method: "PATCH", path: `${base}/configmaps/${name}`, type, body });
	const data = (i: number): string => JSON.stringify({ data: { counter: String(i) } });
	await run("PUT ConfigMap, 16 clients", 16, UPDATES, goal(0.7, 1.4, 1222), (_, client) => {
		const name = `c16-${client}`;
		return { method: "PUT", path: `${base}/configmaps/${name}`, body: configMap(name) };
	});
	await run("merge patch, 16 clients", 16, UPDATES, goal(0.7, 1.66, 1068), (i, client) => patch(`c16-${16 + client}`, "application/merge-patch+json", data(i)));
	await run("strategic merge patch, 16 clients", 16, UPDATES, { goalCpuMs: 0.7 }, (i, client) =>
		patch(`c16-${32 + client}`, "application/strategic-merge-patch+json", data(i)),
	);
	await run("JSON patch, 16 clients", 16, UPDATES, { goalCpuMs: 0.7 }, (i, client) =>
		patch(`c16-${48 + client}`, "application/json-patch+json", JSON.stringify([{ op: "add", path: "/data/counter", value: String(i) }])),
	);
	await run("server-side apply, 16 clients", 16, UPDATES, goal(0.8, 1.91, 908), (_, client) =>
		patch(`a-${client}?fieldManager=bench&force=true`, "application/apply-patch+yaml", configMap(`a-${client}`)),
	);
}

/** Lists of pods. */
export async function measureLists(target: Target, tell: Tell): Promise<void> {
	const admin = new Client(target, 4);
	const others = Array.from({ length: OTHER_NAMESPACES }, (_, i) => `lists-${i + 1}`);
	for (const name of ["lists", ...others]) await admin.send(createNamespace(name));
	tell({ work: "POST pod, 16 clients", figures: await load(target, 16, LISTED_PODS, (i) => createIn("lists", "pods", pod(`p-${i}`, i))) });
	await load(target, 16, OTHER_NAMESPACES * OTHER_PODS, (i) => createIn(others[i % OTHER_NAMESPACES] ?? "", "pods", pod(`p-${i}`, i)));
	const pods = `${namespacePath("lists")}/pods`;
	const list = async (work: string, count: number, of: Goal, path: string, accept?: string): Promise<void> => {
		const call: Call = { method: "GET", path, ...(accept === undefined ? {} : { accept }) };
		await admin.send(call);
		tell({ work, figures: await load(target, 1, count, () => call), ...of });
	};
	await list(`LIST ${LISTED_PODS} pods`, LISTS, goal(40, 276, 3.7), pods);
	const label = (i: number): Call => ({
		method: "PATCH",
		path: `${pods}/p-${i}`,
		type: "application/merge-patch+json",
		body: `{"metadata":{"labels":{"turn":"${i}"}}}`,
	});
	const changed = await load(target, 1, LISTS * 2, (i) => (i % 2 === 0 ? label(i) : { method: "GET", path: pods }));
	tell({ work: `a patch, and a LIST of ${LISTED_PODS} pods`, figures: { ...changed, cpuMsPerRequest: changed.cpuMsPerRequest * 2 } });
	await list(`LIST ${LISTED_PODS} pods, label of 1%`, SMALL_LISTS, goal(7, 141, 11), `${pods}?labelSelector=shard%3Ds7`);
	await list("LIST first 500 pods", SMALL_LISTS, {}, `${pods}?limit=500`);
	await list("LIST first 500 pods as Table", SMALL_LISTS, goal(12, 18, 47), `${pods}?limit=500`, TABLE);
	const all = LISTED_PODS + OTHER_NAMESPACES * OTHER_PODS;
	await list(`LIST ${all} pods of ${OTHER_NAMESPACES + 1} namespaces`, LISTS, goal(60, 286, 3.4), "/api/v1/pods");
	admin.close();
}

/** How long a write takes to reach watchers. */
export async function measureWatches(target: Target, tell: Tell): Promise<void> {
	const admin = new Client(target, 4);
	for (const watchers of [1, 10, 100]) tell({ work: `watch, ${watchers} watchers: write to event`, figures: await watchLatency(admin, watchers) });
	admin.close();
}

/** Writes one at a time, each once the one before has reached every watcher. */
async function watchLatency(client: Client, watchers: number): Promise<Figures> {
	const latencies: number[] = [];
	let sentMs = 0;
	let arrived = 0;
	let all: () => void = () => {};
	const onLine = (line: string, atMs: number): void => {
		if (!line.includes('"watched"')) return;
		latencies.push(atMs - sentMs);
		if (++arrived === watchers) all();
	};
	const path = `${base}/configmaps?watch=1&fieldSelector=metadata.name%3Dwatched`;
	const name = { method: "PATCH", path: `${base}/configmaps/watched?fieldManager=bench&force=true`, type: "application/apply-patch+yaml" };
	await client.send({ ...name, body: configMap("watched") });
	const list = JSON.parse(await client.send({ method: "GET", path: `${base}/configmaps?limit=1` })) as { metadata: { resourceVersion: string } };
	const close = await Promise.all(Array.from({ length: watchers }, () => client.watch(`${path}&resourceVersion=${list.metadata.resourceVersion}`, onLine)));
	const startMs = performance.now();
	for (let i = 0; i < WATCHED_WRITES; i++) {
		arrived = 0;
		const delivered = new Promise<void>((resolve) => {
			all = resolve;
		});
		sentMs = performance.now();
		await client.send({ ...name, body: configMap("watched") });
		await delivered;
	}
	const elapsedSeconds = (performance.now() - startMs) / 1000;
	for (const stop of close) stop();
	return {
		requests: latencies.length,
		errors: 0,
		shed: 0,
		resets: 0,
		p50Ms: percentile(latencies, 50),
		p99Ms: percentile(latencies, 99),
		perSecond: WATCHED_WRITES / elapsedSeconds,
		cpuMsPerRequest: Number.NaN,
	};
}
