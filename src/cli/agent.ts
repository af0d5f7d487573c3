/** `petrel agent`: makes this machine a node of a cluster. */
import type { Command } from "commander";
import { JOIN_TOKEN_VARIABLE } from "./agent-process.ts";
import type { AgentOptions } from "./run-agent.ts";

const withNodeOptions = (command: Command): Command =>
	command
		.option("--server <url>", "the cluster's address")
		.option("--token <token>", `join token, or $${JOIN_TOKEN_VARIABLE} (petrel node token create)`)
		.option("--name <name>", "the node's name (default: the host name)")
		.option("--data <dir>", "the agent's data directory (default: node/ in $PETREL_DATA or ~/.petrel; /var/lib/petrel for a service)")
		.option("--runtime <name>", "containerd, or process (no isolation); default: containerd where it can run")
		.option("--ca-file <file>", "the CA of the cluster's certificate (default: the system's)")
		.option("--images <dir>", "import the image files (*.tar) of this directory at the start")
		.option("--config <file>", "kubelet's settings: a KubeletConfiguration (kubelet.config.k8s.io/v1beta1) in YAML or JSON")
		.option("--image-credential-provider-config <file>", "kubelet's credential provider plugins: a CredentialProviderConfig (kubelet.config.k8s.io/v1)")
		.option("--image-credential-provider-bin-dir <dir>", "where those plugins' programs are")
		.option(
			"--root-dir <dir>",
			"kubelet's root, for drivers' and plugins' sockets (default: /var/lib/kubelet with containerd, if it is free; else the data directory)",
		)
		.option("--node-labels <labels>", "labels of the node: key=value,key=value")
		.option("--edge-listen <address:port>", "end TLS for the edge here; the control plane must name this node in PETREL_EDGE's tlsNodes")
		.option("--node-ip <address>", "the node's address (default: the machine's first)");

export function agentCommand(program: Command): void {
	const agent = withNodeOptions(program.command("agent").description("make this machine a node of a cluster"))
		.option("--remove-on-exit", "stop and remove the node's pods when the agent is stopped; else they keep running")
		.option("--clean", "remove what an agent has left in its data directory and on this machine, then exit")
		.enablePositionalOptions()
		.action(async (options: AgentOptions) => {
			// Loaded on demand: no other command needs a container runtime.
			const { runAgent } = await import("./run-agent.ts");
			await runAgent(options);
		});
	withNodeOptions(agent.command("install").description("run the agent as a service of systemd, from now on and after each start of the machine"))
		.option("--print", "show the unit and change nothing")
		.action(async (options: AgentOptions & { print?: boolean }) => {
			const { installService } = await import("./agent-service.ts");
			await installService(options);
		});
	agent
		.command("uninstall")
		.description("remove the service; the node's pods go on")
		.action(async () => {
			const { uninstallService } = await import("./agent-service.ts");
			uninstallService();
		});
}
