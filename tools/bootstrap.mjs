#!/usr/bin/env node
/**
 * Makes a fresh clone runnable on a machine that has only Node.js 20 and npm: installs what the lock file names (once
 * per version of the lock file), then runs a script under the Node 24 that came with it. It has no dependencies.
 *
 *   node tools/bootstrap.mjs <script> [arguments...]
 */
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, lstatSync, readFileSync, writeFileSync } from "node:fs";
import { constants } from "node:os";
import { delimiter, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

/** TypeScript runs without a build from this version on. */
const NODE_MAJOR = 24;
const OLDEST_NODE_MAJOR = 20;
const PROGRESS_INTERVAL_MS = 1000;

export const root = resolve(fileURLToPath(new URL("..", import.meta.url)));
const modules = join(root, "node_modules");
/** Holds the digest of the lock file that node_modules was made from. */
const stampFile = join(modules, ".petrel-lock");

const major = (version) => Number(version.split(".")[0]);

function fail(message) {
	process.stderr.write(`petrel: ${message}\n`);
	process.exit(1);
}

function lockDigest() {
	return createHash("sha256")
		.update(readFileSync(join(root, "package-lock.json")))
		.digest("hex");
}

function installed(digest) {
	return existsSync(stampFile) && readFileSync(stampFile, "utf8").trim() === digest;
}

/** Shows that something happens: a running line on a terminal, one line at the start and one at the end elsewhere. */
function progress(text) {
	const startMs = Date.now();
	const elapsed = () => `${Math.round((Date.now() - startMs) / 1000)} s`;
	const terminal = process.stderr.isTTY;
	if (!terminal) process.stderr.write(`${text} ...\n`);
	const timer = terminal ? setInterval(() => process.stderr.write(`\r${text} ... ${elapsed()} `), PROGRESS_INTERVAL_MS) : undefined;
	return () => {
		clearInterval(timer);
		process.stderr.write(`${terminal ? "\r" : ""}${text}: done in ${elapsed()}\n`);
	};
}

/** npm's own program when npm runs this script, so that no other npm is picked up; else the one on the PATH. */
function npmCommand() {
	const script = process.env.npm_execpath;
	return script?.endsWith(".js") && existsSync(script) ? [process.execPath, script] : ["npm"];
}

function runNpmInstall() {
	const [command, ...first] = npmCommand();
	const args = [...first, "ci", "--no-audit", "--no-fund", "--loglevel=error"];
	return new Promise((done) => {
		let output = "";
		const child = spawn(command, args, { cwd: root, stdio: ["ignore", "pipe", "pipe"] });
		child.stdout.on("data", (data) => (output += data));
		child.stderr.on("data", (data) => (output += data));
		child.on("error", (error) => done({ code: 1, output: error.message }));
		child.on("close", (code) => done({ code: code ?? 1, output }));
	});
}

/** Installs the dependencies when the lock file is not the one they were made from. */
export async function ensureInstalled() {
	if (major(process.versions.node) < OLDEST_NODE_MAJOR) fail(`Node.js ${process.versions.node} is too old. Install Node.js ${OLDEST_NODE_MAJOR} or newer.`);
	const digest = lockDigest();
	if (installed(digest)) return;
	// npm would empty the folder that the link leads to, which another checkout uses.
	if (lstatSync(modules, { throwIfNoEntry: false })?.isSymbolicLink()) fail("node_modules is a symbolic link. Remove it, then run the command again.");
	const done = progress("Installing dependencies (once)");
	const { code, output } = await runNpmInstall();
	if (code !== 0)
		fail(`npm could not install the dependencies. Check the network and the npm registry, then run the command again. npm said:\n${output.trim()}`);
	writeFileSync(stampFile, digest);
	done();
}

/** The Node 24 that runs TypeScript: the installed one, or the one running when it is new enough. */
export function nodePath() {
	const local = join(modules, ".bin", "node");
	if (existsSync(local)) return local;
	if (major(process.versions.node) >= NODE_MAJOR) return process.execPath;
	return fail(`there is no Node.js ${NODE_MAJOR} package for ${process.platform} ${process.arch}. Install Node.js ${NODE_MAJOR} and run the command again.`);
}

/** Runs a script under Node 24 in this terminal and ends with its exit code; signals are passed on. */
export function runScript(script, args) {
	const startedAtMs = process.env.PETREL_STARTED_AT_MS ?? String(Math.round(performance.timeOrigin));
	const env = { ...process.env, PETREL_STARTED_AT_MS: startedAtMs, PATH: `${join(modules, ".bin")}${delimiter}${process.env.PATH ?? ""}` };
	const child = spawn(nodePath(), ["--disable-warning=ExperimentalWarning", script, ...args], { stdio: "inherit", env });
	// A terminal sends Ctrl-C to the child as well: the child takes a repeated signal for one.
	for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, () => child.kill(signal));
	child.on("error", (error) => fail(`could not start ${script}: ${error.message}`));
	child.on("exit", (code, signal) => process.exit(code ?? 128 + (constants.signals[signal] ?? 0)));
}

if (process.argv[1] && resolve(process.argv[1]) === fileURLToPath(import.meta.url)) {
	const [script, ...args] = process.argv.slice(2);
	if (!script) fail("usage: node tools/bootstrap.mjs <script> [arguments...]");
	await ensureInstalled();
	runScript(resolve(script), args);
}
