/** Real kubectl, the newest on this machine, against one kubeconfig. */
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { readdirSync, realpathSync } from "node:fs";
import { delimiter, dirname, join } from "node:path";
import { FollowedCommand } from "./followed-command.ts";

const TIMEOUT_MS = 60_000;

export interface Result {
	code: number;
	stdout: string;
	stderr: string;
}

export interface Binary {
	path: string;
	minor: number;
}

let installed: Binary[] | undefined;

/** `kubectl` and `kubectl.1.NN` on the PATH and beside what `kubectl` there is a link to: one of each minor version, the newest first. */
export function installedKubectls(): Binary[] {
	installed ??= findKubectls();
	return installed;
}

function findKubectls(): Binary[] {
	const onPath = (process.env["PATH"] ?? "").split(delimiter);
	const linked = onPath.flatMap((directory) => {
		try {
			return [dirname(realpathSync(join(directory, "kubectl")))];
		} catch {
			return [];
		}
	});
	const found = new Map<number, Binary>();
	for (const path of [...new Set([...onPath, ...linked])].flatMap((directory) => listKubectls(directory))) {
		const minor = minorVersion(path);
		if (minor >= 0 && !found.has(minor)) found.set(minor, { path, minor });
	}
	return [...found.values()].sort((a, b) => b.minor - a.minor);
}

/** $KUBECTL, or the newest that is installed. */
function chosenKubectl(): string {
	const path = process.env["KUBECTL"] || installedKubectls()[0]?.path;
	if (path === undefined) throw new Error("These tests need kubectl on the PATH, or its path in $KUBECTL.");
	return path;
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

interface Options {
	/** Instead of the newest kubectl there is. */
	path?: string;
	environment?: Record<string, string>;
}

export class Kubectl {
	readonly #kubeconfig: string;
	readonly #options: Options;

	constructor(kubeconfig: string, options: Options = {}) {
		this.#kubeconfig = kubeconfig;
		this.#options = options;
	}

	/** The same cluster, another kubectl or environment. */
	with(options: Options): Kubectl {
		return new Kubectl(this.#kubeconfig, { ...this.#options, ...options });
	}

	get path(): string {
		return this.#options.path ?? chosenKubectl();
	}

	get environment(): NodeJS.ProcessEnv {
		return { ...process.env, KUBECONFIG: this.#kubeconfig, HOME: dirname(this.#kubeconfig), ...this.#options.environment };
	}

	/** Starts kubectl; the caller ends it. */
	start(...args: string[]): ChildProcess {
		return this.spawn(this.path, ...args);
	}

	/** Starts another program that will call kubectl. */
	spawn(program: string, ...args: string[]): ChildProcess {
		return spawn(program, args, { env: this.environment, stdio: ["pipe", "pipe", "pipe"] });
	}

	/** Starts kubectl to watch what it prints; the caller stops it. */
	follow(...args: string[]): FollowedCommand {
		return new FollowedCommand(this.start(...args));
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

	/** Runs kubectl, which must fail; answers what it complained of. */
	async fails(args: string[], input = ""): Promise<string> {
		const { code, stdout, stderr } = await this.try(args, input);
		if (code === 0) throw new Error(`kubectl ${args.join(" ")} did not fail:\n${stdout}`);
		return stderr;
	}

	/** Applies objects as a user's file. */
	apply(object: unknown, ...args: string[]): Promise<string> {
		return this.pipe(JSON.stringify(object), "apply", ...args, "-f", "-");
	}

	async json<T>(...args: string[]): Promise<T> {
		return JSON.parse(await this.run(...args, "-o", "json")) as T;
	}
}
