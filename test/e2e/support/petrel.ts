/** `petrel` as its user runs it, on a data directory of its own. */
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { DataDirectory } from "../../../src/cli/data-directory.ts";
import { Kubectl, type Result } from "./kubectl.ts";

const program = resolve(import.meta.dirname, "../../../bin/petrel.mjs");
const COMMAND_TIMEOUT_MS = 150_000;

/** Runs `petrel` to its end, whatever that is. */
export function runPetrel(args: readonly string[], env: Record<string, string> = {}): Promise<Result> {
	const child = spawn(process.execPath, [program, ...args], { env: { ...process.env, ...env }, stdio: ["ignore", "pipe", "pipe"] });
	const timer = setTimeout(() => child.kill("SIGTERM"), COMMAND_TIMEOUT_MS);
	let stdout = "";
	let stderr = "";
	child.stdout.on("data", (chunk: Buffer) => {
		stdout += chunk.toString();
	});
	child.stderr.on("data", (chunk: Buffer) => {
		stderr += chunk.toString();
	});
	return new Promise((resolve, reject) => {
		child.on("error", reject);
		// "exit" and not "close": what runs in the background may keep the pipes open.
		child.on("exit", (code) => {
			clearTimeout(timer);
			resolve({ code: code ?? -1, stdout, stderr });
		});
	});
}

export class Petrel {
	readonly data: DataDirectory;
	readonly kubectl: Kubectl;

	constructor() {
		this.data = new DataDirectory(mkdtempSync(join(tmpdir(), "petrel-e2e-")));
		this.kubectl = new Kubectl(this.data.file("kubeconfig"));
	}

	/** Runs a command to its end, whatever that is. */
	try(args: string[], env: Record<string, string> = {}): Promise<Result> {
		return runPetrel(args, { PETREL_DATA: this.data.path, ...env });
	}

	async run(...args: string[]): Promise<string> {
		const { code, stdout, stderr } = await this.try(args);
		if (code !== 0) throw new Error(`petrel ${args.join(" ")} ended with ${code}:\n${stderr}${stdout}\n${this.logs()}`);
		return stdout;
	}

	/** A cluster in the background on a free port. */
	async up(...args: string[]): Promise<string> {
		return this.run("up", "--detach", ...args);
	}

	/** Stops the cluster and removes its directory. */
	async dispose(): Promise<void> {
		await this.run("down");
		rmSync(this.data.path, { recursive: true, force: true });
	}

	logs(): string {
		return ["control-plane.log", "agent.log", "petrel.log"].map((name) => `--- ${name}\n${(this.data.read(`logs/${name}`) ?? "").slice(-4000)}`).join("\n");
	}
}

/** Resolves with the first result that is not undefined. */
export async function eventually<T>(what: string, attempt: () => Promise<T | undefined>, timeoutMs = 60_000): Promise<T> {
	const deadline = performance.now() + timeoutMs;
	for (;;) {
		const result = await attempt();
		if (result !== undefined) return result;
		if (performance.now() > deadline) throw new Error(`${what}: not within ${timeoutMs / 1000} s`);
		await new Promise((next) => setTimeout(next, 100));
	}
}
