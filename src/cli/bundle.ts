/** Where the bundles of the Worker and the agent come from: the published package ships them, a checkout makes them from the sources. */
import { existsSync, mkdirSync, statSync } from "node:fs";
import { join, resolve } from "node:path";

/** The directory above src/ or dist/, whichever this runs from. */
export const packageRoot = resolve(import.meta.dirname, import.meta.dirname.endsWith("cli") ? "../.." : "..");
const workerSource = join(packageRoot, "src", "worker", "index.ts");
const agentSource = join(packageRoot, "src", "cli", "agent-main.ts");
const agentBundle = join(packageRoot, "dist", "agent.cjs");
export const workerBundle = join(packageRoot, "dist", "worker.js");

export interface Output {
	file: string;
	bytes: number;
}

/** Bundles the Worker into dist/worker.js; without sources, finds the shipped one. */
export async function ensureWorkerBundle(): Promise<string> {
	if (existsSync(workerSource)) await bundleWorker();
	return workerBundle;
}

/** Bundles the agent into dist/agent.cjs; without sources, finds the shipped one. */
export async function ensureAgentBundle(): Promise<string> {
	if (existsSync(agentSource)) await bundleAgent();
	return agentBundle;
}

/**
 * One file with all it needs: sources whose types are stripped as they load take 40 MB of memory more. CommonJS, because an `import` of
 * node:http reads all its exports, and some of them load Node's whole fetch; and ASCII alone, which V8 keeps as a byte a character.
 */
export async function bundleAgent(): Promise<Output> {
	const { build } = await import("esbuild");
	mkdirSync(join(packageRoot, "dist"), { recursive: true });
	await build({
		entryPoints: [agentSource],
		outfile: agentBundle,
		bundle: true,
		minifySyntax: true,
		minifyWhitespace: true,
		format: "cjs",
		target: "node24",
		platform: "node",
		define: { "import.meta.dirname": "__dirname" },
		// Only a checkout bundles.
		external: ["esbuild"],
		legalComments: "none",
		logLevel: "error",
	});
	return { file: agentBundle, bytes: statSync(agentBundle).size };
}

export async function bundleWorker(outfile = workerBundle): Promise<Output> {
	const { build } = await import("esbuild");
	mkdirSync(join(packageRoot, "dist"), { recursive: true });
	await build({
		entryPoints: [workerSource],
		outfile,
		bundle: true,
		format: "esm",
		target: "es2024",
		platform: "neutral",
		mainFields: ["module", "main"],
		conditions: ["workerd", "worker", "browser", "import"],
		external: ["cloudflare:*", "node:*"],
		legalComments: "none",
		sourcemap: "linked",
		logLevel: "error",
	});
	return { file: outfile, bytes: statSync(outfile).size };
}
