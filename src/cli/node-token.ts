/** `petrel node token create | list | delete`: bootstrap tokens, Secrets of kube-system that other machines join with. */
import type { Command } from "commander";
import { expiresAtMs, textOf, TOKEN_TYPE } from "../core/authn/bootstrap-token-secret.ts";
import type { Secret } from "../core/schema/kubernetes.d.ts";
import { ApiClient, type ApiServer } from "./api-client.ts";
import { CliError } from "./cli-error.ts";
import { dataDirectory } from "./data-directory.ts";
import { printTable } from "./deployment.ts";
import { readKubeconfig } from "./kubeconfig-file.ts";
import { JOIN_TOKEN_TTL_SECONDS } from "./tokens.ts";

const LONGEST_TTL_SECONDS = 365 * 24 * 3600;
const SECRETS = "/api/v1/namespaces/kube-system/secrets";
const NAME_PREFIX = "bootstrap-token-";
const ID_LENGTH = 6;
const SECRET_LENGTH = 16;
const ALPHABET = "abcdefghijklmnopqrstuvwxyz0123456789";

interface Options {
	data?: string;
	kubeconfig?: string;
	ttl?: string;
	description?: string;
}

/** Each character as likely as the other: bytes past the last whole run of the alphabet are drawn again. */
function randomText(length: number): string {
	let text = "";
	while (text.length < length) {
		const [byte = 255] = crypto.getRandomValues(new Uint8Array(1));
		if (byte < ALPHABET.length * Math.floor(256 / ALPHABET.length)) text += ALPHABET[byte % ALPHABET.length];
	}
	return text;
}

/** The cluster of a data directory, as its administrator. */
function localServer(path: string | undefined): ApiServer {
	const data = dataDirectory(path);
	const [ca, token] = [data.read("ca.crt"), data.read("admin.token")];
	if (!data.exists() || ca === undefined || token === undefined)
		throw new CliError(`There is no cluster in ${data.path}.`, "Start one with `petrel up`, or name its directory with --data.");
	const url = data.runState()?.server;
	if (url === undefined) throw new CliError(`The cluster in ${data.path} does not run.`, "Start it with `petrel up`.");
	return { url, ca, token };
}

async function call<T>(options: Options, method: string, path: string, body?: unknown): Promise<T> {
	const server = options.kubeconfig === undefined ? localServer(options.data) : readKubeconfig(options.kubeconfig);
	const answer = await new ApiClient(server).send<T & { message?: string }>(method, path, body).catch((error: unknown) => {
		throw new CliError(`${server.url} cannot be reached: ${(error as Error).message}.`, "Check that the control plane runs.", { cause: error });
	});
	if (answer.code >= 300) throw new CliError(`${answer.body.message ?? `The API answered ${answer.code}`}.`, "");
	return answer.body;
}

async function create(options: Options): Promise<void> {
	const ttlSeconds = Number(options.ttl);
	if (!Number.isInteger(ttlSeconds) || ttlSeconds < 1 || ttlSeconds > LONGEST_TTL_SECONDS)
		throw new CliError(`${JSON.stringify(options.ttl)} is no time to live.`, `Give seconds from 1 to ${LONGEST_TTL_SECONDS}.`);
	const [id, secret] = [randomText(ID_LENGTH), randomText(SECRET_LENGTH)];
	await call(options, "POST", SECRETS, {
		apiVersion: "v1",
		kind: "Secret",
		metadata: { name: NAME_PREFIX + id },
		type: TOKEN_TYPE,
		stringData: {
			"token-id": id,
			"token-secret": secret,
			expiration: new Date(Date.now() + ttlSeconds * 1000).toISOString(),
			"usage-bootstrap-authentication": "true",
			"auth-extra-groups": "system:bootstrappers:petrel:default-node-token",
			...(options.description === undefined ? {} : { description: options.description }),
		},
	});
	console.log(`${id}.${secret}`);
}

async function list(options: Options): Promise<void> {
	const { items } = await call<{ items: Secret[] }>(options, "GET", `${SECRETS}?fieldSelector=${encodeURIComponent(`type=${TOKEN_TYPE}`)}`);
	const rows = items.map((secret) => {
		const endMs = expiresAtMs(secret);
		return [textOf(secret, "token-id"), endMs === undefined ? "never" : new Date(endMs).toISOString(), textOf(secret, "description")];
	});
	printTable(["ID", "EXPIRES", "DESCRIPTION"], rows);
}

async function remove(token: string, options: Options): Promise<void> {
	const id = token.split(".")[0] ?? "";
	await call(options, "DELETE", `${SECRETS}/${encodeURIComponent(NAME_PREFIX + id)}`);
	console.log(`token ${JSON.stringify(id)} deleted`);
}

const withClusterOptions = (command: Command): Command =>
	command
		.option("--data <dir>", "the cluster's data directory (default: $PETREL_DATA or ~/.petrel)")
		.option("--kubeconfig <file>", "a cluster elsewhere, by the current context of this kubeconfig");

export function nodeCommand(program: Command): void {
	const token = program.command("node").description("nodes of the cluster").command("token").description("tokens that nodes join with");
	withClusterOptions(token.command("create").description("print a new join token"))
		.option("--ttl <seconds>", "how long it can be used, in seconds", String(JOIN_TOKEN_TTL_SECONDS))
		.option("--description <text>", "what it is for")
		.action(create);
	withClusterOptions(token.command("list").description("list the tokens that can be joined with")).action(list);
	withClusterOptions(token.command("delete").argument("<token>").description("revoke a token, by its id or as a whole")).action(remove);
}
