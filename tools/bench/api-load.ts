/** The load on the API: ConfigMaps written, read, changed; pods listed; changes watched. */
import { randomBytes } from "node:crypto";
import { type Call, Client, type Figures, load, percentile, type Target } from "./load.ts";

const CONFIG_MAP_BYTES = 1024;
const WRITES = 800;
const READS = 2000;
const UPDATES = 600;
const LISTED_PODS = 1000;
const LISTS = 20;
const WATCHED_WRITES = 100;
const NAMESPACE = "bench";
const base = `/api/v1/namespaces/${NAMESPACE}`;

export interface Row {
	work: string;
	figures: Figures;
}

/** A ConfigMap whose JSON is 1 KiB. */
function configMap(name: string, extra: Record<string, unknown> = {}): string {
	const object = { apiVersion: "v1", kind: "ConfigMap", metadata: { name, ...extra }, data: { payload: "" } };
	const left = CONFIG_MAP_BYTES - JSON.stringify(object).length;
	object.data.payload = randomBytes(Math.ceil(left / 2))
		.toString("hex")
		.slice(0, left);
	return JSON.stringify(object);
}

function pod(name: string, index: number): string {
	return JSON.stringify({
		apiVersion: "v1",
		kind: "Pod",
		metadata: { name, labels: { app: "bench", shard: `s${index % 100}` } },
		spec: { schedulerName: "nobody", containers: [{ name: "main", image: "example/none:1", resources: { requests: { cpu: "100m", memory: "64Mi" } } }] },
	});
}

const create = (body: string, collection: string): Call => ({ method: "POST", path: `${base}/${collection}`, body });

export async function measureApi(target: Target, tell: (row: Row) => void): Promise<void> {
	const admin = new Client(target, 16);
	await admin.send({
		method: "POST",
		path: "/api/v1/namespaces",
		body: JSON.stringify({ apiVersion: "v1", kind: "Namespace", metadata: { name: NAMESPACE } }),
	});
	const run = async (work: string, clients: number, count: number, make: (index: number, client: number) => Call): Promise<void> => {
		tell({ work, figures: await load(target, clients, count, make) });
	};
	for (const clients of [1, 16, 64])
		await run(`POST ConfigMap 1 KiB, ${clients} clients`, clients, WRITES, (i) => create(configMap(`c${clients}-${i}`), "configmaps"));
	for (const clients of [1, 16, 64])
		await run(`GET ConfigMap, ${clients} clients`, clients, READS, (i) => ({ method: "GET", path: `${base}/configmaps/c1-${i % WRITES}` }));
	await run("PUT ConfigMap, 16 clients", 16, UPDATES, (_, client) => ({
		method: "PUT",
		path: `${base}/configmaps/c1-${client}`,
		body: configMap(`c1-${client}`),
	}));
	await run("merge patch, 16 clients", 16, UPDATES, (i, client) => ({
		method: "PATCH",
		path: `${base}/configmaps/c16-${client}`,
		body: JSON.stringify({ data: { n: String(i) } }),
		type: "application/merge-patch+json",
	}));
	await run("server-side apply, 16 clients", 16, UPDATES, (i, client) => ({
		method: "PATCH",
		path: `${base}/configmaps/a-${client}?fieldManager=bench&force=true`,
		body: configMap(`a-${client}`, { labels: { n: String(i) } }),
		type: "application/apply-patch+yaml",
	}));
	await run(`POST pod, 16 clients`, 16, LISTED_PODS, (i) => create(pod(`p-${i}`, i), "pods"));
	await run(`LIST ${LISTED_PODS} pods`, 1, LISTS, () => ({ method: "GET", path: `${base}/pods` }));
	await run(`LIST ${LISTED_PODS} pods, label of 1%`, 1, LISTS, () => ({ method: "GET", path: `${base}/pods?labelSelector=shard%3Ds7` }));
	await admin.send({ method: "DELETE", path: `${base}/pods` });
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
		p50Ms: percentile(latencies, 50),
		p99Ms: percentile(latencies, 99),
		perSecond: WATCHED_WRITES / elapsedSeconds,
		cpuMsPerRequest: Number.NaN,
	};
}
