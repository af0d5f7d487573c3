/** Starts the runtime that the agent was given, with the addresses that the cluster gave its node. */
import { podCidrsOf } from "../core/protocol/agent-protocol.ts";
import { AgentError } from "./agent-error.ts";
import type { AgentOptions } from "./agent-options.ts";
import type { Membership } from "./identity.ts";
import { errorText } from "./log.ts";
import type { ContainerRuntime } from "./runtime/runtime.ts";

export async function startRuntime(options: AgentOptions, membership: Membership): Promise<ContainerRuntime> {
	try {
		const runtime = typeof options.runtime === "function" ? await options.runtime(membership.cluster) : options.runtime;
		await runtime.start();
		const podCidrs = podCidrsOf(membership.cluster);
		if (podCidrs.length > 0) await runtime.setPodCidrs?.(podCidrs, membership.cluster.network?.podCidrs);
		return runtime;
	} catch (error) {
		if (error instanceof AgentError) throw error;
		throw new AgentError("runtime", `the container runtime does not start: ${errorText(error)}`, { cause: error });
	}
}
