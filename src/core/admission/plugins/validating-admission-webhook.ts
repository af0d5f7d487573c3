/** ValidatingAdmissionWebhook: asks all validating webhooks that a write concerns at once. */
import { StatusError } from "../../errors/status-error.ts";
import type { CallOutcome, Question } from "../outside-call.ts";
import type { AdmissionPlugin, AdmissionRequest, AdmissionView } from "../plugin.ts";
import { annotateAnswer, CallFailed, dryRunUnsupported, rejection, reviewBody, reviewVersionOf, verdict } from "../webhooks/admission-review.ts";
import { candidatesOf, type Invocation, invocationOf, questionOf } from "../webhooks/webhook-matching.ts";

const WITHOUT_SIDE_EFFECTS = ["None", "NoneOnDryRun"];

/** What is to be asked, or why the webhook refuses unasked. */
function questionFor(request: AdmissionRequest, invocation: Invocation): { question: Question; version: string } | { error: unknown } {
	const { hook } = invocation.webhook;
	try {
		if (request.dryRun && !WITHOUT_SIDE_EFFECTS.includes(hook.sideEffects)) throw dryRunUnsupported(hook.name);
		const version = reviewVersionOf(hook);
		return { version, question: questionOf(invocation, reviewBody(request, invocation.seen, version)) };
	} catch (error) {
		return { error };
	}
}

/** The refusal of a webhook, if it refuses. */
function refusalOf(
	request: AdmissionRequest,
	{ webhook: { hook } }: Invocation,
	index: number,
	decide: () => { outcome: CallOutcome; version: string },
): StatusError | undefined {
	try {
		const { outcome, version } = decide();
		const said = verdict(hook, outcome, version, false);
		annotateAnswer(request, hook.name, said);
		for (const warning of said.warnings) request.addWarning(warning);
		return said.allowed ? undefined : rejection(hook.name, said.status);
	} catch (error) {
		if (error instanceof CallFailed) {
			if (hook.failurePolicy !== "Ignore") return error.refusal();
			request.annotate?.(`failed-open.validating.webhook.admission.k8s.io/round_0_index_${index}`, hook.name);
			return undefined;
		}
		if (error instanceof StatusError) return error;
		throw error;
	}
}

export const validatingAdmissionWebhook: AdmissionPlugin = {
	name: "ValidatingAdmissionWebhook",
	resources: "*",
	operations: ["CREATE", "UPDATE", "DELETE", "CONNECT"],
	subresources: "*",
	validate(request: AdmissionRequest, view: AdmissionView): void {
		const set = view.webhooks()?.validating;
		if (set === undefined || set.isEmpty) return;
		const { versions, webhooks } = candidatesOf(set, request, view);
		const invocations = webhooks.map((webhook) => invocationOf(webhook, request, versions, view)).filter((invocation) => invocation !== undefined);
		if (invocations.length === 0) return;
		const asked = invocations.map((invocation) => questionFor(request, invocation));
		const outcomes = view.ask(asked.flatMap((each) => ("question" in each ? [each.question] : []))).values();
		const refusals = invocations.map((invocation, index) => {
			const each = asked[index] as ReturnType<typeof questionFor>;
			return refusalOf(request, invocation, index, () => {
				if ("error" in each) throw each.error;
				return { outcome: outcomes.next().value as CallOutcome, version: each.version };
			});
		});
		const first = refusals.find((refusal) => refusal !== undefined);
		if (first !== undefined) throw first;
	},
};
