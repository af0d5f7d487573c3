/**
 * Pods of the process runtime: nothing but a record with an address. On Linux each gets a loopback address of its own,
 * which needs no set-up, so that several pods can listen on the same port if each binds to its own address.
 */
import { createHash, randomBytes } from "node:crypto";
import { mkdir, readdir, rm } from "node:fs/promises";
import { networkInterfaces, platform } from "node:os";
import { join } from "node:path";
import { RuntimeError, type SandboxConfig, type SandboxState } from "../runtime.ts";
import { readJson, writeJson } from "./files.ts";

const LOOPBACK = "127.0.0.1";
/** 127.64.0.0/10 without its first and last addresses per /24; agents on one machine start in different /24s. */
const FIRST_OCTET_BASE = 64;
const FIRST_OCTET_SPAN = 64;
const HOSTS_PER_BLOCK = 254;

export interface StoredSandbox extends SandboxState {
	hostname: string;
	hostNetwork: boolean;
	logDirectory: string;
}

function hostAddress(): string {
	const addresses = Object.values(networkInterfaces()).flatMap((list) => list ?? []);
	return addresses.find((one) => one.family === "IPv4" && !one.internal)?.address ?? LOOPBACK;
}

export class SandboxStore {
	#directory: string;
	#sandboxes = new Map<string, StoredSandbox>();

	constructor(directory: string) {
		this.#directory = directory;
	}

	async load(): Promise<void> {
		await mkdir(this.#directory, { recursive: true, mode: 0o700 });
		for (const name of await readdir(this.#directory)) {
			const sandbox = name.endsWith(".json") ? await readJson<StoredSandbox>(join(this.#directory, name)) : undefined;
			if (sandbox !== undefined) this.#sandboxes.set(sandbox.id, sandbox);
		}
	}

	get(id: string): StoredSandbox | undefined {
		return this.#sandboxes.get(id);
	}

	list(): StoredSandbox[] {
		return [...this.#sandboxes.values()];
	}

	#freeAddress(): string {
		if (platform() !== "linux") return LOOPBACK;
		const hash = createHash("sha256").update(this.#directory).digest();
		const taken = new Set(this.list().flatMap((sandbox) => sandbox.ips));
		const start = ((hash[0] ?? 0) % FIRST_OCTET_SPAN) * 256 + (hash[1] ?? 0);
		for (let i = 0; i < HOSTS_PER_BLOCK * 16; i++) {
			const block = (start + Math.floor(i / HOSTS_PER_BLOCK)) % (FIRST_OCTET_SPAN * 256);
			const address = `127.${FIRST_OCTET_BASE + Math.floor(block / 256)}.${block % 256}.${1 + (i % HOSTS_PER_BLOCK)}`;
			if (!taken.has(address)) return address;
		}
		throw new RuntimeError("CreatePodSandboxError", "there is no free loopback address for another pod");
	}

	async create(config: SandboxConfig): Promise<StoredSandbox> {
		const { metadata, spec } = config.pod;
		const hostNetwork = spec?.hostNetwork === true;
		const sandbox: StoredSandbox = {
			id: randomBytes(16).toString("hex"),
			podUid: metadata?.uid ?? "",
			podName: metadata?.name ?? "",
			podNamespace: metadata?.namespace ?? "",
			attempt: config.attempt,
			ready: true,
			createdAtMs: Date.now(),
			ips: [hostNetwork ? hostAddress() : this.#freeAddress()],
			hostname: config.hostname,
			hostNetwork,
			logDirectory: config.logDirectory,
		};
		this.#sandboxes.set(sandbox.id, sandbox);
		await this.#save(sandbox);
		return sandbox;
	}

	async #save(sandbox: StoredSandbox): Promise<void> {
		await writeJson(join(this.#directory, `${sandbox.id}.json`), sandbox);
	}

	async markStopped(id: string): Promise<void> {
		const sandbox = this.#sandboxes.get(id);
		if (sandbox === undefined || !sandbox.ready) return;
		sandbox.ready = false;
		await this.#save(sandbox);
	}

	async remove(id: string): Promise<void> {
		this.#sandboxes.delete(id);
		await rm(join(this.#directory, `${id}.json`), { force: true });
	}
}
