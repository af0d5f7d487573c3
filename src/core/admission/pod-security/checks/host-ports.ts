/** hostPorts: no port of the host is taken. */
import { type Check, containersOf, containersText, type JudgedPod, plural, type Violation } from "../check.ts";

function judge({ spec }: JudgedPod): Violation | undefined {
	const used = containersOf(spec).map(({ name, ports = [] }) => ({ name, ports: ports.filter(({ hostPort }) => hostPort) }));
	const bad = used.filter(({ ports }) => ports.length > 0);
	if (bad.length === 0) return undefined;
	const ports = [...new Set(bad.flatMap((container) => container.ports.map(({ hostPort }) => String(hostPort))))].sort();
	const names = bad.map(({ name }) => name);
	return {
		reason: "hostPort",
		detail: `${containersText(names)} ${plural(names.length, "uses", "use")} ${plural(ports.length, "hostPort")} ${ports.join(", ")}`,
	};
}

export const hostPorts: Check = { id: "hostPorts", level: "baseline", versions: [{ since: 0, judge }] };
