/** Makes the kubeconfig of a cluster, and merges it into the user's own when asked. */
import { chmodSync, existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { parse, stringify } from "yaml";
import type { ApiServer } from "./api-client.ts";
import { CliError } from "./cli-error.ts";

const SECRET_MODE = 0o600;

interface Named {
	name: string;
}
interface Kubeconfig {
	apiVersion: "v1";
	kind: "Config";
	clusters: (Named & { cluster: unknown })[];
	users: (Named & { user: unknown })[];
	contexts: (Named & { context: unknown })[];
	"current-context": string;
}

function config({ url, ca, token }: ApiServer, name: string): Kubeconfig {
	const authority = ca === undefined ? {} : { "certificate-authority-data": Buffer.from(ca).toString("base64") };
	return {
		apiVersion: "v1",
		kind: "Config",
		clusters: [{ name, cluster: { server: url, ...authority } }],
		users: [{ name: `${name}-admin`, user: { token } }],
		contexts: [{ name, context: { cluster: name, user: `${name}-admin` } }],
		"current-context": name,
	};
}

export function kubeconfigText(server: ApiServer, name = "petrel"): string {
	return stringify(config(server, name), { lineWidth: 0 });
}

const upsert = <T extends Named>(list: T[] | undefined, entries: T[]): T[] => [
	...(list ?? []).filter((old) => !entries.some((entry) => entry.name === old.name)),
	...entries,
];

/** Adds the cluster to the user's kubeconfig ($KUBECONFIG's first file or ~/.kube/config) as the current context; answers the file's path. */
export function mergeKubeconfig(server: ApiServer, name = "petrel"): string {
	const path = process.env["KUBECONFIG"]?.split(delimiter)[0] || join(homedir(), ".kube", "config");
	const ours = config(server, name);
	let theirs: Partial<Kubeconfig>;
	try {
		theirs = existsSync(path) ? ((parse(readFileSync(path, "utf8")) as Partial<Kubeconfig> | null) ?? {}) : {};
	} catch (error) {
		throw new CliError(`${path} is no valid kubeconfig.`, "Repair it, or leave out --merge.", { cause: error });
	}
	const merged = {
		...theirs,
		...ours,
		clusters: upsert(theirs.clusters, ours.clusters),
		users: upsert(theirs.users, ours.users),
		contexts: upsert(theirs.contexts, ours.contexts),
	};
	mkdirSync(dirname(path), { recursive: true });
	const temporary = `${path}.${process.pid}.new`;
	writeFileSync(temporary, stringify(merged, { lineWidth: 0 }), { mode: SECRET_MODE });
	renameSync(temporary, path);
	chmodSync(path, SECRET_MODE);
	return path;
}

interface ReadKubeconfig {
	"current-context"?: string;
	contexts?: { name: string; context: { cluster: string; user: string } }[];
	clusters?: { name: string; cluster: { server: string; "certificate-authority-data"?: string } }[];
	users?: { name: string; user: { token?: string } }[];
}

/** The server and token of a kubeconfig's current context. */
export function readKubeconfig(path: string): ApiServer {
	let config: ReadKubeconfig;
	try {
		config = (parse(readFileSync(path, "utf8")) as ReadKubeconfig | null) ?? {};
	} catch (error) {
		throw new CliError(`${path} is no valid kubeconfig.`, "Give another with --kubeconfig.", { cause: error });
	}
	const context = config.contexts?.find(({ name }) => name === config["current-context"])?.context;
	const cluster = config.clusters?.find(({ name }) => name === context?.cluster)?.cluster;
	const token = config.users?.find(({ name }) => name === context?.user)?.user.token;
	if (cluster === undefined || token === undefined) throw new CliError(`${path} has no current context with a token.`, "Give another with --kubeconfig.");
	const ca = cluster["certificate-authority-data"];
	return { url: cluster.server, token, ...(ca === undefined ? {} : { ca: Buffer.from(ca, "base64").toString() }) };
}
