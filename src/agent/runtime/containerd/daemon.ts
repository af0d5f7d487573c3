/**
 * A private containerd below the data directory: its own root, state, socket, network configuration and registry
 * settings, so that neither the machine's containerd nor another agent's is touched. It outlives the agent.
 */
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { mkdir, open, readFile, rm, statfs, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { PAUSE_IMAGE_REF } from "../../image/pause-image.ts";
import { RuntimeError } from "../runtime.ts";
import { CRI } from "./cri-messages.ts";
import { GrpcClient } from "./grpc-client.ts";
import { runtimeHandlersText } from "./runtime-handlers.ts";

/** Where a machine's own containerd has its mirrors and their certificates: <host>/hosts.toml; the data directory's go first. */
const MACHINE_REGISTRIES = "/etc/containerd/certs.d";
const OVERLAY_MAGIC = 0x794c7630;
/** sockaddr_un holds 108 bytes, and containerd appends ".ttrpc" to this path. */
const SOCKET_PATH_BYTES_MAX = 100;
const START_TIMEOUT_MS = 20_000;
const STOP_TIMEOUT_MS = 10_000;
const PROBE_TIMEOUT_MS = 2000;
const PROBE_INTERVAL_MS = 50;
const LOG_TAIL_BYTES = 2000;

export interface ContainerdPaths {
	/** A name for this data directory that is unlike any other's, for what has no place in it (cgroups, tables). */
	instance: string;
	base: string;
	socket: string;
	config: string;
	pidFile: string;
	logFile: string;
	cniConfig: string;
	cniData: string;
	fifos: string;
	registries: string;
}

export function containerdPaths(dataDir: string): ContainerdPaths {
	const base = join(dataDir, "containerd");
	const instance = createHash("sha256").update(dataDir).digest("hex").slice(0, 10);
	const near = join(base, "containerd.sock");
	return {
		instance,
		base,
		socket: Buffer.byteLength(near) <= SOCKET_PATH_BYTES_MAX - 6 ? near : `/run/petrel-${instance}/containerd.sock`,
		config: join(base, "config.toml"),
		pidFile: join(base, "containerd.pid"),
		logFile: join(base, "containerd.log"),
		cniConfig: join(base, "cni", "net.d"),
		cniData: join(base, "cni", "addresses"),
		fifos: join(base, "fifos"),
		registries: join(base, "certs.d"),
	};
}

function configText(paths: ContainerdPaths, cniPluginDir: string, snapshotter: string): string {
	const text = JSON.stringify;
	return `version = 2
root = ${text(join(paths.base, "root"))}
state = ${text(join(paths.base, "state"))}
disabled_plugins = ["io.containerd.internal.v1.opt", "io.containerd.internal.v1.tracing", "io.containerd.tracing.processor.v1.otlp", "io.containerd.nri.v1.nri"]

[debug]
  level = "warn"

[grpc]
  address = ${text(paths.socket)}

[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = ${text(PAUSE_IMAGE_REF)}
  restrict_oom_score_adj = true
  netns_mounts_under_state_dir = true
  stream_server_address = "127.0.0.1"
  stream_server_port = "0"

[plugins."io.containerd.grpc.v1.cri".containerd]
  snapshotter = ${text(snapshotter)}
  default_runtime_name = "runc"

[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
  runtime_type = "io.containerd.runc.v2"

[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
  SystemdCgroup = false

${runtimeHandlersText()}
[plugins."io.containerd.grpc.v1.cri".cni]
  bin_dir = ${text(cniPluginDir)}
  conf_dir = ${text(paths.cniConfig)}

[plugins."io.containerd.grpc.v1.cri".registry]
  config_path = ${text(`${paths.registries}:${MACHINE_REGISTRIES}`)}
`;
}

export class ContainerdDaemon {
	readonly paths: ContainerdPaths;
	readonly client: GrpcClient;
	#starting: Promise<string> | undefined;
	#programs: { containerd: string; cniPluginDir: string };

	constructor(dataDir: string, programs: { containerd: string; cniPluginDir: string }) {
		this.paths = containerdPaths(dataDir);
		this.client = new GrpcClient(this.paths.socket);
		this.#programs = programs;
	}

	/** The version that answers on the socket, if one does. */
	async probe(): Promise<string | undefined> {
		const answer = await this.client.call(CRI.version, {}, PROBE_TIMEOUT_MS).catch(() => undefined);
		if (answer === undefined) this.client.close();
		return answer?.runtimeVersion as string | undefined;
	}

	/** Overlays do not lie upon overlays. */
	async snapshotter(): Promise<string> {
		return (await statfs(this.paths.base)).type === OVERLAY_MAGIC ? "native" : "overlayfs";
	}

	async #runningPid(): Promise<number | undefined> {
		const pid = Number(await readFile(this.paths.pidFile, "utf8").catch(() => ""));
		const command = pid > 0 ? await readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "") : "";
		return command.split("\0").includes(this.paths.config) ? pid : undefined;
	}

	async #prepare(): Promise<void> {
		const { paths } = this;
		await mkdir(paths.base, { recursive: true, mode: 0o711 });
		for (const directory of [paths.cniConfig, paths.cniData, paths.fifos, paths.registries, join(paths.socket, "..")]) {
			await mkdir(directory, { recursive: true, mode: 0o711 });
		}
		await writeFile(paths.config, configText(paths, this.#programs.cniPluginDir, await this.snapshotter()));
	}

	async #spawn(): Promise<void> {
		const log = await open(this.paths.logFile, "w", 0o600);
		const child = spawn(this.#programs.containerd, ["--config", this.paths.config], { detached: true, stdio: ["ignore", log.fd, log.fd], cwd: "/" });
		try {
			await once(child, "spawn");
			await writeFile(this.paths.pidFile, String(child.pid));
		} catch (error) {
			throw new RuntimeError("Unavailable", `cannot start ${this.#programs.containerd}: ${(error as Error).message}`, { cause: error });
		} finally {
			await log.close();
		}
		child.unref();
	}

	async #failure(): Promise<RuntimeError> {
		const log = await readFile(this.paths.logFile, "utf8").catch(() => "");
		return new RuntimeError("Unavailable", `containerd did not start; the end of ${this.paths.logFile} is:\n${log.slice(-LOG_TAIL_BYTES)}`);
	}

	/** Starts containerd, or takes over the one that an earlier agent started; resolves to its version. Calls are joined. */
	start(): Promise<string> {
		this.#starting ??= this.#start().finally(() => {
			this.#starting = undefined;
		});
		return this.#starting;
	}

	async #start(): Promise<string> {
		const running = await this.probe();
		if (running !== undefined) return running;
		await this.#prepare();
		if ((await this.#runningPid()) === undefined) await this.#spawn();
		const deadline = Date.now() + START_TIMEOUT_MS;
		while (Date.now() < deadline) {
			const version = await this.probe();
			if (version !== undefined) return version;
			if ((await this.#runningPid()) === undefined) break;
			await new Promise((done) => setTimeout(done, PROBE_INTERVAL_MS));
		}
		throw await this.#failure();
	}

	/** Containers go on without it. */
	async stop(): Promise<void> {
		await this.#starting?.catch(() => undefined);
		this.client.close();
		const pid = await this.#runningPid();
		if (pid === undefined) return;
		process.kill(pid, "SIGTERM");
		const deadline = Date.now() + STOP_TIMEOUT_MS;
		while ((await this.#runningPid()) !== undefined) {
			if (Date.now() > deadline) process.kill(pid, "SIGKILL");
			await new Promise((done) => setTimeout(done, PROBE_INTERVAL_MS));
		}
		await rm(this.paths.pidFile, { force: true });
	}
}
