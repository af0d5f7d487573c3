/**
 * `npm run deploy`: puts the Worker on a Cloudflare account, makes its signing key when there is none, and writes a
 * kubeconfig with an administrator's token. Arguments after `--` go to wrangler: `npm run deploy -- --name my-petrel`.
 */
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { packageRoot } from "../src/cli/bundle.ts";
import { kubeconfigText } from "../src/cli/kubeconfig-file.ts";
import { createAdminToken, createJoinToken, createSigningKey } from "../src/cli/tokens.ts";

const SIGNING_KEY_SECRET = "PETREL_SIGNING_KEY";
const SECRET_MODE = 0o600;
const DIRECTORY_MODE = 0o700;
const wranglerScript = join(packageRoot, "node_modules", "wrangler", "bin", "wrangler.js");

function fail(text: string): never {
	process.stderr.write(`petrel: ${text}\n`);
	process.exit(1);
}

function wrangler(args: string[], options: { input?: string; show?: boolean } = {}): { ok: boolean; output: string } {
	const result = spawnSync(process.execPath, [wranglerScript, ...args], {
		cwd: packageRoot,
		encoding: "utf8",
		...(options.input === undefined ? {} : { input: options.input }),
	});
	const output = `${result.stdout}${result.stderr}`;
	if (options.show) process.stdout.write(output);
	return { ok: result.status === 0, output };
}

const extra = process.argv.slice(2);
if (extra.includes("--dry-run")) process.exit(wrangler(["deploy", "--outdir", "dist/account", ...extra], { show: true }).ok ? 0 : 1);

const nameIndex = extra.indexOf("--name");
const name = nameIndex >= 0 ? (extra[nameIndex + 1] ?? "") : "petrel";
const nameArguments = nameIndex >= 0 ? ["--name", name] : [];
const account = join(homedir(), ".petrel", "accounts", name);
const keyFile = join(account, "signing-key.json");

if (!wrangler(["whoami"]).ok) fail("Wrangler is not logged in to Cloudflare. Run `npx wrangler login`, or set CLOUDFLARE_API_TOKEN, then deploy again.");

mkdirSync(account, { recursive: true, mode: DIRECTORY_MODE });
const secrets = wrangler(["secret", "list", "--format", "json", ...nameArguments]);
const hasSecret = secrets.ok && secrets.output.includes(SIGNING_KEY_SECRET);
if (hasSecret && !existsSync(keyFile))
	fail(`The Worker ${name} has a signing key already, but ${keyFile} is not on this machine. Copy it from the machine that deployed first.`);
const signingKey = existsSync(keyFile) ? readFileSync(keyFile, "utf8") : await createSigningKey();
if (!existsSync(keyFile)) writeFileSync(keyFile, signingKey, { mode: SECRET_MODE });

const deployed = wrangler(["deploy", ...extra], { show: true });
if (!deployed.ok) fail("Wrangler could not deploy the Worker; its words are above.");
if (!hasSecret && !wrangler(["secret", "put", SIGNING_KEY_SECRET, ...nameArguments], { input: signingKey, show: true }).ok)
	fail("The Worker's signing key could not be stored. Deploy again.");

const url =
	/https:\/\/\S+\.workers\.dev/.exec(deployed.output)?.[0] ??
	fail("Wrangler did not say the Worker's address. With a route of your own, write its address into the kubeconfig yourself.");
const kubeconfig = join(account, "kubeconfig");
const nowMs = Date.now();
writeFileSync(kubeconfig, kubeconfigText({ url, token: await createAdminToken(signingKey, nowMs) }, name), { mode: SECRET_MODE });
console.log(`\nThe control plane runs at ${url}\n\n  export KUBECONFIG=${kubeconfig}\n\nA machine joins it with (the token is good for one day):\n`);
console.log(`  npx petrel agent --server ${url} --token ${await createJoinToken(signingKey, nowMs)}\n`);
