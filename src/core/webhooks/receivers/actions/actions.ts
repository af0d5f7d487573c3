/** The actions by the member of a receiver's action that holds what they are to do. A new action is one file and one line here. */
import type { WebhookReceiverAction } from "../../../schema/kubernetes.d.ts";
import { type ActionContext, type ActionResult, failed, skipped, type Step, type StepAnswer, type Steps } from "../action.ts";
import { ExpressionFailed } from "../templates.ts";
import { apply } from "./apply.ts";
import { createJob } from "./create-job.ts";
import { previewNamespace } from "./preview-namespace.ts";
import { restart } from "./restart.ts";
import { setImage } from "./set-image.ts";

export const ACTION_TYPES = ["setImage", "apply", "restart", "createJob", "previewNamespace"] as const;

function stepsOf(action: WebhookReceiverAction, context: ActionContext): Steps | undefined {
	if (action.setImage) return setImage(action.setImage, context);
	if (action.apply) return apply(action.apply, context);
	if (action.restart) return restart(action.restart, context);
	if (action.createJob) return createJob(action.createJob, context);
	if (action.previewNamespace) return previewNamespace(action.previewNamespace, context);
	return undefined;
}

/** An action from its condition on. */
export function* runAction(action: WebhookReceiverAction, context: ActionContext): Generator<Step, ActionResult, StepAnswer> {
	try {
		if (action.condition && !context.expressions.holds(action.condition)) return skipped("its condition is false");
	} catch (error) {
		if (error instanceof ExpressionFailed) return skipped(`its condition has no value: ${error.message}`);
		throw error;
	}
	try {
		const steps = stepsOf(action, context);
		return steps === undefined ? failed("the action says nothing to do") : yield* steps;
	} catch (error) {
		if (error instanceof ExpressionFailed) return failed(error.message);
		throw error;
	}
}
