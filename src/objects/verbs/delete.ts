/** DELETE of one object. DeleteOptions come in the query or the body. */
import type { ApiRequest } from "../../core/api/request.ts";
import { badRequest } from "../../core/errors/status-error.ts";
import type { KindDefinition } from "../../core/kinds/define-kind.ts";
import type { KubeObject } from "../../core/meta/object.ts";
import type { DeleteOptions } from "../../core/schema/kubernetes.d.ts";
import { deleteObject, type RemovalOptions } from "../write.ts";
import { parseJson } from "./body.ts";
import { existingStored, shown, storedKind } from "./version.ts";
import { type VerbCall, type VerbResult, writeOptions } from "./verb.ts";

const PROPAGATIONS = ["Foreground", "Background", "Orphan"] as const;

/** The query's options, overridden by the body's. */
export function removalOptions(request: ApiRequest, addWarning: (text: string) => void): RemovalOptions {
	const body = (request.body === "" ? {} : parseJson(request.body, "v1.DeleteOptions")) as Partial<DeleteOptions>;
	const policy = body.propagationPolicy ?? request.query.propagationPolicy;
	const orphan = body.orphanDependents ?? request.query.orphanDependents;
	if (policy !== undefined && !PROPAGATIONS.includes(policy as "Orphan"))
		throw badRequest(`invalid propagationPolicy ${JSON.stringify(policy)}: must be one of Foreground, Background, Orphan`);
	const grace = body.gracePeriodSeconds ?? request.query.gracePeriodSeconds;
	if (grace !== undefined && (!Number.isInteger(grace) || grace < 0)) throw badRequest(`invalid gracePeriodSeconds ${grace}: must be a non-negative integer`);
	const propagation = (policy as RemovalOptions["propagation"]) ?? (orphan === undefined ? undefined : orphan ? "Orphan" : "Background");
	return {
		user: request.user,
		addWarning,
		dryRun: request.query.dryRun === true || (body.dryRun ?? []).includes("All"),
		...(grace === undefined ? {} : { gracePeriodSeconds: grace }),
		...(propagation === undefined ? {} : { propagation }),
		...(body.preconditions ? { preconditions: body.preconditions } : {}),
	};
}

/** What a delete that removed the object answers (metav1.Status with details). */
function removedStatus(kind: KindDefinition, object: KubeObject): unknown {
	const details = { name: object.metadata.name, ...(kind.group ? { group: kind.group } : {}), kind: kind.plural, uid: object.metadata.uid };
	return { kind: "Status", apiVersion: "v1", metadata: {}, status: "Success", details };
}

export function deleteOne(call: VerbCall): VerbResult {
	const options = removalOptions(call.request, writeOptions(call).addWarning);
	const { object, removed } = deleteObject(call.server, storedKind(call.kind), existingStored(call), options);
	return { code: 200, object: removed && !call.kind.gracePeriodSeconds ? removedStatus(call.kind, object) : shown(call.kind, object) };
}
