import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { testPod } from "../../test/support/agent-node.ts";
import type { ApiAnswer } from "./control-plane-client.ts";
import { type PodPaths, podPaths, podRef } from "./pod-names.ts";
import { RuntimeClasses } from "./runtime-classes.ts";

let directory: string;
let paths: PodPaths;
/** Of the API; undefined when it is away. */
let answer: ApiAnswer | undefined;
const asked: string[] = [];

const classes = new RuntimeClasses({
	request: async (_method, path) => {
		asked.push(path);
		if (answer === undefined) throw new Error("the control plane cannot be reached");
		return answer;
	},
});
const pod = testPod({ runtimeClassName: "small" });

beforeEach(() => {
	directory = mkdtempSync(join(tmpdir(), "petrel-classes-"));
	paths = podPaths(directory, podRef(pod));
	answer = { code: 200, body: { handler: "crun" } };
	asked.length = 0;
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

it("knows the handler of a pod's class, also when the control plane has gone since", async () => {
	expect(await classes.handler(pod, paths)).toBe("crun");
	expect(asked).toEqual(["/apis/node.k8s.io/v1/runtimeclasses/small"]);
	answer = undefined;
	expect(await classes.handler(pod, paths)).toBe("crun");
});

it("asks nobody for a pod without a class", async () => {
	expect(await classes.handler(testPod(), paths)).toBe("");
	expect(asked).toEqual([]);
});

it("says why there is no handler", async () => {
	answer = { code: 404, body: { message: "not found" } };
	await expect(classes.handler(pod, paths)).rejects.toThrow('runtimeclasses.node.k8s.io "small" not found');
	answer = { code: 403, body: { message: "forbidden" } };
	await expect(classes.handler(pod, paths)).rejects.toThrow("failed to lookup RuntimeClass small: forbidden");
	answer = undefined;
	await expect(classes.handler(pod, paths)).rejects.toThrow("failed to lookup RuntimeClass small: the control plane cannot be reached");
});
