/** `petrel webhooks list | test | replay`: webhook subscriptions of a cluster; `petrel webhooks url`: where its receivers are sent to. */
import type { Command } from "commander";
import type { Secret, WebhookReceiver, WebhookReplay, WebhookSubscription, WebhookTest } from "../core/schema/kubernetes.d.ts";
import { ApiClient } from "./api-client.ts";
import { CliError } from "./cli-error.ts";
import { dataDirectory } from "./data-directory.ts";
import { printTable } from "./deployment.ts";
import { readKubeconfig } from "./kubeconfig-file.ts";

interface Options {
	data?: string;
	kubeconfig?: string;
	namespace?: string;
	cluster?: boolean;
	since?: string;
}

const GROUP = "/apis/events.petrel.dev/v1";

function clientOf({ data, kubeconfig }: Options): ApiClient {
	const directory = dataDirectory(data);
	if (kubeconfig === undefined && directory.read("kubeconfig") === undefined)
		throw new CliError(`There is no cluster in ${directory.path}.`, "Name its directory with --data, or another cluster with --kubeconfig.");
	return new ApiClient(readKubeconfig(kubeconfig ?? directory.file("kubeconfig")));
}

function pathOf({ cluster, namespace = "default" }: Options, name: string, subresource: string): string {
	const scope = cluster ? "clusterwebhooksubscriptions" : `namespaces/${encodeURIComponent(namespace)}/webhooksubscriptions`;
	return `${GROUP}/${scope}/${encodeURIComponent(name)}/${subresource}`;
}

/** The answer, or what the server says is wrong, in its words. */
async function ask<T>(options: Options, method: string, path: string, body?: unknown): Promise<T> {
	const answer = await clientOf(options).send<T>(method, path, body);
	if (answer.code >= 300)
		throw new CliError((answer.body as { message?: string }).message ?? `The server answered ${answer.code}.`, "See `petrel webhooks list`.");
	return answer.body;
}

function rowOf({ metadata, spec, status }: WebhookSubscription): string[] {
	const ready = status?.conditions?.find(({ type }) => type === "Ready");
	const { service, url } = spec.target;
	const target = service ? `service ${service.name}${service.namespace ? `.${service.namespace}` : ""}` : (url ?? "");
	const counts = [status?.delivered, status?.pending, status?.deadLetters, status?.lost].map((count) => String(count ?? 0));
	return [metadata.namespace ?? "(cluster)", metadata.name ?? "", ready?.reason ?? "Unknown", ...counts, status?.lastSuccessTime ?? "never", target];
}

async function list(options: Options): Promise<void> {
	const own =
		options.namespace === undefined ? `${GROUP}/webhooksubscriptions` : `${GROUP}/namespaces/${encodeURIComponent(options.namespace)}/webhooksubscriptions`;
	const paths = [own, ...(options.namespace === undefined ? [`${GROUP}/clusterwebhooksubscriptions`] : [])];
	const lists = await Promise.all(paths.map((path) => ask<{ items: WebhookSubscription[] }>(options, "GET", path)));
	printTable(
		["NAMESPACE", "NAME", "STATE", "DELIVERED", "PENDING", "DEAD", "LOST", "LAST SUCCESS", "TARGET"],
		lists.flatMap(({ items }) => items.map(rowOf)),
	);
}

async function test(name: string, options: Options): Promise<void> {
	const { status = {} } = await ask<WebhookTest>(options, "POST", pathOf(options, name, "test"), {});
	if (!status.delivered)
		throw new CliError(`The target did not take the test: ${status.problem}.`, "See `kubectl describe webhooksubscription`, and the target's own log.");
	console.log(`delivered: the target answered ${status.statusCode} after ${status.durationMilliseconds ?? 0} ms`);
}

async function replay(name: string, options: Options): Promise<void> {
	const body = options.since === undefined ? {} : { spec: { resourceVersion: options.since } };
	const { status = {} } = await ask<WebhookReplay>(options, "POST", pathOf(options, name, "replay"), body);
	const elsewhere = options.cluster ? `, and ${status.namespaces ?? 0} namespaces were told to replay theirs` : "";
	console.log(`${status.queued ?? 0} changes wait to be delivered again${elsewhere}`);
}

/** Where a receiver's sender sends; with the secret at its end where nothing else proves who sends. */
async function url(name: string, options: Options): Promise<void> {
	const namespace = encodeURIComponent(options.namespace ?? "default");
	const { spec, status } = await ask<WebhookReceiver>(options, "GET", `${GROUP}/namespaces/${namespace}/webhookreceivers/${encodeURIComponent(name)}`);
	if (spec.type !== "DockerHub") return console.log(status?.url ?? "");
	const secret = await ask<Secret>(options, "GET", `/api/v1/namespaces/${namespace}/secrets/${encodeURIComponent(spec.secretRef.name)}`);
	console.log(`${status?.url}/${Buffer.from(secret.data?.[spec.secretRef.key ?? ""] ?? "", "base64").toString()}`);
}

const withClusterOptions = (command: Command): Command =>
	command
		.option("--data <dir>", "the cluster's data directory (default: $PETREL_DATA or ~/.petrel)")
		.option("--kubeconfig <file>", "the kubeconfig of another cluster")
		.option("-n, --namespace <name>", "the subscription's or receiver's namespace");

export function webhooksCommand(program: Command): void {
	const webhooks = program.command("webhooks").description("subscriptions to a cluster's changes, and receivers of others' webhooks");
	const cluster = ["--cluster", "a ClusterWebhookSubscription"] as const;
	withClusterOptions(webhooks.command("list").description("list subscriptions and how their deliveries stand")).action(list);
	withClusterOptions(webhooks.command("test").argument("<name>").description("send one event that tells of nothing"))
		.option(...cluster)
		.action(test);
	withClusterOptions(webhooks.command("replay").argument("<name>").description("deliver again: the dead letters, or what changed since a version"))
		.option(...cluster)
		.option("--since <resourceVersion>", "all changes after this version, as far back as the change log reaches")
		.action(replay);
	withClusterOptions(webhooks.command("url").argument("<name>").description("print where a WebhookReceiver's sender is to send")).action(url);
}
