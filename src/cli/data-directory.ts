/**
 * The data directory of one cluster on this machine:
 *
 *   petrel.json       marks the directory as complete; the ports used last
 *   ca.crt ca.key     the cluster's CA;  server.crt server.key  the front door's certificate, made at each start
 *   signing-key.json  what tokens are signed with;  admin.token  join.token
 *   encryption-keys.json  what Secrets are sealed with at rest
 *   authentication.json  audit-policy.json  what `petrel up` was told of both
 *   edge.json         where clients reach the edge
 *   kubeconfig        for kubectl
 *   state/            the Durable Objects' storage
 *   node/             the agent's data;  images/  image files that the agent imports when it starts
 *   logs/             control-plane.log, agent.log, petrel.log (detached)
 *   run.json          the processes that run now
 */
import {
	chmodSync,
	existsSync,
	mkdirSync,
	openSync,
	readdirSync,
	readFileSync,
	renameSync,
	rmSync,
	statSync,
	writeFileSync,
	closeSync,
	writeSync,
} from "node:fs";
import { homedir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { CliError } from "./cli-error.ts";
import { identify, isRunning, type ProcessIdentity } from "./process-identity.ts";

const LAYOUT_VERSION = 1;
const SECRET_MODE = 0o600;
const DIRECTORY_MODE = 0o700;
const PLAIN_DIRECTORIES = ["logs", "images"] as const;
/** Without these a cluster that has state cannot be started again. */
const NEEDED_FILES = ["ca.crt", "ca.key", "signing-key.json"] as const;
const OWN_ENTRIES: ReadonlySet<string> = new Set([
	...NEEDED_FILES,
	"encryption-keys.json",
	"admission.json",
	"scheduler.json",
	"edge.json",
	"authentication.json",
	"audit-policy.json",
	"server.crt",
	"server.key",
	"admin.token",
	"join.token",
	"images",
	"logs",
	"node",
	"kubeconfig",
	"run.json",
	"lock",
	"worker.js",
	"workerd.capnp",
]);

/** What `petrel status` and `petrel down` find out about a running cluster. */
export interface RunState {
	server: string;
	/** The edge's plain HTTP, and its HTTPS. */
	edge?: string;
	secureEdge?: string;
	startedAt: string;
	supervisor: ProcessIdentity;
	controlPlane?: ProcessIdentity;
	agent?: ProcessIdentity;
}

interface Marker {
	layout: number;
	port: number;
	httpPort?: number;
	httpsPort?: number;
}

export class DataDirectory {
	readonly path: string;

	constructor(path: string) {
		this.path = resolve(path);
	}

	file(...names: string[]): string {
		return join(this.path, ...names);
	}

	exists(): boolean {
		return existsSync(this.file("petrel.json"));
	}

	read(name: string): string | undefined {
		return existsSync(this.file(name)) ? readFileSync(this.file(name), "utf8") : undefined;
	}

	/** Whole or not at all, and for the owner's eyes only. */
	write(name: string, content: string): void {
		const temporary = this.file(`${name}.${process.pid}.new`);
		writeFileSync(temporary, content, { mode: SECRET_MODE });
		renameSync(temporary, this.file(name));
	}

	remove(name: string): void {
		rmSync(this.file(name), { force: true, recursive: true });
	}

	/** Creates the directory, or checks that it is a whole one of ours. */
	prepare(): void {
		try {
			makeDirectories(this.path);
			this.#check();
			chmodSync(this.path, DIRECTORY_MODE);
			for (const name of this.exists() ? [...PLAIN_DIRECTORIES, "state"] : PLAIN_DIRECTORIES) this.#makeDirectory(name);
		} catch (error) {
			if (error instanceof CliError) throw error;
			throw new CliError(`The data directory ${this.path} cannot be written: ${(error as Error).message}.`, "Choose another one with --data.", {
				cause: error,
			});
		}
	}

	#makeDirectory(name: string): void {
		mkdirSync(this.file(name), { recursive: true, mode: DIRECTORY_MODE });
	}

	#check(): void {
		const marker = this.marker();
		if (marker === undefined) {
			const foreign = readdirSync(this.path).filter((name) => !OWN_ENTRIES.has(name) && !name.endsWith(".new"));
			if (foreign.length === 0) return;
			throw new CliError(
				`${this.path} holds other files (${foreign.slice(0, 3).join(", ")}) and is no data directory of Petrel.`,
				"Choose an empty directory with --data.",
			);
		}
		if (marker.layout !== LAYOUT_VERSION)
			throw new CliError(
				`${this.path} was written by another version of Petrel (layout ${marker.layout}).`,
				"Use that version, or choose another directory with --data.",
			);
		const missing = NEEDED_FILES.filter((name) => (this.read(name) ?? "") === "");
		if (missing.length > 0)
			throw new CliError(
				`The data directory ${this.path} is incomplete: ${missing.join(", ")} is missing.`,
				"Restore it from a copy, or remove the directory to begin anew.",
			);
	}

	marker(): Marker | undefined {
		const text = this.read("petrel.json");
		if (text === undefined) return undefined;
		try {
			return JSON.parse(text) as Marker;
		} catch (error) {
			throw new CliError(`${this.file("petrel.json")} is damaged.`, "Restore it from a copy, or remove the directory to begin anew.", { cause: error });
		}
	}

	/** Written once everything a later start needs is there. */
	complete(port: number, edge: Pick<Marker, "httpPort" | "httpsPort"> = {}): void {
		const marker: Marker = { layout: LAYOUT_VERSION, port, ...edge };
		this.write("petrel.json", `${JSON.stringify(marker)}\n`);
		this.#makeDirectory("state");
	}

	/** Takes the directory for this process; a lock left behind by a process that is gone is taken over. */
	lock(): void {
		for (let attempt = 0; attempt < 2; attempt++) {
			try {
				const handle = openSync(this.file("lock"), "wx", SECRET_MODE);
				writeSync(handle, JSON.stringify(identify(process.pid)));
				closeSync(handle);
				return;
			} catch (error) {
				if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
			}
			const holder = this.lockHolder();
			if (holder !== undefined)
				throw new CliError(
					`Petrel already runs in ${this.path} (process ${holder.pid}).`,
					`Stop it with \`petrel down --data ${this.path}\`, or choose another directory with --data.`,
				);
			this.remove("lock");
		}
		throw new CliError(`Another Petrel is just starting in ${this.path}.`, "Wait a moment and try again.");
	}

	unlock(): void {
		this.remove("lock");
	}

	/** The running process that holds the lock, if any. */
	lockHolder(): ProcessIdentity | undefined {
		const holder = parse<ProcessIdentity>(this.read("lock"));
		return holder !== undefined && isRunning(holder) ? holder : undefined;
	}

	runState(): RunState | undefined {
		return parse<RunState>(this.read("run.json"));
	}

	writeRunState(state: RunState): void {
		this.write("run.json", `${JSON.stringify(state)}\n`);
	}
}

/** Not `recursive: true`, which does not end where the system refuses a directory with ENOENT, as /proc does. */
function makeDirectories(path: string): void {
	if (existsSync(path) && statSync(path).isDirectory()) return;
	if (dirname(path) !== path) makeDirectories(dirname(path));
	mkdirSync(path, { mode: DIRECTORY_MODE });
}

function parse<T>(text: string | undefined): T | undefined {
	try {
		return text === undefined ? undefined : (JSON.parse(text) as T);
	} catch {
		return undefined;
	}
}

/** --data, else $PETREL_DATA, else ~/.petrel. */
export function dataDirectory(option: string | undefined): DataDirectory {
	return new DataDirectory(option ?? process.env["PETREL_DATA"] ?? join(homedir(), ".petrel"));
}
