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
