/** What `petrel agent` runs: the agent with the runtime and the Service network that this machine can carry. */
import { createHash } from "node:crypto";
import { readdir } from "node:fs/promises";
import { join, resolve } from "node:path";
import { podCidrsOf } from "../core/protocol/agent-protocol.ts";
import { DEFAULT_NETWORK } from "../core/protocol/cluster-addresses.ts";
import { type Agent, type AgentOptions, type NodeNetwork, startAgent } from "./agent.ts";
import { AgentError } from "./agent-error.ts";
import { isMissing } from "./atomic-file.ts";
import { KUBELET_ROOT } from "./kubelet-root.ts";
import { systemClock } from "./clock.ts";
import { createLogger, errorText, type Logger } from "./log.ts";
import { NetworkPolicies } from "./network/network-policies.ts";
import { DEFAULT_FAMILY_NETWORK, type FamilyNetwork, familyNetworks, type NftFamily, nftFamilyOf } from "./network/nft-family.ts";
import { NftProxy } from "./network/nft-proxy.ts";
import { PodRoutes, type PodRoutesOptions } from "./network/pod-routes.ts";
import { RelayedPaths } from "./network/relay/relayed-paths.ts";
import type { ServiceProxy } from "./network/service-proxy.ts";
import { UserspaceProxy } from "./network/userspace-proxy.ts";
import { createRuntime, detectRuntime, type RuntimeKind } from "./runtime/detect.ts";
import type { ContainerRuntime } from "./runtime/runtime.ts";

export interface NodeOptions extends Omit<AgentOptions, "runtime" | "network" | "kubeletRoot"> {
	/** Kubelet's root directory; without it /var/lib/kubelet for containers, if that is free, else the data directory. */
	rootDir?: string;
	/** Which runtime to use; without it containerd where it can run. */
	runtimeKind?: RuntimeKind;
	/** Image files (*.tar) imported at the start. */
	imagesDir?: string;
}

/** Joins and runs until `stop`. Rejects with AgentError, a sentence for the user. */
export async function runNode(options: NodeOptions): Promise<Agent> {
	const log = options.log ?? createLogger();
	guardProcess(log);
	const dataDir = resolve(options.dataDir);
	const { kind, reason } = await detectRuntime({ dataDir, ...(options.runtimeKind ? { prefer: options.runtimeKind } : {}) });
	if (options.runtimeKind && options.runtimeKind !== kind) throw new AgentError("runtime", `the ${options.runtimeKind} runtime cannot be used: ${reason}`);
	log.info("container runtime", { kind, reason });
	return startAgent({
		...options,
		dataDir,
		log,
		...kubeletRootOf(kind, options.rootDir),
		clusterServices: kind === "containerd" ? "cluster-addresses" : "loopback",
		runtime: () => createRuntime(kind, { dataDir, podPidsLimit: options.configuration?.podPidsLimit }),
		network: async (cluster, runtime, client) => {
			await importImages(runtime, options.imagesDir, log);
			const { nodeName } = options;
			if (kind === "containerd" && cluster.podCidr) {
				const families = familyNetworks(cluster.network ?? DEFAULT_NETWORK);
				const ranges = podCidrsOf(cluster);
				const rangeOf = (family: NftFamily): string => ranges.find((one) => nftFamilyOf(one) === family) ?? "";
				const routes = podRoutes(dataDir, nodeName, { podCidr: rangeOf("ip"), podCidr6: rangeOf("ip6") || undefined }, log);
				const others = new RelayedPaths({ routes, client, clock: options.clock ?? systemClock, log });
				if (rangeOf("ip") === "") log.warn("pods of other nodes are not reached: the cluster has no IPv4 range, by which nodes know each other");
				return combined([
					...families.map((network) => networkPolicies(dataDir, rangeOf(network.family), network, log)),
					...families.map((network) => serviceProxy(kind, dataDir, nodeName, network, log)),
					...(rangeOf("ip") === "" ? [] : [others]),
				]);
			}
			return serviceProxy(kind, dataDir, nodeName, DEFAULT_FAMILY_NETWORK, log);
		},
	});
}

function kubeletRootOf(kind: RuntimeKind, rootDir: string | undefined): Pick<AgentOptions, "kubeletRoot"> {
	if (rootDir !== undefined) return { kubeletRoot: { directory: resolve(rootDir), required: true } };
	return kind === "containerd" ? { kubeletRoot: { directory: KUBELET_ROOT, required: false } } : {};
}

const instanceOf = (dataDir: string): string => createHash("sha256").update(dataDir).digest("hex").slice(0, 8);

/** The parts of a node's network as one. */
function combined(parts: readonly NodeNetwork[]): NodeNetwork {
	return {
		start: async () => {
			for (const part of parts) await part.start();
		},
		// One that fails does not keep the others from it; the rows come again to all.
		apply: async (rows) => {
			const failed = (await Promise.allSettled(parts.map((part) => part.apply(rows)))).find(({ status }) => status === "rejected");
			if (failed?.status === "rejected") throw failed.reason;
		},
		stop: async (options) => {
			for (const part of parts) await part.stop(options);
		},
	};
}

/** The way to other nodes' pods. */
export function podRoutes(dataDir: string, nodeName: string, ranges: Pick<PodRoutesOptions, "podCidr" | "podCidr6">, log: Logger = createLogger()): PodRoutes {
	return new PodRoutes({ instance: instanceOf(dataDir), nodeName, ...ranges, log: (message) => log.warn(message) });
}

/** What NetworkPolicies let through to and from this node's pods. */
export function networkPolicies(dataDir: string, podCidr: string, network: FamilyNetwork, log: Logger = createLogger()): NetworkPolicies {
	return new NetworkPolicies({ instance: instanceOf(dataDir), podCidr, network, log: (message) => log.warn(message) });
}

/** Rules in the kernel where containers have a network of their own; else ports forwarded by the agent itself. */
export function serviceProxy(kind: RuntimeKind, dataDir: string, nodeName: string, network: FamilyNetwork, log: Logger = createLogger()): ServiceProxy {
	const tell = (message: string) => log.info(message);
	const instance = instanceOf(dataDir);
	return kind === "containerd"
		? new NftProxy({ instance, nodeName, network, answersHealth: network.family === "ip", log: tell })
		: new UserspaceProxy({ log: tell });
}

/** A file that is no image is told and passed over: the node is of use without it. */
async function importImages(runtime: ContainerRuntime, directory: string | undefined, log: Logger): Promise<void> {
	if (!directory) return;
	const names = await readdir(directory).catch((error: unknown) => {
		if (isMissing(error)) return [];
		throw error;
	});
	for (const name of names.filter((n) => n.endsWith(".tar")).sort()) {
		try {
			const images = await runtime.importImage(join(directory, name));
			log.info("imported an image", { file: name, images: images.join(",") });
		} catch (error) {
			log.error("an image could not be imported", { file: name, error });
		}
	}
}

let guarded = false;

/** A fault that nobody caught is logged with its cause; the node goes on, because its pods depend on it. */
export function guardProcess(log: Logger): void {
	if (guarded) return;
	guarded = true;
	const tell = (error: unknown) =>
		log.error("an error that nobody caught", { error: errorText(error), stack: error instanceof Error ? error.stack : undefined });
	process.on("unhandledRejection", tell);
	process.on("uncaughtException", tell);
}
