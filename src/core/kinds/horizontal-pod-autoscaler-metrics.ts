/** Metrics of a HorizontalPodAutoscaler between autoscaling/v2 and the alpha form that v1 keeps in annotations (pkg/apis/autoscaling/v1/conversion.go). */
import type {
	AutoscalingV1MetricSpec,
	AutoscalingV1MetricStatus,
	AutoscalingV2MetricSpec,
	AutoscalingV2MetricStatus,
	MetricIdentifier,
	MetricTarget,
	MetricValueStatus,
} from "../schema/kubernetes.d.ts";

/** Without what is not set. */
function compact<T extends object>(object: T): T {
	return Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined)) as T;
}

const identifierOf = (name: string, selector: MetricIdentifier["selector"]): MetricIdentifier => compact({ name, selector }) as MetricIdentifier;
const averageOf = ({ averageUtilization, averageValue }: MetricTarget) => ({ targetAverageUtilization: averageUtilization, targetAverageValue: averageValue });
const currentOf = ({ averageUtilization, averageValue }: MetricValueStatus) =>
	compact({ currentAverageUtilization: averageUtilization, currentAverageValue: averageValue ?? "0" });

function averageTarget({ targetAverageUtilization: share, targetAverageValue: value }: { targetAverageUtilization?: number; targetAverageValue?: string }) {
	if (share !== undefined) return compact({ type: "Utilization", averageUtilization: share, averageValue: value }) as MetricTarget;
	return compact({ type: "AverageValue", averageValue: value }) as MetricTarget;
}

/** A value of all, or an average over the pods. */
const valueTarget = (value: string | undefined, average: string | undefined): MetricTarget =>
	compact(average === undefined ? { type: "Value", value } : { type: "AverageValue", averageValue: average }) as MetricTarget;

export function metricToV1(metric: AutoscalingV2MetricSpec): AutoscalingV1MetricSpec {
	const { type, object, pods, resource, containerResource, external } = metric;
	return compact({
		type,
		object:
			object &&
			compact({
				target: object.describedObject,
				metricName: object.metric.name,
				targetValue: object.target.value ?? "0",
				selector: object.metric.selector,
				averageValue: object.target.averageValue,
			}),
		pods: pods && compact({ metricName: pods.metric.name, targetAverageValue: pods.target.averageValue ?? "0", selector: pods.metric.selector }),
		resource: resource && compact({ name: resource.name, ...averageOf(resource.target) }),
		containerResource:
			containerResource && compact({ name: containerResource.name, ...averageOf(containerResource.target), container: containerResource.container }),
		external:
			external &&
			compact({
				metricName: external.metric.name,
				metricSelector: external.metric.selector,
				targetValue: external.target.value,
				targetAverageValue: external.target.averageValue,
			}),
	}) as AutoscalingV1MetricSpec;
}

export function metricToV2(metric: AutoscalingV1MetricSpec): AutoscalingV2MetricSpec {
	const { type, object, pods, resource, containerResource, external } = metric;
	return compact({
		type,
		object: object && {
			describedObject: object.target,
			target: valueTarget(object.targetValue, object.averageValue),
			metric: identifierOf(object.metricName, object.selector),
		},
		pods: pods && { metric: identifierOf(pods.metricName, pods.selector), target: { type: "AverageValue", averageValue: pods.targetAverageValue } },
		resource: resource && { name: resource.name, target: averageTarget(resource) },
		containerResource: containerResource && { name: containerResource.name, target: averageTarget(containerResource), container: containerResource.container },
		external: external && {
			metric: identifierOf(external.metricName, external.metricSelector),
			target: valueTarget(external.targetValue, external.targetAverageValue),
		},
	}) as AutoscalingV2MetricSpec;
}

export function metricStatusToV1(metric: AutoscalingV2MetricStatus): AutoscalingV1MetricStatus {
	const { type, object, pods, resource, containerResource, external } = metric;
	return compact({
		type,
		object:
			object &&
			compact({
				target: object.describedObject,
				metricName: object.metric.name,
				currentValue: object.current.value ?? "0",
				selector: object.metric.selector,
				averageValue: object.current.averageValue,
			}),
		pods: pods && compact({ metricName: pods.metric.name, currentAverageValue: pods.current.averageValue ?? "0", selector: pods.metric.selector }),
		resource: resource && { name: resource.name, ...currentOf(resource.current) },
		containerResource: containerResource && { name: containerResource.name, ...currentOf(containerResource.current), container: containerResource.container },
		external:
			external &&
			compact({
				metricName: external.metric.name,
				metricSelector: external.metric.selector,
				currentValue: external.current.value ?? "0",
				currentAverageValue: external.current.averageValue,
			}),
	}) as AutoscalingV1MetricStatus;
}

const resourceStatus = ({ currentAverageUtilization, currentAverageValue }: { currentAverageUtilization?: number; currentAverageValue: string }) =>
	compact({ averageUtilization: currentAverageUtilization, averageValue: currentAverageValue }) as MetricValueStatus;

export function metricStatusToV2(metric: AutoscalingV1MetricStatus): AutoscalingV2MetricStatus {
	const { type, object, pods, resource, containerResource, external } = metric;
	return compact({
		type,
		object: object && {
			metric: identifierOf(object.metricName, object.selector),
			current: compact({ value: object.currentValue, averageValue: object.averageValue }),
			describedObject: object.target,
		},
		pods: pods && { metric: identifierOf(pods.metricName, pods.selector), current: { averageValue: pods.currentAverageValue } },
		resource: resource && { name: resource.name, current: resourceStatus(resource) },
		containerResource: containerResource && {
			name: containerResource.name,
			current: resourceStatus(containerResource),
			container: containerResource.container,
		},
		external: external && {
			metric: identifierOf(external.metricName, external.metricSelector),
			current: compact({ value: external.currentValue, averageValue: external.currentAverageValue }),
		},
	}) as AutoscalingV2MetricStatus;
}
