/** Runs the Worker under plain workerd, and waits until it answers. */
import { copyFileSync, readFileSync } from "node:fs";
import { basename } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import type { EdgeSettings } from "../core/edge/edge-settings.ts";
import type { ApiClient } from "./api-client.ts";
import { ensureWorkerBundle } from "./bundle.ts";
import { CliError } from "./cli-error.ts";
import type { DataDirectory } from "./data-directory.ts";
import type { ControlPlaneSettings, LocalEdge } from "./control-plane-settings.ts";
import { hostAndPort, LOCAL_ADDRESS, localAddress } from "./listen-address.ts";
import type { ProcessIdentity } from "./process-identity.ts";
import { SupervisedProcess } from "./supervised-process.ts";
import { workerdBinary } from "./workerd-binary.ts";
import { workerdConfig } from "./workerd-config.ts";

const READY_TIMEOUT_MS = 20_000;
const READY_INTERVAL_MS = 20;
const LOG_TAIL_LINES = 5;
/** How workerd names what SQLite refuses to open. */
const DAMAGED_STATE = /SQLITE_(NOTADB|CORRUPT)/;

export interface ControlPlaneHooks {
	onChange(identity: ProcessIdentity | undefined): void;
	onCrash(outcome: string, pauseMs: number): void;
}

export const serverUrl = (port: number, listen = LOCAL_ADDRESS): string => `https://${hostAndPort(localAddress(listen), port)}`;

export const edgeUrl = (scheme: "http" | "https", port: number, listen = LOCAL_ADDRESS): string => `${scheme}://${hostAndPort(localAddress(listen), port)}`;

/** Ingresses show the address that this machine itself reaches: where it listens on all of them, any may be the right one. */
const edgeSettingsFor = (listen: string, { httpPort, httpsPort, nodeName }: LocalEdge): EdgeSettings => ({
	addresses: [{ ip: localAddress(listen) }],
	ports: { http: httpPort, https: httpsPort },
	tlsNodes: [nodeName],
});

/** Writes workerd's configuration and the bundle into the data directory: what runs does not change under a running cluster. */
export async function writeControlPlane(data: DataDirectory, port: number, listen = LOCAL_ADDRESS, settings: ControlPlaneSettings = {}): Promise<void> {
	data.write("authentication.json", settings.authentication ?? "");
	data.write("audit-policy.json", settings.auditPolicy ?? "");
	data.write("admission.json", settings.admission ?? "");
	data.write("scheduler.json", settings.scheduler ?? "");
	data.write("network.json", settings.network ?? "");
	copyFileSync(await ensureWorkerBundle(), data.file("worker.js"));
	const { edge } = settings;
	data.write("edge.json", edge === undefined ? "" : JSON.stringify(edgeSettingsFor(listen, edge)));
	const config = workerdConfig({
		address: hostAndPort(listen, port),
		...(edge === undefined ? {} : { edgeAddress: hostAndPort(listen, edge.httpPort) }),
		worker: "worker.js",
		certificate: "server.crt",
		privateKey: "server.key",
		signingKey: "signing-key.json",
		encryptionKeys: "encryption-keys.json",
		authentication: "authentication.json",
		auditPolicy: "audit-policy.json",
		ca: "ca.crt",
		caKey: "ca.key",
		admission: "admission.json",
		scheduler: "scheduler.json",
		network: "network.json",
		edge: "edge.json",
		publicUrl: settings.publicUrl ?? "",
		allowsPrivateWebhookTargets: settings.allowsPrivateWebhookTargets === true,
		state: data.file("state"),
	});
	data.write("workerd.capnp", config);
}

export function controlPlane(data: DataDirectory, hooks: ControlPlaneHooks): SupervisedProcess {
	return new SupervisedProcess({
		name: "control plane",
		command: workerdBinary(),
		arguments: async () => ({ args: ["serve", basename(data.file("workerd.capnp"))] }),
		cwd: data.path,
		logFile: data.file("logs", "control-plane.log"),
		...hooks,
	});
}

/** Resolves when /readyz answers 200; rejects when the process ends first or nothing answers. */
export async function waitUntilReady(process: SupervisedProcess, client: ApiClient, logFile: string): Promise<void> {
	let outcome: string | undefined;
	void process.ended.then((text) => {
		outcome = text;
	});
	const deadline = performance.now() + READY_TIMEOUT_MS;
	while (performance.now() < deadline) {
		if (outcome !== undefined) throw startFailure(outcome, logFile);
		const answer = await client.send<string>("GET", "/readyz").catch(() => undefined);
		if (answer?.code === 200) return;
		await delay(READY_INTERVAL_MS);
	}
	throw new CliError(`The control plane did not answer within ${READY_TIMEOUT_MS / 1000} s.`, `Its log ${logFile} ends with:\n${tail(logFile)}`);
}

function startFailure(outcome: string, logFile: string): CliError {
	const log = tail(logFile);
	if (DAMAGED_STATE.test(log))
		return new CliError(
			"The control plane's state is damaged.",
			`Restore the data directory from a copy, or remove it to begin anew. Its log ${logFile} ends with:\n${log}`,
		);
	return new CliError(`The control plane did not start (${outcome}).`, `Its log ${logFile} ends with:\n${log}`);
}

function tail(file: string): string {
	return readFileSync(file, "utf8").trimEnd().split("\n").slice(-LOG_TAIL_LINES).join("\n");
}
