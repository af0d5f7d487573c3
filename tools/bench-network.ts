/**
 * `npm run bench:network`: the Service rules of a node with 1,000 Services of 10 endpoints: how long they take and what they hold, all at once
 * and one endpoint changed; and what a Service adds to the way from pod to pod, by wrk and nginx in network namespaces of their own, against
 * a plain veth in the same run. Needs root, nftables, nginx and wrk; puts itself into a network namespace.
 */
import { execFileSync, spawn, spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createConnection } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { NftProxy } from "../src/agent/network/nft-proxy.ts";
import type { NetworkRow, ServiceEntry } from "../src/core/protocol/agent-protocol.ts";
import { percentile, residentMegabytes } from "./bench/load.ts";

const SERVICES = 1_000;
const ENDPOINTS = 10;
const CHANGES = 20;
const FULL_APPLIES = 3;
const LOAD_SECONDS = 5;
const ROUNDS = 3;
const LARGE_BYTES = 1024 * 1024;
const PORT = 8080;
/** Of the pods' links on the node, and the pods. */
const [GATEWAY, CLIENT, SERVER] = ["10.244.0.1", "10.244.0.2", "10.244.0.3"];
const SERVICE = "10.96.255.254";
const MARK = "PETREL_BENCH_NETWORK";

const addressOf = (base: string, number: number): string => `${base}.${Math.floor(number / 250)}.${(number % 250) + 1}`;

function service(number: number, first: number): NetworkRow {
	const endpoints = Array.from({ length: ENDPOINTS }, (_, index) => ({ ip: addressOf("10.244", ((number * ENDPOINTS) % 60_000) + index + first), port: PORT }));
	return rowOf(`service-${number}`, addressOf("10.96", number), endpoints);
}

function rowOf(name: string, clusterIP: string, endpoints: { ip: string; port: number }[]): NetworkRow {
	const ports = [{ name: "http", protocol: "TCP", port: 80, endpoints }] as unknown as ServiceEntry["ports"];
	const entry: ServiceEntry = { namespace: "default", name, type: "ClusterIP", clusterIP, sessionAffinity: "None", affinityTimeoutSeconds: 10_800, ports };
	return { kind: "service", namespace: "default", name, service: entry };
}

const ms = (value: number): string => `${value.toFixed(value < 10 ? 2 : 0)} ms`;
const median = (values: readonly number[]): number => percentile(values, 50);

async function timed(act: () => Promise<unknown>): Promise<number> {
	const startMs = performance.now();
	await act();
	return performance.now() - startMs;
}

/** What the kernel's allocator holds, in MB: nftables' sets are in it. */
const slabMegabytes = (): number => Number(/^Slab:\s+(\d+)/m.exec(readFileSync("/proc/meminfo", "utf8"))?.[1]) / 1024;

async function rulesets(): Promise<void> {
	const rows = Array.from({ length: SERVICES }, (_, number) => service(number, 0));
	const full: number[] = [];
	let proxy = new NftProxy({ instance: "bench", nodeName: "here" });
	await proxy.start();
	const [slab, resident] = [slabMegabytes(), residentMegabytes(process.pid)];
	for (let round = 0; round < FULL_APPLIES; round++) {
		await proxy.stop({ removeAll: true });
		proxy = new NftProxy({ instance: "bench", nodeName: "here" });
		await proxy.start();
		full.push(await timed(() => proxy.apply(rows)));
	}
	const held = `kernel +${(slabMegabytes() - slab).toFixed(0)} MB, this process +${(residentMegabytes(process.pid) - resident).toFixed(0)} MB`;
	const one: number[] = [];
	for (let change = 0; change < CHANGES; change++) one.push(await timed(() => proxy.apply([service(500, change + 1)])));
	const alone = new NftProxy({ instance: "bench-alone", nodeName: "here" });
	await alone.apply([service(0, 0)]);
	const small: number[] = [];
	for (let change = 0; change < CHANGES; change++) small.push(await timed(() => alone.apply([service(0, change + 1)])));
	await alone.stop({ removeAll: true });
	console.log(`${SERVICES} Services of ${ENDPOINTS} endpoints, all at once: ${ms(median(full))} (most ${ms(Math.max(...full))}); ${held}`);
	console.log(`endpoints of one of them changed: ${ms(median(one))}, of the only one: ${ms(median(small))}; ratio ${(median(one) / median(small)).toFixed(2)}`);
	console.log(`all at once to one changed: ${(median(full) / median(one)).toFixed(0)} to 1`);
	await proxy.stop({ removeAll: true });
}

const ip = (...args: string[]): void => void execFileSync("ip", args);
const inside = (name: string, command: string, ...args: string[]): string =>
	execFileSync("ip", ["netns", "exec", name, command, ...args], { encoding: "utf8", stdio: ["ignore", "pipe", "inherit"] });

/** As CNI's ptp plugin makes a pod's link. */
function makePod(name: string, address: string): void {
	ip("netns", "add", name);
	ip("link", "add", `v${name}`, "type", "veth", "peer", "name", "eth0", "netns", name);
	ip("address", "add", `${GATEWAY}/32`, "dev", `v${name}`);
	ip("link", "set", `v${name}`, "up");
	ip("route", "add", `${address}/32`, "dev", `v${name}`);
	for (const link of ["lo", "eth0"]) ip("-n", name, "link", "set", link, "up");
	ip("-n", name, "address", "add", `${address}/32`, "dev", "eth0");
	ip("-n", name, "route", "add", GATEWAY, "dev", "eth0");
	ip("-n", name, "route", "add", "default", "via", GATEWAY);
}

function nginxConfiguration(directory: string): string {
	writeFileSync(join(directory, "large"), Buffer.alloc(LARGE_BYTES));
	const file = join(directory, "nginx.conf");
	writeFileSync(
		file,
		`daemon off; user root; worker_processes 1; pid ${directory}/nginx.pid; error_log ${directory}/error.log;
events { worker_connections 1024; }
http { access_log off; keepalive_requests 10000000; client_body_temp_path ${directory}/body;
	server { listen ${PORT}; location = / { return 200 "hello"; } location / { root ${directory}; } } }
`,
	);
	return file;
}

interface Load {
	perSecond: number;
	p50Us: number;
	p99Us: number;
	megabytesPerSecond: number;
}

const UNITS: Readonly<Record<string, number>> = { us: 1, ms: 1_000, s: 1_000_000, KB: 1 / 1024, MB: 1, GB: 1024 };
const inUnit = (text: string, pattern: RegExp): number => {
	const [, number, unit = ""] = pattern.exec(text) ?? [];
	return Number(number) * (UNITS[unit] ?? Number.NaN);
};

function wrk(client: string, address: string): Load {
	const load = (path: string) => inside(client, "wrk", "-t1", "-c8", `-d${LOAD_SECONDS}s`, "--latency", `http://${address}${path}`);
	const [small, large] = [load("/"), load("/large")];
	return {
		perSecond: Number(/Requests\/sec:\s+([\d.]+)/.exec(small)?.[1]),
		p50Us: inUnit(small, /50%\s+([\d.]+)(us|ms|s)/),
		p99Us: inUnit(small, /99%\s+([\d.]+)(us|ms|s)/),
		megabytesPerSecond: inUnit(large, /Transfer\/sec:\s+([\d.]+)(KB|MB|GB)/),
	};
}

const listens = (host: string): Promise<boolean> =>
	new Promise((resolve) => {
		const socket = createConnection({ host, port: PORT }, () => resolve(true));
		socket.on("error", () => resolve(false));
		socket.on("close", () => socket.destroy());
	});

async function wayToPod(): Promise<void> {
	const directory = mkdtempSync(join(tmpdir(), "petrel-bench-"));
	const [client, server] = [`c${process.pid}`, `s${process.pid}`];
	makePod(client, CLIENT);
	makePod(server, SERVER);
	const nginx = spawn("ip", ["netns", "exec", server, "nginx", "-c", nginxConfiguration(directory)], { stdio: "inherit" });
	try {
		while (!(await listens(SERVER))) await delay(50);
		const found: Record<"plain" | "pod" | "service", Load[]> = { plain: [], pod: [], service: [] };
		const rows = Array.from({ length: SERVICES }, (_, number) => service(number, 0));
		for (let round = 0; round < ROUNDS; round++) {
			found.plain.push(wrk(client, `${SERVER}:${PORT}`));
			const proxy = new NftProxy({ instance: "bench", nodeName: "here" });
			await proxy.apply([...rows, rowOf("web", SERVICE, [{ ip: SERVER, port: PORT }])]);
			found.pod.push(wrk(client, `${SERVER}:${PORT}`));
			found.service.push(wrk(client, SERVICE));
			await proxy.stop({ removeAll: true });
		}
		const names = { plain: "plain veth, no rules", pod: `pod, ${SERVICES} Services' rules`, service: "Service" };
		const of = (way: keyof typeof found, figure: keyof Load) => median(found[way].map((load) => load[figure]));
		console.log("\n| way | requests/s | of plain | p50 | p99 | MB/s of 1 MiB bodies | of plain |\n|---|---|---|---|---|---|---|");
		for (const way of ["plain", "pod", "service"] as const) {
			const ratio = (figure: keyof Load) => `${((of(way, figure) / of("plain", figure)) * 100).toFixed(0)} %`;
			const times = (["p50Us", "p99Us"] as const).map((figure) => `${of(way, figure).toFixed(0)} us`);
			const cells = [names[way], of(way, "perSecond").toFixed(0), ratio("perSecond"), ...times, of(way, "megabytesPerSecond").toFixed(0)];
			console.log(`| ${[...cells, ratio("megabytesPerSecond")].join(" | ")} |`);
		}
	} finally {
		nginx.kill();
		for (const name of [client, server]) ip("netns", "delete", name);
		rmSync(directory, { recursive: true, force: true });
	}
}

if (process.env[MARK] === undefined) {
	const script = 'ip link set lo up && exec "$@"';
	const again = ["-n", "-m", "sh", "-c", script, "sh", process.execPath, ...process.execArgv, ...process.argv.slice(1)];
	process.exitCode = spawnSync("unshare", again, { stdio: "inherit", env: { ...process.env, [MARK]: "1" } }).status ?? 1;
} else {
	if (!existsSync("/run/netns")) execFileSync("mkdir", ["-p", "/run/netns"]);
	await rulesets();
	await wayToPod();
}
