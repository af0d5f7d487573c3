import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, it } from "vitest";
import { runtimeHandlersText } from "./runtime-handlers.ts";

const directory = mkdtempSync(join(tmpdir(), "petrel-handlers-"));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

it("offers the runtimes that the machine has, those of runc's shim by their own program", () => {
	expect(runtimeHandlersText(directory)).toBe("");
	for (const name of ["crun", "containerd-shim-runsc-v1"]) {
		writeFileSync(join(directory, name), "");
		chmodSync(join(directory, name), 0o755);
	}
	const table = 'plugins."io.containerd.grpc.v1.cri".containerd.runtimes';
	expect(runtimeHandlersText(`/nowhere:${directory}`)).toBe(`
[${table}.crun]
  runtime_type = "io.containerd.runc.v2"

[${table}.crun.options]
  BinaryName = "${directory}/crun"
  SystemdCgroup = false

[${table}.runsc]
  runtime_type = "io.containerd.runsc.v1"
`);
});
