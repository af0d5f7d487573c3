/** The Cluster object's looks at extension API servers, outside of any turn. */
import type { ProbeOutcome } from "../../core/controllers/apiservice/availability.ts";
import type { APIService } from "../../core/schema/kubernetes.d.ts";
import type { CorePorts } from "../ports.ts";
import type { ResourceCore } from "../resource-core.ts";

export interface ProbePorts {
	/** Looks whether an extension API server answers. Never rejects. */
	probe(service: APIService): Promise<ProbeOutcome>;
}

/** The answers bring the key back to its controller. */
export function answerProbes(core: ResourceCore, ports: CorePorts & ProbePorts): void {
	const ask = async (controller: string, key: string, service: APIService): Promise<void> => {
		const probe = await ports.probe(service);
		core.turn(() => core.runner.gatheredFor(controller, key, { atMs: ports.nowMs(), usages: {}, metrics: {}, probe }));
		await core.settle();
	};
	// Only once the turn that asks has committed.
	core.actor.onGather = ({ controller, key, probe }) => {
		if (probe === undefined) return;
		queueMicrotask(() => void ask(controller, key, probe).catch((error: unknown) => ports.logError("what was gathered could not be used", error)));
	};
}
