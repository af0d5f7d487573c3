/** Calls that a write waits for: whoever is asked has a place. */
import { expect, it } from "vitest";
import type { CallTarget } from "../../core/admission/outside-call.ts";
import type { WorkerEnv } from "../../core/protocol/tokens.ts";
import { makeCalls, urlOf } from "./make-calls.ts";

it.each<[CallTarget, string]>([
	[{ url: "https://hook.example.com/review" }, "https://hook.example.com/review"],
	[{ service: { namespace: "ns", name: "hook", port: 443, path: "review" } }, "https://hook.ns.svc/review"],
	[{ collection: { namespace: "ns", resource: "configmaps" } }, "https://object/ns/configmaps"],
	[{ node: "n1" }, "https://object/nodes/n1"],
])("%j is at %s", (target, url) => {
	expect(urlOf(target).href).toBe(url);
});

it("asks the Cluster object for a node's labels", async () => {
	const cluster = { nodeLabels: async (name: string) => (name === "n1" ? { zone: "z1" } : null) };
	const env = { CLUSTER: { idFromName: (name: string) => name, get: () => cluster } } as unknown as WorkerEnv;
	const call = (node: string) => ({ key: node, uid: "u", target: { node }, timeoutSeconds: 1, body: "" });
	expect(await makeCalls(env, "default", [call("n1"), call("n2")])).toEqual([
		{ key: "n1", uid: "u", status: 200, body: '{"zone":"z1"}' },
		{ key: "n2", uid: "u", status: 200, body: "null" },
	]);
});
