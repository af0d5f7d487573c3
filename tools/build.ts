/** `npm run build`: the Worker (dist/worker.js), the agent (dist/agent.cjs) and, for the published package, the command (dist/petrel.js). */
import { mkdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { build } from "esbuild";
import { bundleAgent, bundleWorker, type Output, packageRoot } from "../src/cli/bundle.ts";

/** Node does not strip types under node_modules, so what is published is JavaScript. */
async function bundleCommand(): Promise<Output> {
	const outfile = join(packageRoot, "dist", "petrel.js");
	mkdirSync(join(packageRoot, "dist"), { recursive: true });
	await build({
		entryPoints: [join(packageRoot, "src", "cli", "main.ts")],
		outfile,
		bundle: true,
		format: "esm",
		target: "node24",
		platform: "node",
		packages: "external",
		logLevel: "error",
	});
	return { file: outfile, bytes: statSync(outfile).size };
}

for (const { file, bytes } of [await bundleWorker(), await bundleCommand(), await bundleAgent()])
	console.log(`${file.slice(packageRoot.length + 1)}  ${(bytes / 1024).toFixed(0)} KiB`);
