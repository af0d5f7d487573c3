/** What `npm run deploy` would upload to an account. */
import { execFile } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import { gzipSync } from "node:zlib";
import { expect, it } from "vitest";

const root = resolve(import.meta.dirname, "..");
const DRY_RUN_TIMEOUT_MS = 60_000;
/** The platform's limit on a Worker's compressed size, with room to grow. */
const GZIP_BYTES_MAX = 1024 * 1024;

it(
	"is accepted by wrangler, small, and makes no code at run time",
	async () => {
		const directory = mkdtempSync(join(tmpdir(), "petrel-deploy-"));
		try {
			const env = { ...process.env, CI: "true", WRANGLER_SEND_METRICS: "false" };
			const wrangler = join(root, "node_modules", "wrangler", "bin", "wrangler.js");
			const { stdout } = await promisify(execFile)(process.execPath, [wrangler, "deploy", "--dry-run", "--outdir", directory], { cwd: root, env });
			for (const binding of ["CLUSTER", "NAMESPACE", "NODE", "SESSION", "REGISTRY", "TUNNEL", "EDGE", "RELAY"]) expect(stdout).toContain(`env.${binding}`);
			const bundle = readFileSync(join(directory, "index.js"), "utf8");
			expect(gzipSync(bundle).length).toBeLessThan(GZIP_BYTES_MAX);
			expect(bundle).not.toMatch(/\bnew Function\(/);
		} finally {
			rmSync(directory, { recursive: true, force: true });
		}
	},
	DRY_RUN_TIMEOUT_MS,
);
