/** A Worker that does nothing, under the same workerd with the same TLS: what every figure is compared with. */
import { type ChildProcess, spawn } from "node:child_process";
import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { choosePort } from "../../src/cli/ports.ts";
import { workerdBinary } from "../../src/cli/workerd-binary.ts";
import { Client, type Target } from "./load.ts";

const START_TIMEOUT_MS = 10_000;
const START_INTERVAL_MS = 20;

const config = (port: number): string => `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [(name = "bare", worker = (modules = [(name = "worker.js", esModule = embed "worker.js")], compatibilityDate = "2026-10-23"))],
  sockets = [(name = "https", address = "127.0.0.1:${port}", service = "bare",
    https = (tlsOptions = (keypair = (privateKey = embed "server.key", certificateChain = embed "server.crt"))))],
);
`;

/** Starts it with the certificate of a Petrel's data directory; `stop` ends it. */
export async function startBareWorker(dataPath: string, ca: string): Promise<{ target: Target; stop(): void }> {
	const directory = mkdtempSync(join(tmpdir(), "petrel-bare-"));
	for (const name of ["server.crt", "server.key"]) copyFileSync(join(dataPath, name), join(directory, name));
	const port = await choosePort(undefined, undefined);
	writeFileSync(join(directory, "worker.js"), 'export default { fetch() { return new Response("ok"); } };\n');
	writeFileSync(join(directory, "workerd.capnp"), config(port));
	const child: ChildProcess = spawn(workerdBinary(), ["serve", "workerd.capnp"], { cwd: directory, stdio: "ignore" });
	const target: Target = { url: `https://127.0.0.1:${port}`, ca, token: "", pid: child.pid ?? 0 };
	const client = new Client(target, 1);
	const deadline = performance.now() + START_TIMEOUT_MS;
	while (
		performance.now() < deadline &&
		!(await client.send({ method: "GET", path: "/" }).then(
			() => true,
			() => false,
		))
	)
		await delay(START_INTERVAL_MS);
	client.close();
	return {
		target,
		stop: () => {
			child.kill("SIGKILL");
			rmSync(directory, { recursive: true, force: true });
		},
	};
}
