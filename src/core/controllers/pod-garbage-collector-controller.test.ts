import { expect, it } from "vitest";
import { MemoryWorld } from "../../../test/controllers/memory-world.ts";
import { pods } from "../../../test/controllers/workloads.ts";
import type { Pod } from "../schema/kubernetes.d.ts";
import { podGarbageCollectorController } from "./pod-garbage-collector-controller.ts";

it("deletes the oldest of too many ended pods, evicted ones first, and looks no more often than every 20 seconds", () => {
	const w = new MemoryWorld([podGarbageCollectorController({ endedPodsMax: 2 })]);
	const end = (name: string, phase: string, reason?: string) => {
		w.create("pods", { apiVersion: "v1", kind: "Pod", metadata: { name }, spec: { containers: [] } } as Pod);
		w.edit<Pod>("pods", name, (pod) => {
			pod.status = { phase, ...(reason ? { reason } : {}) };
		});
		w.drain();
		w.nowMs += 1_000;
	};
	end("old", "Succeeded");
	end("young", "Failed");
	end("evicted", "Failed", "Evicted");
	end("last", "Succeeded");
	expect(pods(w)).toHaveLength(4);
	w.advance(20_000);
	expect(pods(w).map(({ metadata }) => metadata.name)).toEqual(["young", "last"]);
});
