/** Rules of a HorizontalPodAutoscaler: pkg/apis/autoscaling/validation. */
import { type FieldError, forbidden, invalid, notSupported, required } from "../errors/field-error.ts";
import { dns1123Label } from "../meta/name-rules.ts";
import type {
	AutoscalingV2CrossVersionObjectReference,
	AutoscalingV2HorizontalPodAutoscaler,
	AutoscalingV2MetricSpec,
	HPAScalingPolicy,
	HPAScalingRules,
	MetricIdentifier,
	MetricTarget,
} from "../schema/kubernetes.d.ts";
import { validateSegment, validateWith } from "./object-reference-validation.ts";
import { readQuantity, validateContainerResourceName } from "./resource-validation.ts";

const PERIOD_SECONDS_MAX = 1800;
const STABILIZATION_SECONDS_MAX = 3600;
const SELECT_POLICIES = ["Disabled", "Max", "Min"];
const POLICY_TYPES = ["Percent", "Pods"];
const METRIC_TYPES = ["ContainerResource", "External", "Object", "Pods", "Resource"];
const TARGET_TYPES = ["Utilization", "Value", "AverageValue"];
const RAW_OR_UTILIZATION = "must set either a target raw value or a target utilization";
const RAW_AND_UTILIZATION = "may not set both a target raw value and a target utilization";

const validateReference = (reference: AutoscalingV2CrossVersionObjectReference | undefined, path: string): FieldError[] => [
	...validateSegment(reference?.kind, `${path}.kind`),
	...validateSegment(reference?.name, `${path}.name`),
];

const validateMetricName = (metric: MetricIdentifier, path: string): FieldError[] =>
	validateSegment(metric.name, `${path}.name`, metric.name ? "" : "must specify a metric name");

function validateTarget(target: MetricTarget, path: string): FieldError[] {
	const errors: FieldError[] = [];
	const { type = "" } = target;
	if (type === "") errors.push(required(`${path}.type`, "must specify a metric target type"));
	if (!TARGET_TYPES.includes(type)) errors.push(invalid(`${path}.type`, type, "must be either Utilization, Value, or AverageValue"));
	for (const field of ["value", "averageValue"] as const) {
		const text = target[field];
		const amount = text === undefined ? undefined : readQuantity(text, `${path}.${field}`, errors);
		if (amount && amount.nano <= 0n) errors.push(invalid(`${path}.${field}`, text, "must be positive"));
	}
	if (target.averageUtilization !== undefined && target.averageUtilization < 1) {
		errors.push(invalid(`${path}.averageUtilization`, target.averageUtilization, "must be greater than 0"));
	}
	return errors;
}

function validateUtilization(target: MetricTarget, path: string): FieldError[] {
	const errors = validateTarget(target, path);
	const { averageUtilization: share, averageValue: value } = target;
	if (share === undefined && value === undefined) errors.push(required(`${path}.averageUtilization`, RAW_OR_UTILIZATION));
	if (share !== undefined && value !== undefined) errors.push(forbidden(`${path}.averageValue`, RAW_AND_UTILIZATION));
	return errors;
}

type Source = "object" | "external" | "pods" | "resource" | "containerResource";
type SourceRule = (metric: AutoscalingV2MetricSpec, path: string) => FieldError[];
const NO_TARGET: MetricTarget = { type: "" };

/** In the order in which upstream looks at the sources; of several, only the first is looked into. */
const SOURCES: Readonly<Record<Source, SourceRule>> = {
	object({ object: source }, path) {
		const target = source?.target ?? NO_TARGET;
		const errors = [
			...validateReference(source?.describedObject, `${path}.describedObject`),
			...validateMetricName(source?.metric ?? { name: "" }, `${path}.metric`),
			...validateTarget(target, `${path}.target`),
		];
		if (target.value === undefined && target.averageValue === undefined) {
			errors.push(required(`${path}.target.averageValue`, "must set either a target value or averageValue"));
		}
		return errors;
	},
	external({ external: source }, path) {
		const target = source?.target ?? NO_TARGET;
		const errors = [...validateMetricName(source?.metric ?? { name: "" }, `${path}.metric`), ...validateTarget(target, `${path}.target`)];
		const hasValue = target.value !== undefined;
		if (hasValue !== (target.averageValue === undefined)) {
			if (hasValue) errors.push(forbidden(`${path}.target.value`, "may not set both a target value for metric and a per-pod target"));
			else errors.push(required(`${path}.target.averageValue`, "must set either a target value for metric or a per-pod target"));
		}
		return errors;
	},
	pods({ pods: source }, path) {
		const target = source?.target ?? NO_TARGET;
		const errors = [...validateMetricName(source?.metric ?? { name: "" }, `${path}.metric`), ...validateTarget(target, `${path}.target`)];
		if (target.averageValue === undefined) errors.push(required(`${path}.target.averageValue`, "must specify a positive target averageValue"));
		return errors;
	},
	resource({ resource: source }, path) {
		const errors = source?.name ? [] : [required(`${path}.name`, "must specify a resource name")];
		return [...errors, ...validateUtilization(source?.target ?? NO_TARGET, `${path}.target`)];
	},
	containerResource({ containerResource: source }, path) {
		const errors = source?.name ? validateContainerResourceName(source.name, `${path}.name`) : [required(`${path}.name`, "must specify a resource name")];
		if (!source?.container) errors.push(required(`${path}.container`, "must specify a container"));
		errors.push(...validateWith(dns1123Label, source?.container, `${path}.container`));
		return [...errors, ...validateUtilization(source?.target ?? NO_TARGET, `${path}.target`)];
	},
};

function validateMetric(metric: AutoscalingV2MetricSpec, path: string): FieldError[] {
	const { type = "" } = metric;
	const errors: FieldError[] = [];
	if (type === "") errors.push(required(`${path}.type`, "must specify a metric source type"));
	const known = METRIC_TYPES.includes(type);
	if (!known) errors.push(notSupported(`${path}.type`, type, METRIC_TYPES));
	const present = (Object.keys(SOURCES) as Source[]).filter((source) => metric[source] !== undefined);
	const [first] = present;
	if (first) errors.push(...SOURCES[first](metric, `${path}.${first}`));
	const expected = known ? (`${type[0]?.toLowerCase()}${type.slice(1)}` as Source) : undefined;
	if (expected && !present.includes(expected)) errors.push(required(`${path}.${expected}`, "must populate information for the given metric source"));
	if (!known) errors.push(notSupported(`${path}.type`, type, METRIC_TYPES));
	if (present.length === 1) return errors;
	const others = present.filter((source) => source !== expected);
	return [...errors, ...others.map((source) => forbidden(`${path}.${source}`, "must populate the given metric source only"))];
}

function validatePolicy({ type, value, periodSeconds }: HPAScalingPolicy, path: string): FieldError[] {
	const errors: FieldError[] = [];
	if (!POLICY_TYPES.includes(type)) errors.push(notSupported(`${path}.type`, type ?? "", POLICY_TYPES));
	if (!(value > 0)) errors.push(invalid(`${path}.value`, value ?? 0, "must be greater than zero"));
	if (!(periodSeconds > 0)) errors.push(invalid(`${path}.periodSeconds`, periodSeconds ?? 0, "must be greater than zero"));
	if (periodSeconds > PERIOD_SECONDS_MAX) errors.push(invalid(`${path}.periodSeconds`, periodSeconds, `must be less than or equal to ${PERIOD_SECONDS_MAX}`));
	return errors;
}

function validateScalingRules(rules: HPAScalingRules | undefined, path: string): FieldError[] {
	if (!rules) return [];
	const errors: FieldError[] = [];
	const { stabilizationWindowSeconds: seconds, selectPolicy, policies = [], tolerance } = rules;
	const at = `${path}.stabilizationWindowSeconds`;
	if (seconds !== undefined && seconds < 0) errors.push(invalid(at, seconds, "must be greater than or equal to zero"));
	if (seconds !== undefined && seconds > STABILIZATION_SECONDS_MAX)
		errors.push(invalid(at, seconds, `must be less than or equal to ${STABILIZATION_SECONDS_MAX}`));
	if (selectPolicy !== undefined && !SELECT_POLICIES.includes(selectPolicy)) errors.push(notSupported(`${path}.selectPolicy`, selectPolicy, SELECT_POLICIES));
	if (policies.length === 0) errors.push(required(`${path}.policies`, "must specify at least one Policy"));
	errors.push(...policies.flatMap((policy, index) => validatePolicy(policy, `${path}.policies[${index}]`)));
	const amount = tolerance === undefined ? undefined : readQuantity(tolerance, `${path}.tolerance`, errors);
	if (amount && amount.nano < 0n) errors.push(invalid(`${path}.tolerance`, tolerance, "must be greater or equal to 0"));
	return errors;
}

export function validateHorizontalPodAutoscaler({ spec }: AutoscalingV2HorizontalPodAutoscaler): FieldError[] {
	const errors: FieldError[] = [];
	const { minReplicas: min, maxReplicas: max = 0, metrics = [] } = spec ?? {};
	if (min !== undefined && min < 1) errors.push(invalid("spec.minReplicas", min, "must be greater than or equal to 1"));
	if (max < 1) errors.push(invalid("spec.maxReplicas", max, "must be greater than 0"));
	if (min !== undefined && max < min) errors.push(invalid("spec.maxReplicas", max, "must be greater than or equal to `minReplicas`"));
	errors.push(...validateReference(spec?.scaleTargetRef, "spec.scaleTargetRef"));
	errors.push(...metrics.flatMap((metric, index) => validateMetric(metric, `spec.metrics[${index}]`)));
	errors.push(...validateScalingRules(spec?.behavior?.scaleUp, "spec.behavior.scaleUp"));
	errors.push(...validateScalingRules(spec?.behavior?.scaleDown, "spec.behavior.scaleDown"));
	return errors;
}
