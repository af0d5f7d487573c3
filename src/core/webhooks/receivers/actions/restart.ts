/** Restarts a rollout as `kubectl rollout restart` does. */
import { metaTime, timeMs } from "../../../controllers/meta-time.ts";
import type { WebhookRestartAction } from "../../../schema/kubernetes.d.ts";
import { type ActionContext, FIELD_MANAGER, isOk, refusal, type Steps, succeeded } from "../action.ts";
import { textAt } from "../sender.ts";
import { inTemplate, templateOf, workloadPath, workloadText } from "./workload.ts";

export const RESTARTED_AT = "kubectl.kubernetes.io/restartedAt";

export function* restart({ workload }: WebhookRestartAction, { namespace, receivedMs }: ActionContext): Steps {
	const path = workloadPath(workload, namespace);
	const found = yield { type: "request", method: "GET", path };
	if (!isOk(found)) return refusal(found);
	// A repetition of the delivery comes with the moment of the first, and one that was overtaken with an earlier.
	const before = timeMs(textAt(templateOf(workload, found.body), "metadata", "annotations", RESTARTED_AT) || undefined);
	const restartedAt = metaTime(receivedMs);
	if (before !== undefined && before >= (timeMs(restartedAt) ?? 0)) return succeeded(`${workloadText(workload)} has been restarted since`);
	const body = inTemplate(workload, { metadata: { annotations: { [RESTARTED_AT]: restartedAt } } });
	const patched = yield {
		type: "request",
		method: "PATCH",
		path,
		query: { fieldManager: FIELD_MANAGER },
		contentType: "application/strategic-merge-patch+json",
		body,
	};
	return isOk(patched) ? succeeded(`${workloadText(workload)} restarted`) : refusal(patched);
}
