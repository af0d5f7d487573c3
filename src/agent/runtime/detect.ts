/** Which runtime this machine can carry, and installing what the better one needs. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { access, constants, readdir, readFile } from "node:fs/promises";
import { delimiter, isAbsolute, join } from "node:path";
import { createInterface } from "node:readline";
import { findStaticBusybox } from "../image/busybox.ts";
import { ContainerdRuntime } from "./containerd/containerd-runtime.ts";
import { ProcessRuntime } from "./process/process-runtime.ts";
import type { SetPodCidrs, ContainerRuntime } from "./runtime.ts";

export type RuntimeKind = "containerd" | "process";

export interface DetectedRuntime {
	kind: RuntimeKind;
	/** One sentence for the user. */
	reason: string;
}

/** Debian's packages of what the containerd runtime runs. */
export const RUNTIME_PACKAGES = ["containerd", "runc", "containernetworking-plugins", "nftables", "iproute2", "conntrack", "ethtool", "busybox-static"];

/** Program, package. */
const REQUIRED_PROGRAMS = [
	["containerd", "containerd"],
	["ctr", "containerd"],
	["containerd-shim-runc-v2", "containerd"],
	["runc", "runc"],
	["nft", "nftables"],
	["nsenter", "util-linux"],
] as const;
const REQUIRED_PLUGINS = ["ptp", "host-local", "loopback"];
const PLUGIN_FOLDERS = ["/usr/lib/cni", "/opt/cni/bin", "/usr/libexec/cni"];
/** A cold package index over a slow line, in milliseconds. */
const INSTALL_TIMEOUT_MS = 600_000;

async function executable(path: string): Promise<boolean> {
	return access(path, constants.X_OK).then(
		() => true,
		() => false,
	);
}

/** Path of a program on PATH. */
export async function findProgram(name: string): Promise<string | undefined> {
	for (const folder of (process.env.PATH ?? "").split(delimiter).filter(isAbsolute)) {
		const path = join(folder, name);
		if (await executable(path)) return path;
	}
	return undefined;
}

async function findPluginFolder(): Promise<string | undefined> {
	for (const folder of PLUGIN_FOLDERS) {
		const found = await Promise.all(REQUIRED_PLUGINS.map((name) => executable(join(folder, name))));
		if (found.every(Boolean)) return folder;
	}
	return undefined;
}

/** Debian packages without which the containerd runtime cannot run. */
async function requiredPackages(): Promise<string[]> {
	const missing = new Set<string>();
	for (const [program, name] of REQUIRED_PROGRAMS) if ((await findProgram(program)) === undefined) missing.add(name);
	if ((await findPluginFolder()) === undefined) missing.add("containernetworking-plugins");
	return [...missing];
}

/** Debian packages that are missing for the containerd runtime and the bundled example on it. */
export async function missingPackages(): Promise<string[]> {
	const required = await requiredPackages();
	return (await findStaticBusybox()) === undefined ? [...required, "busybox-static"] : required;
}

function isRoot(): boolean {
	return process.getuid?.() === 0;
}

/** Capabilities by bit (capabilities(7)): root in someone else's container may lack them. */
const REQUIRED_CAPABILITIES = { CAP_NET_ADMIN: 12, CAP_SYS_CHROOT: 18, CAP_SYS_ADMIN: 21 };

async function missingCapabilities(): Promise<string[]> {
	const status = await readFile("/proc/self/status", "utf8").catch(() => "");
	const effective = /^CapEff:\s*([0-9a-f]+)$/m.exec(status)?.[1];
	if (effective === undefined) return [];
	const bits = BigInt(`0x${effective}`);
	return Object.entries(REQUIRED_CAPABILITIES).flatMap(([name, bit]) => (((bits >> BigInt(bit)) & 1n) === 1n ? [] : [name]));
}

const WITHOUT = "pods run as ordinary processes, without isolation";

/** Prefers containerd where it can run; `prefer: "process"` takes the other even there. */
export async function detectRuntime(options: { dataDir: string; prefer?: RuntimeKind }): Promise<DetectedRuntime> {
	if (options.prefer === "process") return { kind: "process", reason: `the process runtime was asked for: ${WITHOUT}` };
	if (process.platform !== "linux") return { kind: "process", reason: `containerd needs Linux: ${WITHOUT}` };
	if (!isRoot()) return { kind: "process", reason: `containerd needs root, and this is user ${process.getuid?.() ?? "?"}: ${WITHOUT}` };
	const capabilities = await missingCapabilities();
	if (capabilities.length > 0) return { kind: "process", reason: `containerd needs ${capabilities.join(", ")}, which this root has not: ${WITHOUT}` };
	const missing = await requiredPackages();
	if (missing.length > 0)
		return {
			kind: "process",
			reason: `not found on PATH: ${missing.join(", ")} (install ${missing.length === 1 ? "it" : "them"} for real containers): ${WITHOUT}`,
		};
	return { kind: "containerd", reason: "containerd, runc and the network plugins are there" };
}

export interface InstallResult {
	installed: boolean;
	/** One sentence for the user. */
	message: string;
}

async function aptGet(args: string[], onProgress: (line: string) => void): Promise<string | undefined> {
	const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
	const child = spawn("apt-get", ["-o", "DPkg::Lock::Timeout=60", ...args], { env, stdio: ["ignore", "pipe", "pipe"], timeout: INSTALL_TIMEOUT_MS });
	let last = "";
	const show = (line: string): void => {
		last = line;
		onProgress(line);
	};
	createInterface({ input: child.stdout }).on("line", show);
	createInterface({ input: child.stderr }).on("line", show);
	const [code] = (await once(child, "close")) as [number | null];
	return code === 0 ? undefined : last;
}

async function hasPackageLists(): Promise<boolean> {
	const names = await readdir("/var/lib/apt/lists").catch(() => []);
	return names.some((name) => name.endsWith("_Packages") || name.endsWith("_Packages.lz4"));
}

/** Installs the packages that are missing, with root and apt-get; else says which they are. Never rejects. */
export async function installPackages(onProgress: (line: string) => void = () => undefined): Promise<InstallResult> {
	const missing = await missingPackages();
	if (missing.length === 0) return { installed: true, message: "nothing is missing" };
	const names = missing.join(", ");
	if (process.platform !== "linux" || !isRoot()) return { installed: false, message: `for real containers, install as root: ${names}` };
	if ((await findProgram("apt-get")) === undefined) return { installed: false, message: `there is no apt-get on PATH; for real containers, install: ${names}` };
	const update = (await hasPackageLists()) ? undefined : await aptGet(["update", "-q"], onProgress);
	const failure = update ?? (await aptGet(["install", "-y", "-q", "--no-install-recommends", ...RUNTIME_PACKAGES], onProgress));
	if (failure !== undefined) return { installed: false, message: `apt-get could not install ${names}: ${failure}` };
	const left = await missingPackages();
	return { installed: left.length === 0, message: left.length === 0 ? `installed ${names}` : `installed, but still not on PATH: ${left.join(", ")}` };
}

/** The runtime itself. Throws where `kind` cannot run. */
export async function createRuntime(
	kind: RuntimeKind,
	options: { dataDir: string; podPidsLimit?: number },
): Promise<ContainerRuntime & { setPodCidrs?: SetPodCidrs }> {
	if (kind === "process") return new ProcessRuntime(options);
	const containerd = await findProgram("containerd");
	const cniPluginDir = await findPluginFolder();
	if (containerd === undefined || cniPluginDir === undefined) throw new Error(`the containerd runtime lacks ${(await requiredPackages()).join(", ")}`);
	return new ContainerdRuntime({ ...options, containerd, cniPluginDir });
}
