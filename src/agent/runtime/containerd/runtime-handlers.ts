/** Handlers that RuntimeClasses may name: runc, and whatever else of the known OCI runtimes the machine has (k3s finds the same). */
import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";

interface Known {
	handler: string;
	/** What must be on the PATH. */
	program: string;
	type: string;
	/** The program is an OCI runtime that runc's own shim runs. */
	byRuncShim: boolean;
}

const RUNC_SHIM = "io.containerd.runc.v2";

const KNOWN: readonly Known[] = [
	{ handler: "crun", program: "crun", type: RUNC_SHIM, byRuncShim: true },
	{ handler: "youki", program: "youki", type: RUNC_SHIM, byRuncShim: true },
	{ handler: "runsc", program: "containerd-shim-runsc-v1", type: "io.containerd.runsc.v1", byRuncShim: false },
	{ handler: "kata", program: "containerd-shim-kata-v2", type: "io.containerd.kata.v2", byRuncShim: false },
];

function onPath(program: string, path: string): string | undefined {
	return path
		.split(delimiter)
		.filter(Boolean)
		.map((folder) => join(folder, program))
		.find((file) => {
			try {
				accessSync(file, constants.X_OK);
				return true;
			} catch {
				return false;
			}
		});
}

/** Sections of containerd's configuration, beside runc's own. */
export function runtimeHandlersText(path = process.env["PATH"] ?? ""): string {
	const sections = KNOWN.flatMap(({ handler, program, type, byRuncShim }) => {
		const file = onPath(program, path);
		if (file === undefined) return [];
		const table = `plugins."io.containerd.grpc.v1.cri".containerd.runtimes.${handler}`;
		const options = byRuncShim ? `\n\n[${table}.options]\n  BinaryName = ${JSON.stringify(file)}\n  SystemdCgroup = false` : "";
		return [`\n[${table}]\n  runtime_type = ${JSON.stringify(type)}${options}\n`];
	});
	return sections.join("");
}
