/**
 * The small shell process that stands over each container of the process runtime, so that the agent may die and come
 * back: it keeps the output in files, waits for the container's first process, and writes down how that ended.
 *
 * In the container's directory:
 *   launch       becomes the first process (mode 0700: it holds the environment)
 *   out.* err.*  raw output in parts of OUTPUT_PART_BYTES; the agent turns them into the log and deletes them
 *   pid          "<pid> <start time>" of the first process, written by itself; its mtime is when it started
 *   exit         the exit code; its mtime is when it ended
 *   drained      the output is complete
 *   stdin        a FIFO, when the container has standard input; stdin-holder is the pid that holds it open
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { hostSearchPath } from "./container-root.ts";
import { SHIM_ID_VARIABLE } from "./process-table.ts";

/** Size of a part of the raw output: what is read is deleted by whole parts. */
export const OUTPUT_PART_BYTES = 4 * 1024 * 1024;

/**
 * The first process runs in the foreground: a shell starts background ones with SIGINT and SIGQUIT ignored, which the
 * program would inherit. It has a subshell of its own, because dash redirects a plain command's output in the shell itself
 * and would write "Killed" into the log. What is left of its session dies with it, as a container's processes do with its first.
 */
const SHIM = `
cd "$1" || exit 1
mkfifo -m 600 out.fifo err.fifo
split -a 6 -b ${OUTPUT_PART_BYTES} - out. <out.fifo &
split -a 6 -b ${OUTPUT_PART_BYTES} - err. <err.fifo &
if [ -p stdin ]; then
	sh -c 'exec 9<>stdin; echo $$ >stdin-holder; exec sleep 2147483647' </dev/null >/dev/null &
	while ! [ -s stdin-holder ] && kill -0 $!; do sleep 0.01; done
	(exec setsid sh ./launch <stdin >out.fifo 2>err.fifo)
else
	(exec setsid sh ./launch </dev/null >out.fifo 2>err.fifo)
fi
echo $? >exit.part
read -r pid rest <pid && kill -s KILL -- "-$pid"
[ -s stdin-holder ] && kill "$(cat stdin-holder)"
mv exit.part exit
wait
: >drained
rm -f out.fifo err.fifo
`;

/** Quotes one word for a POSIX shell. */
export function shellQuote(word: string): string {
	return `'${word.replaceAll("'", "'\\''")}'`;
}

export interface LaunchSpec {
	/** Path of the program. */
	program: string;
	args: string[];
	env: Record<string, string>;
	/** The working directory. */
	directory: string;
	tty: boolean;
}

/** A shell script that becomes the program, with exactly the given environment. */
export function launchScript(spec: LaunchSpec): string {
	const assignments = Object.entries(spec.env).map(([name, value]) => shellQuote(`${name}=${value}`));
	const words = ["exec", "env", "-i", ...assignments, shellQuote(spec.program), ...spec.args.map(shellQuote)];
	return `cd ${shellQuote(spec.directory)} || exit 128\n${words.join(" ")}\n`;
}

/** Start time in clock ticks since boot: with the pid it names a process for good. */
const RECORD_PID = `start=
[ -r /proc/$$/stat ] && read -r stat </proc/$$/stat && set -- \${stat##*) } && start=\${20}
echo "$$ $start" >pid.part && mv pid.part pid
`;

/** The environment of the shim and of what it is made of; the container's own is in its launch script. */
export function hostEnvironment(): Record<string, string> {
	return { PATH: hostSearchPath().join(":"), SHELL: "/bin/sh", LANG: "C" };
}

async function writeLaunch(directory: string, spec: LaunchSpec): Promise<void> {
	if (!spec.tty) return writeFile(join(directory, "launch"), RECORD_PID + launchScript(spec), { mode: 0o700 });
	await writeFile(join(directory, "launch-tty"), launchScript(spec), { mode: 0o700 });
	const command = shellQuote(`exec sh ${shellQuote(join(directory, "launch-tty"))}`);
	await writeFile(join(directory, "launch"), `${RECORD_PID}exec script -qefc ${command} /dev/null\n`, { mode: 0o700 });
}

/** Makes the FIFO for standard input. */
export async function makeFifo(path: string): Promise<void> {
	const [code] = await once(spawn("mkfifo", ["-m", "600", path], { stdio: "ignore" }), "exit");
	if (code !== 0) throw new Error(`cannot make the FIFO ${path}`);
}

/** Starts the container and resolves to the shim's process, which outlives this one. */
export async function startShim(directory: string, id: string, spec: LaunchSpec): Promise<ChildProcess> {
	await writeLaunch(directory, spec);
	const env = { ...hostEnvironment(), [SHIM_ID_VARIABLE]: id };
	const shim = spawn("/bin/sh", ["-c", SHIM, "petrel-shim", directory], { detached: true, stdio: "ignore", env, cwd: "/" });
	await once(shim, "spawn");
	shim.unref();
	return shim;
}
