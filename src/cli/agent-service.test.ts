import { expect, it } from "vitest";
import { unitText } from "./agent-service.ts";

it("makes a unit that restarts the agent, spares its pods and waits for them at a shutdown", () => {
	const command = [
		"/opt/node",
		"/opt/petrel/dist/agent.cjs",
		"agent",
		"--server",
		"https://host:6443/clusters/a",
		"--name",
		"a b",
		"--node-labels",
		"cost=5%,x=$y",
	];
	const unit = unitText({ command, environmentFile: "/etc/petrel/agent.env", shutdownSeconds: 60 });
	expect(unit).toContain(
		'ExecStart=/opt/node /opt/petrel/dist/agent.cjs agent --server https://host:6443/clusters/a --name "a b" --node-labels "cost=5%%,x=$$y"\n',
	);
	for (const line of ["EnvironmentFile=-/etc/petrel/agent.env", "KillMode=process", "Restart=always", "TimeoutStopSec=90", "WantedBy=multi-user.target"])
		expect(unit.split("\n")).toContain(line);
});
