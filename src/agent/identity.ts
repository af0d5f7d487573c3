/** Who this agent is: an instance id made once per data directory, and the credential that joining gave. All files are 0600. */
import { randomUUID } from "node:crypto";
import { mkdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { AGENT_PROTOCOL_VERSION, type JoinResponse } from "../core/protocol/agent-protocol.ts";
import { type ClusterNetwork, DEFAULT_NETWORK } from "../core/protocol/cluster-addresses.ts";
import { AgentError } from "./agent-error.ts";
import { readFileIfPresent, writeFileAtomic } from "./atomic-file.ts";
import type { Taint } from "../core/schema/kubernetes.d.ts";
import { type Clock, sleep } from "./clock.ts";
import { ControlPlaneClient, ControlPlaneError, parseJson } from "./control-plane-client.ts";
import { errorText, type Logger } from "./log.ts";
import { RetryDelay } from "./retry-delay.ts";

/** How long a first join waits for a control plane that does not answer yet. */
export const JOIN_PATIENCE_MS = 15_000;

export interface Membership {
	server: string;
	nodeName: string;
	cluster: JoinResponse;
	/** When this machine's clock had the credential given, in milliseconds since 1970. */
	credentialAtMs?: number;
}

export interface JoinOptions {
	server: string;
	token: string | undefined;
	ca: string | undefined;
	nodeName: string;
	dataDirectory: string;
	clock: Clock;
	log: Logger;
	/** Those of the Node that joining makes. */
	taints?: Taint[];
	patienceMs?: number;
}

/** Made on the first start; the control plane knows a node's rightful agent by it. */
export async function loadInstanceId(dataDirectory: string): Promise<string> {
	await mkdir(dataDirectory, { recursive: true, mode: 0o700 });
	const path = join(dataDirectory, "instance-id");
	const known = (await readFileIfPresent(path))?.trim();
	if (known) return known;
	const fresh = randomUUID();
	await writeFileAtomic(path, `${fresh}\n`);
	return fresh;
}

const membershipFile = (dataDirectory: string): string => join(dataDirectory, "membership.json");

/** What an earlier join left; undefined when there is none for this server. */
export async function loadMembership(options: JoinOptions): Promise<Membership | undefined> {
	const path = membershipFile(options.dataDirectory);
	const text = await readFileIfPresent(path);
	if (text === undefined) return undefined;
	const saved = parseJson(text) as Partial<Membership> | undefined;
	if (!saved?.cluster?.credential || !saved.nodeName) {
		options.log.warn("the saved membership cannot be read; joining anew", { path });
		return undefined;
	}
	if (saved.nodeName !== options.nodeName) {
		throw new AgentError(
			"data-directory",
			`${options.dataDirectory} belongs to node ${JSON.stringify(saved.nodeName)}, not ${JSON.stringify(options.nodeName)}; give another --data-dir, or that node's name`,
		);
	}
	// The port of a local cluster may change; the credential is good for the cluster whatever its address.
	return { ...saved, server: options.server } as Membership;
}

/** The network of the cluster that this directory's agent has joined, as far as it is known; for what must be removed. */
export async function savedNetwork(dataDirectory: string): Promise<ClusterNetwork> {
	const text = await readFileIfPresent(membershipFile(dataDirectory));
	return (text === undefined ? undefined : (parseJson(text) as Partial<Membership> | undefined)?.cluster?.network) ?? DEFAULT_NETWORK;
}

export async function forgetMembership(dataDirectory: string): Promise<void> {
	await rm(membershipFile(dataDirectory), { force: true });
}

/** Joins with the token and keeps what it gave. Rejects with AgentError, a sentence that says what to do. */
export async function joinCluster(options: JoinOptions, instanceId: string): Promise<Membership> {
	const { server, token, nodeName, clock, log } = options;
	if (!token) throw new AgentError("token", `node ${JSON.stringify(nodeName)} has not joined ${server} yet and no join token was given; give one with --token`);
	const client = new ControlPlaneClient(server, token, options.ca);
	const retry = new RetryDelay();
	const deadlineMs = clock.nowMs() + (options.patienceMs ?? JOIN_PATIENCE_MS);
	try {
		for (;;) {
			try {
				return await joinOnce(client, options, instanceId);
			} catch (error) {
				const final = !(error instanceof ControlPlaneError) || error.kind === "certificate";
				if (final) throw asAgentError(error);
				const delayMs = retry.next();
				if (clock.nowMs() + delayMs > deadlineMs) throw asAgentError(error);
				log.info("the control plane does not answer yet", { error, retryInMs: delayMs });
				await sleep(clock, delayMs);
			}
		}
	} finally {
		client.close();
	}
}

function asAgentError(error: unknown): Error {
	if (!(error instanceof ControlPlaneError)) return error as Error;
	if (error.kind === "certificate") return new AgentError("certificate", error.message, { cause: error });
	return new AgentError("unreachable", `${error.message}; check the address and that the control plane runs`, { cause: error });
}

async function joinOnce(client: ControlPlaneClient, options: JoinOptions, instanceId: string): Promise<Membership> {
	const { server, nodeName, dataDirectory } = options;
	const { code, body } = await client.request("POST", "/agent/v1/join", {
		version: AGENT_PROTOCOL_VERSION,
		nodeName,
		instanceId,
		renews: true,
		...(options.taints?.length ? { taints: options.taints } : {}),
	});
	const said = (body as { message?: string } | undefined)?.message ?? "";
	if (code === 401 || code === 403)
		throw new AgentError("token", `${server} did not accept the join token: ${said || "Unauthorized"}; make a new token and give it with --token`);
	if (code === 409)
		throw new AgentError(
			"name-taken",
			`the name ${JSON.stringify(nodeName)} is taken by another node of the cluster: ${said}; choose another with --name, or delete that node first`,
		);
	if (code === 400 || code === 422) throw new AgentError("refused", `the control plane refused to let ${JSON.stringify(nodeName)} join: ${said}`);
	if (code === 404) throw new AgentError("refused", `${server} knows no clusters for agents to join: ${said || "404"}; check the address, its path included`);
	if (code >= 300) throw new ControlPlaneError("answer", `the control plane answered ${code}: ${said}`);
	const cluster = body as Partial<JoinResponse> | undefined;
	if (cluster?.version !== AGENT_PROTOCOL_VERSION || typeof cluster.credential !== "string")
		throw new AgentError("refused", `${server} gave an answer to joining that this agent does not understand; update the older of the two`);
	const membership: Membership = { server, nodeName, cluster: cluster as JoinResponse, credentialAtMs: options.clock.nowMs() };
	await saveMembership(dataDirectory, membership);
	return membership;
}

export async function saveMembership(dataDirectory: string, membership: Membership): Promise<void> {
	await writeFileAtomic(membershipFile(dataDirectory), JSON.stringify(membership)).catch((error: unknown) => {
		throw new AgentError("data-directory", `${dataDirectory} cannot be written (${errorText(error)})`, { cause: error });
	});
}

/** PEM text of a CA file. */
export async function readCaFile(path: string | undefined): Promise<string | undefined> {
	if (!path) return undefined;
	try {
		return await readFile(path, "utf8");
	} catch (error) {
		throw new AgentError("certificate", `the CA file ${path} cannot be read (${errorText(error)})`, { cause: error });
	}
}
