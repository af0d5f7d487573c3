/** DELETE of one object. DeleteOptions come in the query or the body. */
import type { ApiRequest } from "../../core/api/request.ts";
import { type FieldError, invalid, notSupported } from "../../core/errors/field-error.ts";
import { invalidObject } from "../../core/errors/status-error.ts";
import type { KindDefinition } from "../../core/kinds/define-kind.ts";
import type { KubeObject } from "../../core/meta/object.ts";
import { decodeObject } from "../../core/schema/decode.ts";
import type { DeleteOptions } from "../../core/schema/kubernetes.d.ts";
import type { ResourceServer } from "../resource-server.ts";
import { deleteObject, type RemovalOptions, type WriteOptions } from "../write.ts";
import { parseJson } from "./body.ts";
import { existingStored, shown, storedKind } from "./version.ts";
import { type VerbCall, type VerbResult, writeOptions } from "./verb.ts";

const PROPAGATIONS = ["Foreground", "Background", "Orphan"] as const;

/** ValidateDeleteOptions. */
function checkOptions({ dryRun = [] }: Partial<DeleteOptions>, policy: string | undefined, orphan: boolean | undefined): void {
	const errors: FieldError[] = [];
	if (policy !== undefined && orphan !== undefined) {
		errors.push(invalid("propagationPolicy", policy, "orphanDependents and deletionPropagation cannot be both set"));
	}
	if (policy !== undefined && !PROPAGATIONS.includes(policy as "Orphan")) errors.push(notSupported("propagationPolicy", policy, [...PROPAGATIONS, "nil"]));
	for (const value of dryRun) if (value !== "All") errors.push(notSupported("dryRun", value, ["All"]));
	if (errors.length > 0) throw invalidObject("meta.k8s.io", "DeleteOptions", "", errors);
}

/** The query's options, overridden by the body's. */
export function removalOptions({ schema }: ResourceServer, request: ApiRequest, { addWarning, annotate }: WriteOptions): RemovalOptions {
	const sent = request.body === "" ? undefined : parseJson(request.body, "v1.DeleteOptions");
	const body: Partial<DeleteOptions> = sent === undefined ? {} : decodeObject(schema, "meta/v1.DeleteOptions", sent).object;
	const policy = body.propagationPolicy ?? request.query.propagationPolicy;
	const orphan = body.orphanDependents ?? request.query.orphanDependents;
	checkOptions(body, policy, orphan);
	const asked = body.gracePeriodSeconds ?? request.query.gracePeriodSeconds;
	// As upstream: less than nothing is the least there is.
	const grace = asked === undefined || asked === null ? undefined : asked < 0 ? 1 : asked;
	const propagation = (policy as RemovalOptions["propagation"]) ?? (orphan === undefined ? undefined : orphan ? "Orphan" : "Background");
	return {
		user: request.user,
		addWarning,
		annotate,
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
	const options = removalOptions(call.server, call.request, writeOptions(call));
	const { object, removed } = deleteObject(call.server, storedKind(call.kind), existingStored(call), options);
	return { code: 200, object: removed && !call.kind.gracePeriodSeconds ? removedStatus(call.kind, object) : shown(call.kind, object) };
}
