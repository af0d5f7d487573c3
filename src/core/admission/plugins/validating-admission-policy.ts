/** ValidatingAdmissionPolicy: judges a write by the cluster's policies (policy/validating/dispatcher.go). */
import type { StatusError } from "../../errors/status-error.ts";
import type { Json } from "../../meta/object.ts";
import type { ValidatingAdmissionPolicy, ValidatingAdmissionPolicyBinding } from "../../schema/kubernetes.d.ts";
import { inputsOf } from "../expressions/admission-inputs.ts";
import { type AdmissionPlugin, type AdmissionRequest, type AdmissionView, refuse } from "../plugin.ts";
import { collectParams, ConfigurationError, paramKindOf } from "../policies/policy-params.ts";
import type { BoundPolicy } from "../policies/policy-set.ts";
import { type CompiledValidatingPolicy, type Denial, judge } from "../policies/validating-policy.ts";
import { seenAs } from "../webhooks/webhook-matching.ts";

type Bound = BoundPolicy<ValidatingAdmissionPolicy, ValidatingAdmissionPolicyBinding, CompiledValidatingPolicy>;

const CODES: Readonly<Record<string, number>> = { Forbidden: 403, Unauthorized: 401, RequestEntityTooLarge: 413, Invalid: 422 };
const ANNOTATION_CHARACTERS_MAX = 10 * 1024;
const FAILURE_ANNOTATION = "validation.policy.admission.k8s.io/validation_failure";

/** Gathers what the policies say of one write. */
class Hearing {
	readonly #request: AdmissionRequest;
	readonly #view: AdmissionView;
	/** The first refusal: the one that the client is told. */
	#refusal: { message: string; reason: string } | undefined;

	constructor(request: AdmissionRequest, view: AdmissionView) {
		this.#request = request;
		this.#view = view;
	}

	run(): void {
		const { versions, policies } = this.#view.policies().validating.candidates(this.#request, this.#view);
		for (const bound of policies) {
			const kind = bound.matcher.version(this.#request, versions, this.#view);
			if (kind === undefined) continue;
			const annotations = new Map<string, string[]>();
			const inputs = inputsOf(this.#request, seenAs(this.#request, kind, this.#view), this.#view);
			this.#configured(bound, undefined, () => {
				const paramKind = paramKindOf(bound.policy.spec?.paramKind, this.#view);
				for (const each of bound.bindings) {
					if (each.matcher && each.matcher.version(this.#request, versions, this.#view) === undefined) continue;
					this.#configured(bound, each.name, () => {
						for (const param of collectParams(paramKind, each.binding.spec?.paramRef, this.#request, this.#view))
							this.#judge(bound, each, { ...inputs, params: param as unknown as Json }, annotations);
					});
				}
			});
			for (const [key, values] of annotations) this.#request.annotate?.(`${bound.name}/${key}`, values.join(", "));
		}
		if (this.#refusal !== undefined) throw refusalError(this.#request, this.#refusal);
	}

	/** A configuration that cannot be followed refuses the request where failures count. */
	#configured(bound: Bound, binding: string | undefined, work: () => void): void {
		try {
			work();
		} catch (error) {
			if (!(error instanceof ConfigurationError)) throw error;
			if (bound.policy.spec?.failurePolicy === "Ignore") return;
			const what = error.isOfPolicy ? "policy" : "binding";
			this.#refuse(bound.name, error.isOfPolicy ? undefined : binding, `failed to configure ${what}: ${error.message}`, "");
		}
	}

	#judge(bound: Bound, each: Bound["bindings"][number], inputs: Parameters<typeof judge>[1], annotations: Map<string, string[]>): void {
		const { denials, annotations: published, annotationErrors } = judge(bound.compiled(), inputs);
		for (const denial of denials) this.#deny(bound.name, each.name, each.binding, denial);
		for (const { key, value } of published) {
			const values = annotations.get(key) ?? [];
			const text = value.slice(0, ANNOTATION_CHARACTERS_MAX);
			if (!values.includes(text)) values.push(text);
			annotations.set(key, values);
		}
		for (const message of annotationErrors) this.#refuse(bound.name, each.name, message, "");
	}

	#deny(policy: string, name: string, { spec }: ValidatingAdmissionPolicyBinding, { message, reason, index }: Denial): void {
		const actions = spec?.validationActions ?? [];
		for (const action of actions) {
			if (action === "Deny") this.#refuse(policy, name, message, reason);
			else if (action === "Warn") this.#request.addWarning(`Validation failed for ValidatingAdmissionPolicy '${policy}' with binding '${name}': ${message}`);
			else if (action === "Audit") {
				const failure = { message, policy: spec?.policyName ?? "", binding: name, expressionIndex: index, validationActions: actions };
				this.#request.annotate?.(FAILURE_ANNOTATION, JSON.stringify([failure]));
			}
		}
	}

	#refuse(policy: string, binding: string | undefined, message: string, reason: string): void {
		const by = binding === undefined ? "" : ` with binding '${binding}'`;
		this.#refusal ??= { message: `ValidatingAdmissionPolicy '${policy}'${by} denied request: ${message}`, reason };
	}
}

/** The refusal with the reason that the policy gives it, and its code. */
function refusalError(request: AdmissionRequest, { message, reason }: { message: string; reason: string }): StatusError {
	const error = refuse(request, message);
	error.status.reason = reason || "Invalid";
	error.status.code = CODES[error.status.reason] ?? 422;
	error.status.details = { ...error.status.details, causes: [{ message }] };
	return error;
}

export const validatingAdmissionPolicy: AdmissionPlugin = {
	name: "ValidatingAdmissionPolicy",
	resources: "*",
	operations: ["CREATE", "UPDATE", "DELETE", "CONNECT"],
	subresources: "*",
	validate: (request, view) => new Hearing(request, view).run(),
};
