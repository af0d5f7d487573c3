/** `petrel agent install`: the agent as a service of systemd, which starts it with the machine and again when it ends. */
import { execFileSync } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { durationMs } from "../agent/kubelet-configuration.ts";
import { AGENT_ENVIRONMENT, agentArguments, JOIN_TOKEN_VARIABLE } from "./agent-process.ts";
import { CliError } from "./cli-error.ts";
import { readKubeletConfiguration } from "./node-options.ts";
import type { AgentOptions } from "./run-agent.ts";

const SERVICE = "petrel-agent";
const UNIT_FILE = `/etc/systemd/system/${SERVICE}.service`;
/** The join token: only root may read it. */
const ENVIRONMENT_FILE = "/etc/petrel/agent.env";
const DEFAULT_DATA = "/var/lib/petrel";
/** What the agent itself needs to stop, in seconds. */
const STOP_SECONDS = 30;

export interface UnitSpec {
	/** Program and arguments. */
	command: readonly string[];
	environmentFile: string;
	/** How long the machine's shutdown waits for pods, in seconds. */
	shutdownSeconds: number;
}

/** As systemd reads it: % and $ stand for something in a command line. */
const quoted = (word: string): string => {
	const plain = word.replaceAll("%", "%%").replaceAll("$", "$$$$");
	return /^[\w@%+=:,./-]+$/.test(plain) ? plain : `"${plain.replaceAll("\\", "\\\\").replaceAll('"', '\\"')}"`;
};

export function unitText({ command, environmentFile, shutdownSeconds }: UnitSpec): string {
	return `[Unit]
Description=Petrel node agent
Wants=network-online.target
After=network-online.target

[Service]
Type=exec
${Object.entries(AGENT_ENVIRONMENT)
	.map(([name, value]) => `Environment=${name}=${value}\n`)
	.join("")}EnvironmentFile=-${environmentFile}
ExecStart=${command.map(quoted).join(" ")}
Restart=always
RestartSec=2
# Pods go on while the agent is restarted.
KillMode=process
Delegate=yes
OOMScoreAdjust=-999
LimitNOFILE=1048576
TasksMax=infinity
TimeoutStopSec=${shutdownSeconds + STOP_SECONDS}

[Install]
WantedBy=multi-user.target
`;
}

/** The agent's own arguments, with absolute paths: a service has no working directory of its user's. */
function serviceArguments(options: AgentOptions): string[] {
	const named: [string, string | undefined][] = [
		["--server", options.server],
		["--name", options.name],
		["--data", resolve(options.data ?? DEFAULT_DATA)],
		["--runtime", options.runtime],
		["--ca-file", options.caFile && resolve(options.caFile)],
		["--images", options.images && resolve(options.images)],
		["--config", options.config && resolve(options.config)],
		["--image-credential-provider-config", options.imageCredentialProviderConfig && resolve(options.imageCredentialProviderConfig)],
		["--image-credential-provider-bin-dir", options.imageCredentialProviderBinDir && resolve(options.imageCredentialProviderBinDir)],
		["--root-dir", options.rootDir && resolve(options.rootDir)],
		["--node-labels", options.nodeLabels],
		["--node-ip", options.nodeIp],
		["--edge-listen", options.edgeListen],
	];
	return named.flatMap(([name, value]) => (value === undefined ? [] : [name, value]));
}

export async function installService(options: AgentOptions & { print?: boolean }): Promise<void> {
	if (options.server === undefined) throw new CliError("The agent does not know its cluster.", "Give its address with --server https://HOST:PORT.");
	const configuration = options.config === undefined ? undefined : await readKubeletConfiguration(options.config);
	const unit = unitText({
		command: [process.execPath, ...(await agentArguments(serviceArguments(options)))],
		environmentFile: ENVIRONMENT_FILE,
		shutdownSeconds: Math.ceil(durationMs(configuration?.shutdownGracePeriod ?? "0s") / 1000),
	});
	if (options.print) {
		process.stdout.write(unit);
		return;
	}
	requireSystemd();
	const token = options.token ?? process.env[JOIN_TOKEN_VARIABLE];
	if (token !== undefined) {
		mkdirSync(dirname(ENVIRONMENT_FILE), { recursive: true, mode: 0o755 });
		writeFileSync(ENVIRONMENT_FILE, `${JOIN_TOKEN_VARIABLE}=${token}\n`, { mode: 0o600 });
		chmodSync(ENVIRONMENT_FILE, 0o600);
	}
	writeFileSync(UNIT_FILE, unit, { mode: 0o644 });
	systemctl("daemon-reload");
	systemctl("enable", SERVICE);
	systemctl("restart", SERVICE);
	console.log(`The agent runs as the service ${SERVICE}. Its log: journalctl -u ${SERVICE}`);
}

/** Pods go on; `petrel agent --clean` removes them. */
export function uninstallService(): void {
	requireSystemd();
	if (!existsSync(UNIT_FILE)) throw new CliError(`There is no service ${SERVICE}.`, "petrel agent install makes it.");
	systemctl("disable", "--now", SERVICE);
	for (const file of [UNIT_FILE, ENVIRONMENT_FILE]) rmSync(file, { force: true });
	systemctl("daemon-reload");
	console.log(`The service ${SERVICE} is gone; its pods still run. petrel agent --data DIR --clean removes them.`);
}

function requireSystemd(): void {
	if (!existsSync("/run/systemd/system")) {
		throw new CliError(
			"This machine is not run by systemd.",
			"Have its own supervisor run petrel agent; petrel agent install --print shows how systemd would.",
		);
	}
	if (process.getuid?.() !== 0) throw new CliError("A service is installed by root.", "Run the command with sudo.");
}

function systemctl(...args: string[]): void {
	try {
		execFileSync("systemctl", args, { stdio: ["ignore", "ignore", "pipe"], encoding: "utf8" });
	} catch (error) {
		const { stderr = "" } = error as { stderr?: string };
		throw new CliError(`systemctl ${args.join(" ")} failed: ${stderr.trim()}.`, `See journalctl -u ${SERVICE}.`, { cause: error });
	}
}

/** Whether systemd is taking the machine down: the agent's end is then not its own restart. */
export function machineStops(): boolean {
	try {
		return execFileSync("systemctl", ["is-system-running"], { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] }).trim() === "stopping";
	} catch (error) {
		// It says anything but "running" with an exit code.
		return String((error as { stdout?: string }).stdout ?? "").trim() === "stopping";
	}
}
