/**
 * What a node with real containers holds, read from its runtime and from the kernel, and what of it should not be there: each
 * sandbox, container, mount, interface, network namespace, address, cgroup, shim and directory belongs to a pod of the node.
 */
import { execFileSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import type { Message } from "../../../src/core/codec/message.ts";
import type { Pod } from "../../../src/core/schema/kubernetes.d.ts";
import { LABELS } from "../../../src/agent/runtime/containerd/cri-config.ts";
import { CRI } from "../../../src/agent/runtime/containerd/cri-messages.ts";
import { containerdPaths } from "../../../src/agent/runtime/containerd/daemon.ts";
import { GrpcClient } from "../../../src/agent/runtime/containerd/grpc-client.ts";
import { mountsBelow, podCgroupRoots, shims } from "./node-processes.ts";
import { podsOnNode } from "./node-pods.ts";
import type { RemoteNode } from "./remote-node.ts";

const CALL_TIMEOUT_MS = 10_000;
/** The present container and the one before it, kept for its log. */
const CONTAINERS_KEPT = 2;
const RUNNING = 1;
const ID = /[0-9a-f]{64}/g;
const NETWORK_NAMESPACE = /\/netns\/cni-[0-9a-f-]+$/;

interface Sandbox {
	id: string;
	uid: string;
	ready: boolean;
}

interface Container {
	id: string;
	uid: string;
	/** The pod's name. */
	pod: string;
	name: string;
	attempt: number;
	sandboxId: string;
	running: boolean;
}

export interface NodeContents {
	sandboxes: Sandbox[];
	containers: Container[];
	/** By sandbox, what CNI has given out. */
	addresses: Map<string, string>;
}

const labelOf = (item: Message, name: string): string => ((item["labels"] ?? {}) as Record<string, string>)[name] ?? "";

const entries = (directory: string): string[] => (existsSync(directory) ? readdirSync(directory) : []);

export async function readNode(node: RemoteNode): Promise<NodeContents> {
	const client = new GrpcClient(containerdPaths(node.directory).socket);
	try {
		const { items = [] } = await client.call(CRI.listPodSandbox, {}, CALL_TIMEOUT_MS);
		const { containers = [] } = await client.call(CRI.listContainers, {}, CALL_TIMEOUT_MS);
		return {
			sandboxes: (items as Message[]).map((item) => ({ id: String(item["id"]), uid: labelOf(item, LABELS.podUid), ready: (item["state"] ?? 0) === 0 })),
			containers: (containers as Message[]).map((item) => {
				const { name = "", attempt = 0 } = item["metadata"] as { name?: string; attempt?: number };
				const [uid, pod] = [labelOf(item, LABELS.podUid), labelOf(item, LABELS.podName)];
				return { id: String(item["id"]), uid, pod, name, attempt, sandboxId: String(item["podSandboxId"]), running: item["state"] === RUNNING };
			}),
			addresses: addressesOf(node),
		};
	} finally {
		client.close();
	}
}

function addressesOf(node: RemoteNode): Map<string, string> {
	const { cniData, instance } = containerdPaths(node.directory);
	const directory = join(cniData, `petrel-${instance}`);
	const files = entries(directory).filter((name) => /^\d+\.\d+\.\d+\.\d+$/.test(name));
	return new Map(files.map((address) => [readFileSync(join(directory, address), "utf8").trim().split(/\s/)[0] ?? "", address]));
}

/** Sentences about what is wrong; none when the node holds exactly these pods, and the API says what is so. */
export function problemsOf(node: RemoteNode, contents: NodeContents, pods: readonly Pod[]): string[] {
	const wanted = new Set(pods.map(({ metadata }) => metadata.uid ?? ""));
	return [
		...statusProblems(contents, pods),
		...runtimeProblems(contents, wanted),
		...kernelProblems(node, contents),
		...diskProblems(node, contents, wanted),
	].map((problem) => `${node.name}: ${problem}`);
}

function statusProblems({ sandboxes, containers, addresses }: NodeContents, pods: readonly Pod[]): string[] {
	return pods.flatMap(({ metadata: { name, uid }, status }) => {
		const ready = sandboxes.filter((one) => one.uid === uid && one.ready);
		const running = containers.filter((one) => one.uid === uid && one.running);
		const [told] = status?.containerStatuses ?? [];
		if (ready.length !== 1) return [`${name} has ${ready.length} sandboxes`];
		if (running.length !== 1) return [`${name} has ${running.length} running containers`];
		const same = told?.containerID?.endsWith(running[0]?.id ?? "") && told.restartCount === running[0]?.attempt && told.ready;
		const said = `${told?.containerID}, ${told?.restartCount} restarts, ready: ${told?.ready}`;
		return [
			...(same ? [] : [`${name} runs ${running[0]?.id}, ${running[0]?.attempt} restarts; the API says ${said}`]),
			...(status?.podIP === addresses.get(ready[0]?.id ?? "") ? [] : [`${name} has ${addresses.get(ready[0]?.id ?? "")}; the API says ${status?.podIP}`]),
		];
	});
}

function runtimeProblems({ sandboxes, containers }: NodeContents, wanted: ReadonlySet<string>): string[] {
	const perName = Map.groupBy(containers, ({ uid, name }) => `${uid}/${name}`);
	return [
		...sandboxes.filter(({ uid }) => !wanted.has(uid)).map(({ id, uid }) => `sandbox ${id} of ${uid}, a pod that is not here`),
		...containers.filter(({ uid }) => !wanted.has(uid)).map(({ id, uid }) => `container ${id} of ${uid}, a pod that is not here`),
		...sandboxes.filter(({ id, ready }) => !ready && !containers.some((one) => one.sandboxId === id)).map(({ id }) => `sandbox ${id} holds nothing`),
		...[...perName].filter(([, kept]) => kept.length > CONTAINERS_KEPT).map(([name, kept]) => `${kept.length} containers of ${name}`),
	];
}

/** What lives in the kernel: each piece belongs to a sandbox that is ready or a container that runs. */
function kernelProblems(node: RemoteNode, { sandboxes, containers }: NodeContents): string[] {
	const ready = sandboxes.filter((one) => one.ready);
	const live = new Set([...ready, ...containers.filter(({ running }) => running)].map(({ id }) => id));
	const mounts = mountsBelow(node.directory);
	const count = (what: string, found: number): string[] => (found === ready.length ? [] : [`${found} ${what} for ${ready.length} sandboxes`]);
	const cgroups = podCgroupRoots(node.directory).flatMap((root) =>
		entries(root)
			.filter((name) => name.startsWith("pod"))
			.flatMap((pod) => entries(join(root, pod)).filter((name) => name.match(ID))),
	);
	return [
		...count("shims", shims(node.directory).length),
		...count("network namespaces", mounts.filter((path) => NETWORK_NAMESPACE.test(path)).length),
		...count("interfaces", node.links().filter((name) => name.startsWith("veth")).length),
		...mounts.filter((path) => path.match(ID)?.some((id) => !live.has(id))).map((path) => `mount ${path}`),
		...new Set(cgroups.filter((id) => !live.has(id)).map((id) => `cgroup of ${id}`)),
	];
}

function diskProblems(node: RemoteNode, { sandboxes, containers, addresses }: NodeContents, wanted: ReadonlySet<string>): string[] {
	const paths = containerdPaths(node.directory);
	const known = new Set([...sandboxes, ...containers].map(({ id }) => id));
	const ready = new Set(sandboxes.filter((one) => one.ready).map(({ id }) => id));
	const listed = execFileSync("ctr", ["--address", paths.socket, "--namespace", "k8s.io", "containers", "list", "--quiet"], { encoding: "utf8" });
	const namespaces = entries(join(paths.base, "state", "io.containerd.grpc.v1.cri", "netns"));
	const podDirectories = [...entries(join(node.directory, "pods")), ...mountsBelow(join(node.directory, "pods")).map((path) => podOfPath(node, path))];
	return [
		...listed
			.split("\n")
			.filter((id) => id !== "" && !known.has(id))
			.map((id) => `containerd's container ${id}`),
		...[...addresses].filter(([sandbox]) => !ready.has(sandbox)).map(([sandbox, address]) => `address ${address} of ${sandbox}`),
		...(namespaces.length > ready.size ? [`${namespaces.length} files of network namespaces for ${ready.size} sandboxes`] : []),
		...[...new Set([...podDirectories, ...podsOnNode(node.directory)])]
			.filter((uid) => !wanted.has(uid))
			.map((uid) => `directory, mount or cgroup of pod ${uid}`),
		...entries(join(node.directory, "logs", "pods"))
			.filter((name) => !wanted.has(basename(name).split("_").at(-1) ?? ""))
			.map((name) => `logs ${name}`),
	];
}

const podOfPath = (node: RemoteNode, path: string): string => path.slice(join(node.directory, "pods").length + 1).split("/")[0] ?? "";
