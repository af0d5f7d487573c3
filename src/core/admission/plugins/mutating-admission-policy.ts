/** MutatingAdmissionPolicy: changes what is written as the cluster's policies say (policy/mutating/dispatcher.go). */
import type { KindDefinition } from "../../kinds/define-kind.ts";
import { semanticEqual } from "../../meta/equality.ts";
import type { Json, KubeObject } from "../../meta/object.ts";
import type { MutatingAdmissionPolicy, MutatingAdmissionPolicyBinding } from "../../schema/kubernetes.d.ts";
import { admissionVariables } from "../expressions/admission-environment.ts";
import { inputsOf } from "../expressions/admission-inputs.ts";
import { objectOf } from "../patched-object.ts";
import { type AdmissionPlugin, type AdmissionRequest, type AdmissionView, refuse } from "../plugin.ts";
import { type CompiledMutatingPolicy, mutated, MutationFailure } from "../policies/mutating-policy.ts";
import { collectParams, ConfigurationError, paramKindOf } from "../policies/policy-params.ts";
import type { BoundPolicy } from "../policies/policy-set.ts";
import { Rounds } from "../rounds.ts";
import { seenAs } from "../webhooks/webhook-matching.ts";

const NAME = "MutatingAdmissionPolicy";

type Bound = BoundPolicy<MutatingAdmissionPolicy, MutatingAdmissionPolicyBinding, CompiledMutatingPolicy>;

/** One policy by one binding with one set of parameters. */
interface Invocation {
	bound: Bound;
	binding: string;
	kind: KindDefinition;
	param: KubeObject | null;
}

interface PolicyError {
	message: string;
	reason?: string;
}

class Mutating {
	readonly #request: AdmissionRequest;
	readonly #view: AdmissionView;
	readonly #errors: PolicyError[] = [];

	constructor(request: AdmissionRequest, view: AdmissionView) {
		this.#request = request;
		this.#view = view;
	}

	run(): void {
		const invocations = this.#invocations();
		if (invocations.length > 0) this.#invokeAll(invocations);
		const [first] = this.#errors;
		if (first === undefined) return;
		const error = refuse(this.#request, first.message);
		error.status.message = first.message;
		error.message = first.message;
		if (first.reason) error.status.reason = first.reason;
		error.status.details = { ...error.status.details, causes: this.#errors.map(({ message }) => ({ message })) };
		throw error;
	}

	#complain({ name, policy }: Bound, binding: string | undefined, message: string, reason?: string): void {
		if (policy.spec?.failurePolicy === "Ignore") return;
		const by = binding === undefined ? JSON.stringify(name) : `'${name}' with binding '${binding}'`;
		this.#errors.push({ message: `policy ${by} denied request: ${message}`, ...(reason ? { reason } : {}) });
	}

	/** What applies to the request, found before anything is changed. */
	#invocations(): Invocation[] {
		const { versions, policies } = this.#view.policies().mutating.candidates(this.#request, this.#view);
		return policies.flatMap((bound) => {
			const kind = bound.matcher.version(this.#request, versions, this.#view);
			if (kind === undefined) return [];
			return this.#configured(bound, undefined, () => {
				const paramKind = paramKindOf(bound.policy.spec?.paramKind, this.#view);
				return bound.bindings.flatMap(({ binding, name, matcher }) => {
					if (matcher && matcher.version(this.#request, versions, this.#view) === undefined) return [];
					return this.#configured(bound, name, () =>
						collectParams(paramKind, binding.spec?.paramRef, this.#request, this.#view).map((param) => ({ bound, binding: name, kind, param })),
					);
				});
			});
		});
	}

	#configured(bound: Bound, binding: string | undefined, work: () => Invocation[]): Invocation[] {
		try {
			return work();
		} catch (error) {
			if (!(error instanceof ConfigurationError)) throw error;
			const what = error.isOfPolicy ? "policy" : "binding";
			this.#complain(bound, error.isOfPolicy ? undefined : binding, `failed to configure ${what}: ${error.message}`);
			return [];
		}
	}

	#invokeAll(invocations: readonly Invocation[]): void {
		const { reinvocation } = this.#request;
		const rounds = Rounds.of(this.#request, NAME);
		if (reinvocation.isReinvoke && rounds.changedSince(this.#request.object)) rounds.requireAgain();
		for (const invocation of invocations) this.#invoke(invocation, rounds);
		rounds.left(this.#request.object);
	}

	#invoke(invocation: Invocation, rounds: Rounds): void {
		const { bound, binding, kind, param } = invocation;
		const policy = bound.compiled();
		const { matches, error } = policy.conditions.match(admissionVariables(this.#inputs(kind, param)));
		if (error !== undefined) return this.#complain(bound, binding, error, "Invalid");
		const id = `${bound.name}/${binding}/${param?.metadata.namespace ?? ""}/${param?.metadata.name ?? ""}`;
		if (!matches || (this.#request.reinvocation.isReinvoke && !rounds.isAskedAgain(id))) return;
		const before = this.#request.object;
		for (const mutation of policy.mutations) this.#mutate(invocation, policy, mutation);
		if (!semanticEqual(before, this.#request.object)) {
			rounds.requireAgain();
			this.#request.reinvocation.isWanted = true;
		}
		if (bound.policy.spec?.reinvocationPolicy === "IfNeeded") rounds.mayBeAskedAgain(id);
	}

	#inputs(kind: KindDefinition, param: KubeObject | null) {
		return { ...inputsOf(this.#request, seenAs(this.#request, kind, this.#view), this.#view), params: param as unknown as Json };
	}

	#mutate({ bound, binding, kind, param }: Invocation, policy: CompiledMutatingPolicy, mutation: CompiledMutatingPolicy["mutations"][number]): void {
		const inputs = this.#inputs(kind, param);
		if (inputs.object === null) return;
		try {
			const document = mutated(policy, mutation, inputs, this.#request.subject ?? kind, kind.types ?? this.#view.schema);
			if (document !== undefined) this.#request.object = objectOf(this.#request, kind, document, this.#view);
		} catch (error) {
			if (!(error instanceof MutationFailure)) throw error;
			this.#complain(bound, binding, error.message, "Invalid");
		}
	}
}

export const mutatingAdmissionPolicy: AdmissionPlugin = {
	name: NAME,
	resources: "*",
	operations: ["CREATE", "UPDATE", "CONNECT"],
	subresources: "*",
	mutate: (request, view) => new Mutating(request, view).run(),
};
