/** `petrel up`: a cluster on this machine, in the foreground or behind. */
import { spawn } from "node:child_process";
import { closeSync, openSync } from "node:fs";
import type { Command } from "commander";
import { CliError, errorText } from "./cli-error.ts";
import { Cluster } from "./cluster.ts";
import { type DataDirectory, dataDirectory } from "./data-directory.ts";
import { readSettings } from "./control-plane-settings.ts";
import { chooseNetwork } from "./network-settings.ts";
import { kubectlOnPath } from "./kubectl.ts";
import { LOCAL_ADDRESS, parseListenAddress } from "./listen-address.ts";
import { mergeKubeconfig } from "./kubeconfig-file.ts";
import { parsePort } from "./ports.ts";
import { Progress, seconds } from "./progress.ts";
import { readAdmissionFile } from "./admission-file.ts";
import { readSchedulerFile } from "./scheduler-file.ts";
import { parseRuntime } from "./runtime-choice.ts";
import { interruption } from "./signals.ts";

interface UpOptions {
	data?: string;
	listen?: string;
	port?: string;
	httpPort?: string;
	httpsPort?: string;
	detach?: boolean;
	example: boolean;
	merge?: boolean;
	runtime?: string;
	nodeName?: string;
	admissionControlConfigFile?: string;
	schedulerConfig?: string;
	authenticationConfig?: string;
	auditPolicy?: string;
	publicUrl?: string;
	clusterCidr?: string;
	serviceClusterIpRange?: string;
	allowPrivateWebhookTargets?: boolean;
	/** Set on the background process of --detach. */
	supervise?: boolean;
}

type Message = { type: "line"; line: string } | { type: "ready" } | { type: "failed"; text: string };

const LOG_MODE = 0o600;

export function upCommand(program: Command): void {
	program
		.command("up")
		.description("start a cluster on this machine")
		.option("--data <dir>", "where the cluster's state is kept (default: $PETREL_DATA or ~/.petrel)")
		.option("--listen <address>", "address of the API; nodes on other machines need one that they reach, or 0.0.0.0 (default: 127.0.0.1)")
		.option("--port <port>", "port of the API (default: 6443 or the next free one)")
		.option("--http-port <port>", "port of the edge, where Ingresses are served (default: 8080 or the next free one)")
		.option("--https-port <port>", "port of the edge's HTTPS, with the certificates of Ingresses (default: 8443 or the next free one)")
		.option("--runtime <name>", "containerd, or process (no isolation); default: containerd where it can run")
		.option("--node-name <name>", "name of this machine's node (default: the host name)")
		.option("--admission-control-config-file <file>", "an AdmissionConfiguration: PodSecurity's defaults and exemptions, ResourceQuota's limited resources")
		.option("--scheduler-config <file>", "a KubeSchedulerConfiguration: profiles, their plugins and arguments")
		.option("--authentication-config <file>", "AuthenticationConfiguration (apiserver.config.k8s.io): issuers whose tokens the cluster takes")
		.option("--audit-policy <file>", "audit Policy (audit.k8s.io/v1), or `default`: tell of requests in the control plane's log")
		.option("--cluster-cidr <ranges>", "addresses of pods: a range, or one of each IP family, for a new cluster (default: 10.244.0.0/16)")
		.option("--service-cluster-ip-range <ranges>", "addresses of Services, likewise (default: 10.96.0.0/16)")
		.option("--public-url <url>", "where senders of webhooks reach the API, for the URLs of WebhookReceivers")
		.option("--allow-private-webhook-targets", "let webhook subscriptions deliver to private, loopback and link-local addresses")
		.option("--detach", "leave the cluster running in the background")
		.option("--no-example", "do not roll out the example")
		.option("--merge", "make the cluster the current context of your own kubeconfig as well")
		.option("--supervise", "run as the background process of --detach")
		.helpOption("-h, --help")
		.action((options: UpOptions) => up(options));
}

async function up(options: UpOptions): Promise<void> {
	const data = dataDirectory(options.data);
	const listen = options.listen === undefined ? LOCAL_ADDRESS : parseListenAddress(options.listen);
	const port = options.port === undefined ? undefined : parsePort(options.port);
	const httpPort = options.httpPort === undefined ? undefined : parsePort(options.httpPort);
	const httpsPort = options.httpsPort === undefined ? undefined : parsePort(options.httpsPort);
	const runtime = parseRuntime(options.runtime);
	const admission = options.admissionControlConfigFile === undefined ? "" : readAdmissionFile(options.admissionControlConfigFile);
	const scheduler = options.schedulerConfig === undefined ? "" : readSchedulerFile(options.schedulerConfig);
	const network = chooseNetwork(data, options);
	const settings = { ...readSettings(options), admission, scheduler, network, allowsPrivateWebhookTargets: options.allowPrivateWebhookTargets === true };
	if (options.detach && !options.supervise) return detach(data);
	const tell = options.supervise ? tellParent : (): void => {};
	const progress = options.supervise ? new Progress((line) => tell({ type: "line", line }), false) : new Progress();
	const cluster = new Cluster(data, { listen, port, httpPort, httpsPort, runtime, nodeName: options.nodeName, settings }, progress);
	const interrupted = interruption();
	try {
		const started = bringUp(cluster, data, options, progress).then(() => "started" as const);
		if ((await Promise.race([started, interrupted])) === "started") {
			tell({ type: "ready" });
			if (process.connected) process.disconnect?.();
			if (!options.supervise) progress.line("\nPetrel runs. Ctrl-C stops it; its state stays on disk.");
			await interrupted;
		}
		if (!options.supervise) progress.line("Stopping ...");
	} catch (error) {
		await cluster.stop();
		if (!options.supervise) throw error;
		tell({ type: "failed", text: errorText(error) });
		process.exitCode = 1;
		if (process.connected) process.disconnect?.();
		return;
	}
	await cluster.stop();
}

/** Once the waiting process has gone, lines go to the log. */
function tellParent(message: Message): void {
	if (process.connected) process.send?.(message);
	else if (message.type === "line") console.log(message.line);
}

async function bringUp(cluster: Cluster, data: DataDirectory, options: UpOptions, progress: Progress): Promise<void> {
	const server = await cluster.start();
	if (options.merge) progress.line(`Merged into ${mergeKubeconfig(server)}`);
	const example = options.example ? await cluster.runExample() : undefined;
	if (example !== undefined) progress.line(`\n  GET ${example.url}\n  ${example.answer}\n`);
	progress.line(`Ready after ${seconds(Date.now() - startedAtMs())}. To use it:\n`);
	progress.line(`  export KUBECONFIG=${data.file("kubeconfig")}\n`);
	for (const line of nextCommands(options.example)) progress.line(`  ${line}`);
	if (!kubectlOnPath()) progress.line("\nkubectl is not on the PATH: get it from https://kubernetes.io/docs/tasks/tools/ (1.31 or newer).");
}

/** When the user's command began; the bootstrap that may have installed dependencies says so. */
function startedAtMs(): number {
	const told = Number(process.env["PETREL_STARTED_AT_MS"]);
	return Number.isFinite(told) && told > 0 ? told : performance.timeOrigin;
}

function nextCommands(example: boolean): string[] {
	if (!example) return ["kubectl get nodes -o wide", "kubectl create deployment web --image=IMAGE --replicas=3", "kubectl get pods --watch"];
	return ["kubectl get pods -o wide", "kubectl scale deployment hello --replicas=5", "kubectl logs -f deployment/hello"];
}

/** Starts this command again without a terminal, shows its progress, and leaves it once the cluster is ready. */
function detach(data: DataDirectory): Promise<void> {
	data.prepare();
	const log = openSync(data.file("logs", "petrel.log"), "a", LOG_MODE);
	const child = spawn(process.execPath, [...process.execArgv, process.argv[1] ?? "", ...process.argv.slice(2), "--supervise"], {
		detached: true,
		stdio: ["ignore", log, log, "ipc"],
	});
	closeSync(log);
	for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => child.kill(signal));
	return new Promise((resolve, reject) => {
		let failure: string | undefined;
		child.on("message", (message: Message) => {
			if (message.type === "line") console.log(message.line);
			else if (message.type === "failed") failure = message.text;
			else {
				console.log(`\nPetrel runs in the background (process ${child.pid}). Stop it with: petrel down`);
				child.disconnect();
				child.unref();
				resolve();
			}
		});
		child.on("exit", (code) => {
			if (failure !== undefined) process.stderr.write(`petrel: ${failure}\n`);
			else if (code !== 0) reject(new CliError(`Petrel ended while it started (exit code ${code}).`, `See ${data.file("logs", "petrel.log")}.`));
			process.exitCode = code === 0 && failure === undefined ? 130 : 1;
			resolve();
		});
	});
}
