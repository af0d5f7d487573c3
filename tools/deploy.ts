/**
 * `npm run deploy`: puts the Worker on a Cloudflare account, makes its keys when there are none, and writes a
 * kubeconfig with an administrator's token. Arguments after `--` go to wrangler: `npm run deploy -- --name my-petrel`.
 */
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { packageRoot } from "../src/cli/bundle.ts";
import { deploymentDirectory } from "../src/cli/deployment.ts";
import { createEncryptionKeys } from "../src/cli/encryption-keys.ts";
import { kubeconfigText } from "../src/cli/kubeconfig-file.ts";
import { createAdminToken, createJoinToken, createSigningKey } from "../src/cli/tokens.ts";

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

interface WorkerSecret {
	secret: string;
	text: string;
	/** The Worker has it as it is here. */
	isThere: boolean;
	file: string;
}

const hashOf = (text: string): string => createHash("sha256").update(text).digest("hex");

const extra = process.argv.slice(2);
if (extra.includes("--dry-run")) process.exit(wrangler(["deploy", "--outdir", "dist/account", ...extra], { show: true }).ok ? 0 : 1);

const nameIndex = extra.indexOf("--name");
const name = nameIndex >= 0 ? (extra[nameIndex + 1] ?? "") : "petrel";
const nameArguments = nameIndex >= 0 ? ["--name", name] : [];
const account = deploymentDirectory(name);

if (!wrangler(["whoami"]).ok) fail("Wrangler is not logged in to Cloudflare. Run `npx wrangler login`, or set CLOUDFLARE_API_TOKEN, then deploy again.");

mkdirSync(account, { recursive: true, mode: DIRECTORY_MODE });
const secrets = wrangler(["secret", "list", "--format", "json", ...nameArguments]);
const signingKey = await secretOf("PETREL_SIGNING_KEY", "signing-key.json", createSigningKey);
const encryptionKeys = await secretOf("PETREL_ENCRYPTION_KEYS", "encryption-keys.json", createEncryptionKeys);

/** The secret's text, which this machine keeps a copy of, made when there is none. */
async function secretOf(secret: string, fileName: string, create: () => string | Promise<string>): Promise<WorkerSecret> {
	const file = join(account, fileName);
	const isThere = secrets.ok && secrets.output.includes(secret);
	if (isThere && !existsSync(file))
		fail(`The Worker ${name} has its ${secret} already, but ${file} is not on this machine. Copy it from the machine that deployed first.`);
	if (!existsSync(file)) writeFileSync(file, await create(), { mode: SECRET_MODE });
	const text = readFileSync(file, "utf8");
	return { secret, text, isThere: isThere && existsSync(`${file}.stored`) && readFileSync(`${file}.stored`, "utf8") === hashOf(text), file };
}

/** Secrets can be stored once the Worker is there. What was stored is remembered by its hash: a rotated key is stored anew. */
function store({ secret, text, isThere, file }: WorkerSecret): void {
	if (isThere) return;
	if (!wrangler(["secret", "put", secret, ...nameArguments], { input: text, show: true }).ok) fail(`The Worker's ${secret} could not be stored. Deploy again.`);
	writeFileSync(`${file}.stored`, hashOf(text), { mode: SECRET_MODE });
}

const deployed = wrangler(["deploy", ...extra], { show: true });
if (!deployed.ok) fail("Wrangler could not deploy the Worker; its words are above.");
for (const secret of [signingKey, encryptionKeys]) store(secret);

const url =
	/https:\/\/\S+\.workers\.dev/.exec(deployed.output)?.[0] ??
	fail("Wrangler did not say the Worker's address. With a route of your own, write its address into the kubeconfig yourself.");
writeFileSync(join(account, "deployment.json"), `${JSON.stringify({ url })}\n`, { mode: SECRET_MODE });
const kubeconfig = join(account, "kubeconfig");
const nowMs = Date.now();
writeFileSync(kubeconfig, kubeconfigText({ url, token: await createAdminToken(signingKey.text, nowMs) }, name), { mode: SECRET_MODE });
console.log(`\nThe control plane runs at ${url}\n\n  export KUBECONFIG=${kubeconfig}\n\nA machine joins it with (the token is good for one day):\n`);
console.log(`  npx petrel agent --server ${url} --token ${await createJoinToken(signingKey.text, nowMs)}\n`);
