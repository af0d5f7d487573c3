/** Rules of a StatefulSet: ValidateStatefulSet and ValidateStatefulSetUpdate of pkg/apis/apps/validation. */
import { type FieldError, forbidden, invalid, notSupported, required } from "../errors/field-error.ts";
import { semanticEqual } from "../meta/equality.ts";
import { dns1123Label } from "../meta/name-rules.ts";
import type { StatefulSet, StatefulSetSpec } from "../schema/kubernetes.d.ts";
import { isZero, validateAtMostAll, validateIntOrPercent } from "./deployment-validation.ts";
import { validateNonNegative, validateServingTemplate } from "./pod-template-validation.ts";

const RETENTION_POLICIES = ["Delete", "Retain"];
/** What may change after the creation. */
const MUTABLE = [
	"replicas",
	"ordinals",
	"template",
	"updateStrategy",
	"persistentVolumeClaimRetentionPolicy",
	"minReadySeconds",
	"revisionHistoryLimit",
] as const;
const IMMUTABLE_ERROR =
	"updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', 'updateStrategy', 'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden";

function validatePodManagement({ podManagementPolicy: policy }: StatefulSetSpec): FieldError[] {
	if (!policy) return [required("spec.podManagementPolicy")];
	return policy === "OrderedReady" || policy === "Parallel" ? [] : [invalid("spec.podManagementPolicy", policy, "must be 'OrderedReady' or 'Parallel'")];
}

function validateUpdateStrategy({ updateStrategy: strategy }: StatefulSetSpec): FieldError[] {
	const path = "spec.updateStrategy";
	switch (strategy?.type ?? "") {
		case "":
			return [required(path)];
		case "OnDelete":
			return strategy?.rollingUpdate ? [invalid(`${path}.rollingUpdate`, strategy.rollingUpdate, "only allowed for updateStrategy 'RollingUpdate'")] : [];
		case "RollingUpdate":
			return validateRollingUpdate(strategy?.rollingUpdate, `${path}.rollingUpdate`);
		default:
			return [invalid(path, strategy, "must be 'RollingUpdate' or 'OnDelete'")];
	}
}

function validateRollingUpdate(rolling: NonNullable<StatefulSetSpec["updateStrategy"]>["rollingUpdate"], path: string): FieldError[] {
	const { partition, maxUnavailable } = rolling ?? {};
	const errors = validateNonNegative({ [`${path}.partition`]: partition });
	if (maxUnavailable === undefined) return errors;
	errors.push(...validateIntOrPercent(maxUnavailable, `${path}.maxUnavailable`));
	if (isZero(maxUnavailable)) errors.push(invalid(`${path}.maxUnavailable`, maxUnavailable, "cannot be 0"));
	return [...errors, ...validateAtMostAll(maxUnavailable, `${path}.maxUnavailable`)];
}

function validateRetention({ persistentVolumeClaimRetentionPolicy: policy }: StatefulSetSpec): FieldError[] {
	if (!policy) return [];
	const path = "spec.persistentVolumeClaimRetentionPolicy";
	return (["whenDeleted", "whenScaled"] as const).flatMap((when) =>
		RETENTION_POLICIES.includes(policy[when] ?? "") ? [] : [notSupported(`${path}.${when}`, policy[when] ?? "", RETENTION_POLICIES)],
	);
}

export function validateStatefulSet({ spec }: StatefulSet): FieldError[] {
	if (!spec) return [required("spec.selector")];
	return [
		...validatePodManagement(spec),
		...validateUpdateStrategy(spec),
		...validateRetention(spec),
		...validateNonNegative({
			"spec.replicas": spec.replicas,
			"spec.minReadySeconds": spec.minReadySeconds,
			"spec.revisionHistoryLimit": spec.revisionHistoryLimit,
			"spec.ordinals.start": spec.ordinals?.start,
		}),
		...validateServingTemplate(withClaims(spec), "statefulset"),
	];
}

/** The template with the volumes that its pods will have: containers mount them by the names of the claims' templates. */
function withClaims(spec: StatefulSetSpec): StatefulSetSpec {
	const { template, volumeClaimTemplates = [] } = spec;
	if (!template?.spec || volumeClaimTemplates.length === 0) return spec;
	const { volumes = [] } = template.spec;
	const names = volumeClaimTemplates.flatMap(({ metadata }) => metadata?.name ?? []).filter((name) => volumes.every((volume) => volume.name !== name));
	const claims = names.map((name) => ({ name, persistentVolumeClaim: { claimName: name } }));
	return { ...spec, template: { ...template, spec: { ...template.spec, volumes: [...volumes, ...claims] } } };
}

export function validateStatefulSetUpdate(next: StatefulSet, old: StatefulSet): FieldError[] {
	const fixed = ({ spec }: StatefulSet) => Object.fromEntries(Object.entries(spec ?? {}).filter(([field]) => !(MUTABLE as readonly string[]).includes(field)));
	return semanticEqual(fixed(next), fixed(old)) ? [] : [forbidden("spec", IMMUTABLE_ERROR)];
}

/** Pods and their host names are called after the object. */
export function nameWarnings(name: string | undefined): string[] {
	const problems = dns1123Label(name ?? "");
	if (problems.length === 0) return [];
	return [
		`metadata.name: this is used in Pod names and hostnames, which can result in surprising behavior; a DNS label is recommended: [${problems.join(" ")}]`,
	];
}
