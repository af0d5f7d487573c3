/** POST to pods/eviction: a delete that says why (policy/v1 Eviction). */
import type { Eviction, Pod } from "../../core/schema/kubernetes.d.ts";
import { deleteObject, updateObject } from "../write.ts";
import { parseJson } from "./body.ts";
import { removalOptions } from "./delete.ts";
import { existing, type VerbCall, type VerbResult, writeOptions } from "./verb.ts";

export function evict(call: VerbCall): VerbResult {
	const { server, kind, request } = call;
	const eviction = parseJson(request.body, "v1.Eviction") as unknown as Eviction;
	const pod = existing(call) as Pod;
	const options = removalOptions({ ...request, body: JSON.stringify(eviction.deleteOptions ?? {}) });
	const marked = options.dryRun
		? pod
		: (updateObject(server, kind, disrupted(pod, server.nowIso()), pod, { ...writeOptions(call), subresource: "status" }) as Pod);
	deleteObject(server, kind, marked, options);
	return { code: 201, object: { kind: "Status", apiVersion: "v1", metadata: {}, status: "Success", code: 201 } };
}

/** The pod with the condition that tells Jobs and people that it was not its own doing. */
function disrupted(pod: Pod, nowIso: string): Pod {
	const next = structuredClone(pod);
	const others = (next.status?.conditions ?? []).filter((condition) => condition.type !== "DisruptionTarget");
	const condition = {
		type: "DisruptionTarget",
		status: "True",
		reason: "EvictionByEvictionAPI",
		message: "Eviction API: evicting",
		lastTransitionTime: nowIso,
	};
	next.status = { ...next.status, conditions: [...others, condition] };
	return next;
}
