/** Debian's docker-registry on an address of this machine, with or without a password. */
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { eventually } from "./petrel.ts";

export const REGISTRY_USER = { username: "reader", password: "s3cret" };
/** bcrypt, as htpasswd -B writes it. */
const PASSWORD_FILE = `${REGISTRY_USER.username}:$2b$05$abcdefghijklmnopqrstuuLK7U1u6pVRmL7L1BBM2aS35PSZnDXlK\n`;

export class Registry {
	readonly address: string;
	readonly #directory = mkdtempSync(join(tmpdir(), "petrel-registry-"));
	readonly #closed: boolean;
	#process: ChildProcess | undefined;

	/** `closed`: only with the password. */
	constructor(address: string, { closed = false } = {}) {
		this.address = address;
		this.#closed = closed;
	}

	async start(): Promise<void> {
		const auth = `auth:\n  htpasswd:\n    realm: test\n    path: ${join(this.#directory, "htpasswd")}\n`;
		writeFileSync(join(this.#directory, "htpasswd"), PASSWORD_FILE);
		const config = join(this.#directory, "config.yml");
		writeFileSync(
			config,
			`version: 0.1
log:
  level: error
storage:
  filesystem:
    rootdirectory: ${join(this.#directory, "data")}
http:
  addr: ${this.address}
${this.#closed ? auth : ""}`,
		);
		this.#process = spawn("docker-registry", ["serve", config], { stdio: "ignore" });
		await eventually("the registry", () => this.#answers());
	}

	async stop(): Promise<void> {
		const running = this.#process;
		if (running !== undefined && running.exitCode === null) {
			const exited = once(running, "exit");
			running.kill("SIGTERM");
			await exited;
		}
		rmSync(this.#directory, { recursive: true, force: true });
	}

	/** Gives it an image that a containerd has, under this name. */
	push(containerdSocket: string, image: string, name: string): void {
		const ref = `${this.address}/${name}`;
		const ctr = (...args: string[]) => execFileSync("ctr", ["--address", containerdSocket, "--namespace", "k8s.io", "images", ...args], { stdio: "pipe" });
		const user = this.#closed ? ["--user", `${REGISTRY_USER.username}:${REGISTRY_USER.password}`] : [];
		ctr("tag", image, ref);
		ctr("push", "--plain-http", ...user, ref);
		ctr("remove", ref);
	}

	#answers(): Promise<true | undefined> {
		const [host = "", port = ""] = this.address.split(":");
		return new Promise((resolve) => {
			const socket = connect({ host, port: Number(port) }, () => resolve(true));
			socket.once("error", () => resolve(undefined));
			socket.once("close", () => socket.destroy());
			socket.once("connect", () => socket.destroy());
		});
	}
}
