/** A node with a network of its own, as another machine would have: an agent in a network namespace behind one link that can be cut. */
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, existsSync, mkdtempSync, openSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { packageRoot } from "../../../src/cli/bundle.ts";
import type { DataDirectory } from "../../../src/cli/data-directory.ts";
import { killEverything } from "./node-processes.ts";
import { bestRuntime } from "./runtimes.ts";

/** The program itself and not what starts it: who is killed is the agent. */
const program = join(packageRoot, "src", "cli", "main.ts");
const LOG_CHARACTERS = 4_000;

const ip = (...args: string[]): string => execFileSync("ip", args, { encoding: "utf8" });

/** An address in the range for benchmarks (RFC 2544) that this test process alone uses. */
export const testAddress = (host: number): string => `198.18.${process.pid % 256}.${host}`;

export class RemoteNode {
	readonly name: string;
	readonly directory = mkdtempSync(join(tmpdir(), "petrel-e2e-node-"));
	readonly #namespace: string;
	readonly #outer: string;
	readonly #inner: string;
	readonly #number: number;
	#agent: ChildProcess | undefined;
	#arguments: string[] = [];

	/** `number` counts from 1. */
	constructor(name: string, number: number) {
		this.name = name;
		this.#number = number;
		this.#namespace = `petrel-${process.pid}-${number}`;
		this.#outer = `pt${process.pid}o${number}`;
		this.#inner = `pt${process.pid}i${number}`;
	}

	/** Makes the network and starts the agent; the control plane listens on `server`, an address of this machine. */
	async start({ data }: { data: DataDirectory }, server: string, token: string): Promise<void> {
		this.#makeNetwork();
		const options = ["--server", server, "--token", token, "--name", this.name, "--data", this.directory, "--runtime", bestRuntime];
		this.#arguments = ["agent", ...options, "--ca-file", data.file("ca.crt"), "--images", data.file("images"), "--remove-on-exit"];
		await this.startAgent();
	}

	async startAgent(): Promise<void> {
		const log = openSync(this.#log, "a");
		this.#agent = this.#petrel(this.#arguments, log);
		closeSync(log);
		await once(this.#agent, "spawn");
	}

	/** As a crash would. */
	async killAgent(): Promise<void> {
		const agent = this.#agent;
		if (agent === undefined) return;
		const exited = once(agent, "exit");
		agent.kill("SIGKILL");
		await exited;
	}

	/** What a reset of the machine leaves: the files on its disk. No agent runs afterwards. */
	async reset(): Promise<void> {
		await this.killAgent();
		killEverything(this.directory);
		this.#removeNetwork();
		this.#makeNetwork();
	}

	/** Names of the links in the node's network. */
	links(): string[] {
		return (JSON.parse(ip("-json", "-n", this.#namespace, "link", "show")) as { ifname: string }[]).map(({ ifname }) => ifname);
	}

	#makeNetwork(): void {
		const [outer, inner] = [testAddress(4 * this.#number + 1), testAddress(4 * this.#number + 2)];
		ip("netns", "add", this.#namespace);
		ip("link", "add", this.#outer, "type", "veth", "peer", "name", this.#inner, "netns", this.#namespace);
		ip("address", "add", `${outer}/30`, "dev", this.#outer);
		ip("link", "set", this.#outer, "up");
		for (const link of ["lo", this.#inner]) ip("-n", this.#namespace, "link", "set", link, "up");
		ip("-n", this.#namespace, "address", "add", `${inner}/30`, "dev", this.#inner);
		ip("-n", this.#namespace, "route", "add", "default", "via", outer);
	}

	/** The link first: a namespace lives on while anything is in it. */
	#removeNetwork(): void {
		if (!existsSync(this.#path)) return;
		ip("link", "delete", this.#outer);
		ip("netns", "delete", this.#namespace);
	}

	/** Pulls the cable. */
	cut(): void {
		ip("link", "set", this.#outer, "down");
	}

	mend(): void {
		ip("link", "set", this.#outer, "up");
	}

	async dispose(): Promise<void> {
		const agent = this.#agent;
		if (agent !== undefined && agent.exitCode === null) {
			const exited = once(agent, "exit");
			agent.kill("SIGTERM");
			await exited;
		}
		this.#removeNetwork();
		rmSync(this.directory, { recursive: true, force: true });
	}

	logs(): string {
		const text = existsSync(this.#log) ? readFileSync(this.#log, "utf8") : "";
		return `--- ${this.name}\n${text.slice(-LOG_CHARACTERS)}`;
	}

	get #path(): string {
		return `/run/netns/${this.#namespace}`;
	}

	get #log(): string {
		return join(this.directory, "agent.log");
	}

	#petrel(args: string[], log: number): ChildProcess {
		const command = [`--net=${this.#path}`, process.execPath, program, ...args];
		return spawn("nsenter", command, { stdio: ["ignore", log, log] });
	}
}
