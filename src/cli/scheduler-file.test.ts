import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { readSchedulerConfiguration } from "../core/scheduler/configuration/scheduler-configuration.ts";
import { readSchedulerFile } from "./scheduler-file.ts";

let folder: string;
beforeAll(() => {
	folder = mkdtempSync(join(tmpdir(), "petrel-scheduler-"));
});
afterAll(() => rmSync(folder, { recursive: true }));

function read(text: string): string {
	const path = join(folder, "scheduler.yaml");
	writeFileSync(path, text);
	return readSchedulerFile(path);
}

const HEAD = "apiVersion: kubescheduler.config.k8s.io/v1\nkind: KubeSchedulerConfiguration\n";

test("a file as kube-scheduler takes it becomes the control plane's", () => {
	const json = read(`${HEAD}profiles:
- schedulerName: default-scheduler
- schedulerName: bin-packing
  pluginConfig:
  - name: NodeResourcesFit
    args:
      apiVersion: kubescheduler.config.k8s.io/v1
      kind: NodeResourcesFitArgs
      scoringStrategy: {type: MostAllocated}
`);
	expect(readSchedulerConfiguration(JSON.parse(json)).profiles.map(({ schedulerName }) => schedulerName)).toEqual(["default-scheduler", "bin-packing"]);
});

test.each([
	["kind: Other", 'no kind "Other" is registered for version ""'],
	[`${HEAD}parallelism: 0`, "parallelism: Invalid value: 0: should be an integer value greater than zero"],
	[`${HEAD}extenders: [{urlPrefix: "http://x"}]`, "extenders: Forbidden: this scheduler asks no extenders"],
])("one that cannot be used is refused: %s", (text, problem) => {
	expect(() => read(text)).toThrow(problem);
});
