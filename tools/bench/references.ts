/**
 * What the platform alone costs, under the same workerd with the same TLS: a Worker that does nothing, a hop into a Durable
 * Object, and a hop with the SQL of one write. What Petrel costs is told as a ratio to these.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { choosePort } from "../../src/cli/ports.ts";
import { workerdBinary } from "../../src/cli/workerd-binary.ts";
import { COMPATIBILITY_DATE } from "../../src/cli/workerd-config.ts";
import { Client, type Figures, loadWarm, type Target } from "./load.ts";

const START_TIMEOUT_MS = 10_000;
const START_INTERVAL_MS = 20;
const CLIENTS = 16;
const REQUESTS = 1500;

const config = (port: number, state: string): string => `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [
    (name = "bare", worker = .worker),
    (name = "state", disk = (path = ${JSON.stringify(state)}, writable = true)),
  ],
  sockets = [(name = "https", address = "127.0.0.1:${port}", service = "bare",
    https = (tlsOptions = (keypair = (privateKey = embed "server.key", certificateChain = embed "server.crt"))))],
);
const worker :Workerd.Worker = (
  modules = [(name = "worker.js", esModule = embed "worker.js")],
  compatibilityDate = ${JSON.stringify(COMPATIBILITY_DATE)},
  bindings = [(name = "BARE", durableObjectNamespace = "Bare")],
  durableObjectNamespaces = [(className = "Bare", uniqueKey = "bare", enableSql = true)],
  durableObjectStorage = (localDisk = "state"),
);
`;

/** The tables are those of the store: an object's row, and its entry in the change log. */
const WORKER = `import { DurableObject } from "cloudflare:workers";
export class Bare extends DurableObject {
	written = 0;
	constructor(ctx, env) {
		super(ctx, env);
		ctx.storage.sql.exec("CREATE TABLE IF NOT EXISTS objects (resource TEXT, name TEXT, revision INTEGER, body TEXT, PRIMARY KEY (resource, name)) WITHOUT ROWID");
		ctx.storage.sql.exec("CREATE TABLE IF NOT EXISTS changes (revision INTEGER PRIMARY KEY, resource TEXT, name TEXT, body TEXT)");
	}
	async fetch(request) {
		const body = await request.text();
		if (request.url.endsWith("/sql")) {
			const n = ++this.written;
			const { sql } = this.ctx.storage;
			sql.exec("INSERT INTO objects VALUES (?, ?, ?, ?)", "configmaps", "c" + n, n, body);
			sql.exec("INSERT INTO changes VALUES (?, ?, ?, ?)", n, "configmaps", "c" + n, body);
		}
		return new Response(body);
	}
}
export default {
	async fetch(request, env) {
		if (request.method === "GET") return new Response("ok");
		const object = env.BARE.get(env.BARE.idFromName("bare"));
		return object.fetch(request.url, { method: "POST", body: await request.text() });
	},
};
`;

async function start(directory: string): Promise<{ child: ChildProcess; port: number }> {
	const port = await choosePort(undefined, undefined);
	mkdirSync(join(directory, "state"));
	writeFileSync(join(directory, "worker.js"), WORKER);
	writeFileSync(join(directory, "workerd.capnp"), config(port, join(directory, "state")));
	return { child: spawn(workerdBinary(), ["serve", "workerd.capnp"], { cwd: directory, stdio: "ignore" }), port };
}

async function untilItAnswers(target: Target): Promise<void> {
	const client = new Client(target, 1);
	const answers = (): Promise<boolean> =>
		client.send({ method: "GET", path: "/" }).then(
			() => true,
			() => false,
		);
	const deadline = performance.now() + START_TIMEOUT_MS;
	while (performance.now() < deadline && !(await answers())) await delay(START_INTERVAL_MS);
	client.close();
}

export interface References {
	worker: Figures;
	hop: Figures;
	sql: Figures;
}

/** Measures the references with the certificate of a Petrel's data directory. */
export async function measureReferences(dataPath: string, ca: string): Promise<References> {
	const directory = mkdtempSync(join(tmpdir(), "petrel-bare-"));
	for (const name of ["server.crt", "server.key"]) copyFileSync(join(dataPath, name), join(directory, name));
	const { child, port } = await start(directory);
	try {
		const target: Target = { url: `https://127.0.0.1:${port}`, ca, token: "", pid: child.pid ?? 0 };
		await untilItAnswers(target);
		const body = "x".repeat(1024);
		const measure = (method: string, path: string): Promise<Figures> =>
			loadWarm(target, CLIENTS, REQUESTS, () => ({ method, path, ...(method === "POST" ? { body } : {}) }));
		return { worker: await measure("GET", "/"), hop: await measure("POST", "/hop"), sql: await measure("POST", "/sql") };
	} finally {
		child.kill("SIGKILL");
		rmSync(directory, { recursive: true, force: true });
	}
}
