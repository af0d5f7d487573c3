/** Where the Worker's bundle comes from: the published package ships it, a checkout makes it from the sources. */
import { existsSync, mkdirSync, statSync } from "node:fs";
import { join, resolve } from "node:path";

/** The directory above src/ or dist/, whichever this runs from. */
export const packageRoot = resolve(import.meta.dirname, import.meta.dirname.endsWith("cli") ? "../.." : "..");
const workerSource = join(packageRoot, "src", "worker", "index.ts");
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
