/** Real kubectl, the newest on this machine, against one kubeconfig. */
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { readdirSync, realpathSync } from "node:fs";
import { delimiter, dirname, join } from "node:path";

const TIMEOUT_MS = 60_000;

export interface Result {
	code: number;
	stdout: string;
	stderr: string;
}

/** $KUBECTL, or the newest of `kubectl` and `kubectl.1.NN` on the PATH and beside what `kubectl` there is a link to. */
function findKubectl(): string {
	if (process.env["KUBECTL"]) return process.env["KUBECTL"];
	const onPath = (process.env["PATH"] ?? "").split(delimiter);
	const linked = onPath.flatMap((directory) => {
		try {
			return [dirname(realpathSync(join(directory, "kubectl")))];
		} catch {
			return [];
		}
	});
	const candidates = [...new Set([...onPath, ...linked])].flatMap((directory) => listKubectls(directory));
	const newest = candidates.map((path) => ({ path, minor: minorVersion(path) })).sort((a, b) => b.minor - a.minor)[0];
	if (newest === undefined || newest.minor < 0) throw new Error("These tests need kubectl on the PATH, or its path in $KUBECTL.");
	return newest.path;
}

function listKubectls(directory: string): string[] {
	try {
		return readdirSync(directory)
			.filter((name) => /^kubectl(\.1\.\d+)?$/.test(name))
			.map((name) => join(directory, name));
	} catch {
		return [];
	}
}

function minorVersion(path: string): number {
	try {
		const version = JSON.parse(execFileSync(path, ["version", "--client", "-o", "json"], { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] })) as {
			clientVersion: { minor: string };
		};
		return Number.parseInt(version.clientVersion.minor, 10);
	} catch {
		return -1;
	}
}

let found: string | undefined;

export class Kubectl {
	readonly #kubeconfig: string;

	constructor(kubeconfig: string) {
		this.#kubeconfig = kubeconfig;
	}

	/** Starts kubectl; the caller ends it. */
	start(...args: string[]): ChildProcess {
		found ??= findKubectl();
		const env = { ...process.env, KUBECONFIG: this.#kubeconfig, HOME: dirname(this.#kubeconfig) };
		return spawn(found, args, { env, stdio: ["pipe", "pipe", "pipe"] });
	}

	/** Runs kubectl to its end, whatever that is. */
	try(args: string[], input = ""): Promise<Result> {
		const child = this.start(...args);
		const timer = setTimeout(() => child.kill("SIGKILL"), TIMEOUT_MS);
		let stdout = "";
		let stderr = "";
		child.stdout?.on("data", (chunk: Buffer) => {
			stdout += chunk.toString();
		});
		child.stderr?.on("data", (chunk: Buffer) => {
			stderr += chunk.toString();
		});
		child.stdin?.on("error", () => {});
		child.stdin?.end(input);
		return new Promise((resolve, reject) => {
			child.on("error", reject);
			child.on("close", (code) => {
				clearTimeout(timer);
				resolve({ code: code ?? -1, stdout, stderr });
			});
		});
	}

	/** Runs kubectl, which must succeed; answers what it printed. */
	async run(...args: string[]): Promise<string> {
		return this.pipe("", ...args);
	}

	/** As `run`, with standard input. */
	async pipe(input: string, ...args: string[]): Promise<string> {
		const { code, stdout, stderr } = await this.try(args, input);
		if (code !== 0) throw new Error(`kubectl ${args.join(" ")} ended with ${code}:\n${stderr}${stdout}`);
		return stdout;
	}

	async json<T>(...args: string[]): Promise<T> {
		return JSON.parse(await this.run(...args, "-o", "json")) as T;
	}
}
