/** A short-lived agent: starts one container as told by JSON in argv, prints its id, and waits to be killed. */
import { createRuntime, type RuntimeKind } from "../../src/agent/runtime/detect.ts";
import type { ContainerConfig, SandboxConfig } from "../../src/agent/runtime/runtime.ts";

interface Order {
	kind: RuntimeKind;
	dataDir: string;
	podCidr: string;
	sandbox: SandboxConfig;
	container: ContainerConfig;
}

const order = JSON.parse(process.argv[2] ?? "") as Order;
const runtime = await createRuntime(order.kind, order);
await runtime.start();
await runtime.setPodCidrs?.([order.podCidr]);
const sandbox = await runtime.runSandbox(order.sandbox);
const id = await runtime.createContainer(sandbox.id, order.container, order.sandbox);
await runtime.startContainer(id);
console.log(id);
setInterval(() => undefined, 1000);
