/** Runs one probe once. The outcome's message is what upstream's prober puts into the Unhealthy event. */
import type { Container, Probe } from "../../core/schema/kubernetes.d.ts";
import { resolvePort } from "../pod-names.ts";
import type { ContainerRuntime } from "../runtime/runtime.ts";
import { execProbe } from "./exec.ts";
import { grpcProbe } from "./grpc.ts";
import { httpProbe } from "./http-get.ts";
import { tcpProbe } from "./tcp-socket.ts";

export interface ProbeOutcome {
	success: boolean;
	message: string;
}

export interface ProbeTarget {
	container: Container;
	containerId: string;
	podIP: string;
}

export const DEFAULT_TIMEOUT_SECONDS = 1;

export async function runProbe(runtime: ContainerRuntime, target: ProbeTarget, probe: Probe): Promise<ProbeOutcome> {
	const timeoutMs = (probe.timeoutSeconds || DEFAULT_TIMEOUT_SECONDS) * 1000;
	try {
		if (probe.exec) return await execProbe(runtime, target.containerId, probe.exec.command ?? [], timeoutMs);
		if (probe.httpGet) return await httpProbe(probe.httpGet, target.podIP, port(target, probe.httpGet.port), timeoutMs);
		if (probe.tcpSocket) return await tcpProbe(probe.tcpSocket.host || target.podIP, port(target, probe.tcpSocket.port), timeoutMs);
		if (probe.grpc) return await grpcProbe(target.podIP, probe.grpc.port, probe.grpc.service ?? "", timeoutMs);
	} catch (error) {
		return { success: false, message: error instanceof Error ? error.message : String(error) };
	}
	return { success: false, message: `missing probe handler for ${target.container.name}` };
}

function port(target: ProbeTarget, wanted: number | string): number {
	const number = resolvePort(target.container, wanted);
	if (number === undefined || number < 1 || number > 65_535) throw new Error(`invalid port number: ${wanted}`);
	return number;
}
