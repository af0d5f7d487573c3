/** A node with a network of its own, as another machine would have: an agent in a network namespace behind one link that can be cut. */
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, existsSync, mkdtempSync, openSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { packageRoot } from "../../../src/cli/bundle.ts";
import type { DataDirectory } from "../../../src/cli/data-directory.ts";
import { pathWithout } from "./machine-path.ts";
import { killEverything } from "./node-processes.ts";
import { bestRuntime } from "./runtimes.ts";

/** The program itself and not what starts it: who is killed is the agent. */
const program = join(packageRoot, "src", "cli", "main.ts");
const LOG_CHARACTERS = 4_000;

const ip = (...args: string[]): string => execFileSync("ip", args, { encoding: "utf8" });

/** An address in the range for benchmarks (RFC 2544) that this test process alone uses. */
export const testAddress = (host: number): string => `198.18.${process.pid % 256}.${host}`;

/** The same in every private network, as in most homes. */
const [PRIVATE_ROUTER, PRIVATE_NODE] = ["192.168.1.1", "192.168.1.2"];
const PRIVATE_LINK = "private";

/** A link that leads outside. */
function configure(namespace: string, link: string, address: string, gateway: string): void {
	for (const name of ["lo", link]) ip("-n", namespace, "link", "set", name, "up");
	ip("-n", namespace, "address", "add", address, "dev", link);
	ip("-n", namespace, "route", "add", "default", "via", gateway);
}

export class RemoteNode {
	readonly name: string;
	readonly directory = mkdtempSync(join(tmpdir(), "petrel-e2e-node-"));
	readonly #namespace: string;
	readonly #outer: string;
	readonly #inner: string;
	readonly #number: number;
	/** Whether a router that translates its address is before it: it reaches others, and they not it. */
	readonly #behindNat: boolean;
	#agent: ChildProcess | undefined;
	/** Programs of the machine that the node has not. */
	readonly #without: RegExp | undefined;
	#arguments: string[] = [];

	/** `number` counts from 1. */
	constructor(name: string, number: number, { behindNat = false, without }: { behindNat?: boolean; without?: RegExp } = {}) {
		this.#without = without;
		this.name = name;
		this.#behindNat = behindNat;
		this.#number = number;
		this.#namespace = `petrel-${process.pid}-${number}`;
		this.#outer = `pt${process.pid}o${number}`;
		this.#inner = `pt${process.pid}i${number}`;
	}

	/** Makes the network and starts the agent; the control plane listens on `server`, an address of this machine. `more` are options of the agent. */
	async start({ data }: { data: DataDirectory }, server: string, token: string, ...more: string[]): Promise<void> {
		this.#makeNetwork();
		if (this.#without) pathWithout(this.#without, this.#programs);
		const options = ["--server", server, "--token", token, "--name", this.name, "--data", this.directory, "--runtime", bestRuntime];
		this.#arguments = ["agent", ...options, "--ca-file", data.file("ca.crt"), "--images", data.file("images"), "--remove-on-exit", ...more];
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
		const outermost = this.#behindNat ? this.#router : this.#namespace;
		ip("netns", "add", outermost);
		ip("link", "add", this.#outer, "type", "veth", "peer", "name", this.#inner, "netns", outermost);
		ip("address", "add", `${outer}/30`, "dev", this.#outer);
		ip("link", "set", this.#outer, "up");
		configure(outermost, this.#inner, `${inner}/30`, outer);
		if (this.#behindNat) this.#makePrivateNetwork();
	}

	/** Behind the router: what comes from inside gets the router's address, and nothing that was not asked for comes in. */
	#makePrivateNetwork(): void {
		ip("netns", "add", this.#namespace);
		ip("-n", this.#router, "link", "add", PRIVATE_LINK, "type", "veth", "peer", "name", this.#inner, "netns", this.#namespace);
		ip("-n", this.#router, "address", "add", `${PRIVATE_ROUTER}/24`, "dev", PRIVATE_LINK);
		ip("-n", this.#router, "link", "set", PRIVATE_LINK, "up");
		configure(this.#namespace, this.#inner, `${PRIVATE_NODE}/24`, PRIVATE_ROUTER);
		const rules = `table ip nat {
	chain postrouting { type nat hook postrouting priority 100; oifname "${this.#inner}" masquerade; }
	chain forward { type filter hook forward priority 0; iifname "${this.#inner}" ct state new drop; }
}
`;
		const inRouter = [`--net=/run/netns/${this.#router}`];
		execFileSync("nsenter", [...inRouter, "nft", "-f", "-"], { input: rules });
		execFileSync("nsenter", [...inRouter, "sysctl", "-qw", "net.ipv4.ip_forward=1"]);
	}

	/** As a router that was started anew: it knows no flow any more. */
	forgetFlows(): void {
		execFileSync("nsenter", [`--net=/run/netns/${this.#behindNat ? this.#router : this.#namespace}`, "conntrack", "-F"], { stdio: "ignore" });
	}

	/** The path of the node's network namespace. */
	get network(): string {
		return this.#path;
	}

	get #router(): string {
		return `${this.#namespace}r`;
	}

	/** The link first: a namespace lives on while anything is in it. */
	#removeNetwork(): void {
		if (!existsSync(this.#path)) return;
		ip("link", "delete", this.#outer);
		ip("netns", "delete", this.#namespace);
		if (this.#behindNat) ip("netns", "delete", this.#router);
	}

	/** Pulls the cable. */
	cut(): void {
		ip("link", "set", this.#outer, "down");
	}

	mend(): void {
		ip("link", "set", this.#outer, "up");
	}

	/** Pulls the cable between the router and the node. */
	cutInside(): void {
		ip("-n", this.#router, "link", "set", PRIVATE_LINK, "down");
	}

	mendInside(): void {
		ip("-n", this.#router, "link", "set", PRIVATE_LINK, "up");
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

	logs(characters = LOG_CHARACTERS): string {
		const text = existsSync(this.#log) ? readFileSync(this.#log, "utf8") : "";
		return `--- ${this.name}\n${text.slice(-characters)}`;
	}

	get #path(): string {
		return `/run/netns/${this.#namespace}`;
	}

	get #programs(): string {
		return join(this.directory, "programs");
	}

	get #log(): string {
		return join(this.directory, "agent.log");
	}

	#petrel(args: string[], log: number): ChildProcess {
		const command = [`--net=${this.#path}`, process.execPath, program, ...args];
		return spawn("nsenter", command, { stdio: ["ignore", log, log], env: { ...process.env, ...(this.#without && { PATH: this.#programs }) } });
	}
}
