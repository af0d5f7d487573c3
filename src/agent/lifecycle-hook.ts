/** postStart and preStop: exec, httpGet, tcpSocket (a no-op, as upstream) and sleep. */
import type { Container, LifecycleHandler } from "../core/schema/kubernetes.d.ts";
import { type Clock, sleep } from "./clock.ts";
import { resolvePort } from "./pod-names.ts";
import { collector } from "./probes/exec.ts";
import { httpProbe } from "./probes/http-get.ts";
import type { ContainerRuntime } from "./runtime/runtime.ts";

/** What is kept of a hook's output for its event. */
const MAX_HOOK_OUTPUT_BYTES = 1_024;

export interface HookContext {
	runtime: ContainerRuntime;
	clock: Clock;
	container: Container;
	containerId: string;
	podIP: string;
	/** Longest time the hook may take. */
	timeoutMs: number;
	signal: AbortSignal;
}

/** Rejects with a message for FailedPostStartHook or FailedPreStopHook. */
export async function runHook(handler: LifecycleHandler, context: HookContext): Promise<void> {
	const { timeoutMs, signal, podIP } = context;
	if (handler.sleep) {
		await sleep(context.clock, Math.min(handler.sleep.seconds * 1000, timeoutMs), signal);
		return;
	}
	if (handler.exec) {
		await execHook(handler.exec.command ?? [], context);
		return;
	}
	if (!handler.httpGet) return;
	const port = resolvePort(context.container, handler.httpGet.port || 80);
	if (port === undefined) throw new Error(`invalid port number: ${handler.httpGet.port}`);
	const outcome = await httpProbe(handler.httpGet, podIP, port, timeoutMs);
	if (!outcome.success) throw new Error(outcome.message);
}

async function execHook(command: string[], context: HookContext): Promise<void> {
	const output = collector(MAX_HOOK_OUTPUT_BYTES);
	const abort = new AbortController();
	const exec = context.runtime.exec(context.containerId, {
		command,
		tty: false,
		stdout: output.stream,
		stderr: output.stream,
		timeoutMs: context.timeoutMs,
		signal: abort.signal,
	});
	exec.catch(() => undefined);
	try {
		const code = await Promise.race([exec, sleep(context.clock, context.timeoutMs, AbortSignal.any([context.signal, abort.signal])).then(() => undefined)]);
		if (code === undefined) throw new Error(`command ${JSON.stringify(command.join(" "))} did not end in time`);
		if (code !== 0) throw new Error(`command ${JSON.stringify(command.join(" "))} exited with ${code}: ${output.text()}`);
	} finally {
		abort.abort();
	}
}
