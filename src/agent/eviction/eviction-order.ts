/** Which pod goes first when something runs short, and what it is told: kubelet's ranking (eviction/helpers.go), pure. */
import { podQuantities } from "../../core/admission/pod-resources.ts";
import { SYSTEM_PRIORITY_CLASSES } from "../../core/kinds/priority-class.ts";
import { parseQuantity, quantityOf, quantityText, quantityValue } from "../../core/quantity/quantity.ts";
import type { Container, Pod } from "../../core/schema/kubernetes.d.ts";
import { amountOf, type Observations, RESOURCE_OF, type Threshold } from "./thresholds.ts";

/** What one pod uses, in bytes. */
export interface PodUse {
	memoryBytes: number;
	/** Writable layers, logs and volumes on the node's disk. */
	diskBytes: number;
	inodes: number;
	containers: { name: string; memoryBytes: number; diskBytes: number }[];
	/** emptyDirs by name, in bytes. */
	volumes: Record<string, number>;
}

export interface RankedPod {
	pod: Pod;
	use: PodUse | undefined;
}

export type Resource = (typeof RESOURCE_OF)[keyof typeof RESOURCE_OF];

/** Mirrors of static pods, and pods of the system's priorities, stay (IsCriticalPod). */
export function isCritical(pod: Pod): boolean {
	const { annotations = {} } = pod.metadata;
	const isStatic = annotations["kubernetes.io/config.source"] !== undefined && annotations["kubernetes.io/config.source"] !== "api";
	const isMirror = annotations["kubernetes.io/config.mirror"] !== undefined;
	return isStatic || isMirror || (pod.spec?.priority ?? 0) >= (SYSTEM_PRIORITY_CLASSES["system-cluster-critical"] ?? Number.POSITIVE_INFINITY);
}

function used({ use }: RankedPod, resource: Resource): number | undefined {
	if (use === undefined) return undefined;
	return resource === "memory" ? use.memoryBytes : resource === "inodes" ? use.inodes : use.diskBytes;
}

function requested(pod: Pod, resource: Resource): number {
	const text = pod.spec ? podQuantities(pod.spec, "requests").get(resource) : undefined;
	return text === undefined ? 0 : quantityValue(text);
}

/** First what uses more than it asked for, then the lower priority, then what is furthest above its request. */
export function rank(pods: readonly RankedPod[], resource: Resource): RankedPod[] {
	const measured = pods.map((one) => {
		const use = used(one, resource);
		// What is not known of is taken to use the most, as upstream does.
		const above = use === undefined ? Number.POSITIVE_INFINITY : use - requested(one.pod, resource);
		return { one, above, exceeds: resource !== "pids" && above > 0 ? 1 : 0, priority: one.pod.spec?.priority ?? 0 };
	});
	const byAmount = (a: number, b: number): number => (a === b ? 0 : b - a);
	measured.sort((a, b) => b.exceeds - a.exceeds || a.priority - b.priority || (resource === "pids" ? 0 : byAmount(a.above, b.above)));
	return measured.map(({ one }) => one);
}

const bytesText = (bytes: number): string => quantityText(quantityOf(Math.round(bytes), "BinarySI"));

/** Containers by name with what they ask for: regular ones and sidecars. */
const longRunning = (pod: Pod): Container[] => [
	...(pod.spec?.containers ?? []),
	...(pod.spec?.initContainers ?? []).filter(({ restartPolicy }) => restartPolicy === "Always"),
];

export function evictionMessage({ pod, use }: RankedPod, threshold: Threshold, observations: Observations): string {
	const resource = RESOURCE_OF[threshold.signal];
	const seen = observations[threshold.signal];
	const amounts = seen && `Threshold quantity: ${bytesText(amountOf(threshold.value, seen.capacity))}, available: ${bytesText(seen.available)}. `;
	const greedy = longRunning(pod).flatMap(({ name, resources }) => {
		const measured = use?.containers.find((one) => one.name === name);
		if (measured === undefined || (resource !== "memory" && resource !== "ephemeral-storage")) return [];
		const amount = resource === "memory" ? measured.memoryBytes : measured.diskBytes;
		const request = parseQuantity(resources?.requests?.[resource] ?? "0");
		if (amount <= quantityValue(request)) return [];
		return [`Container ${name} was using ${bytesText(amount)}, request is ${quantityText(request)}, has larger consumption of ${resource}. `];
	});
	return `The node was low on resource: ${resource}. ${amounts ?? ""}${greedy.join("")}`;
}

/** Why a pod goes whatever the node has left: an emptyDir, a container or the whole pod uses more than its limit. */
export function overLocalStorage({ pod, use }: RankedPod): string | undefined {
	if (use === undefined) return undefined;
	for (const { name, emptyDir } of pod.spec?.volumes ?? []) {
		if (!emptyDir?.sizeLimit || emptyDir.medium === "Memory") continue;
		const limit = parseQuantity(emptyDir.sizeLimit);
		if (quantityValue(limit) > 0 && (use.volumes[name] ?? 0) > quantityValue(limit)) {
			return `Usage of EmptyDir volume ${JSON.stringify(name)} exceeds the limit ${JSON.stringify(quantityText(limit))}. `;
		}
	}
	const whole = pod.spec && podQuantities(pod.spec, "limits").get("ephemeral-storage");
	if (whole && limitedEverywhere(pod) && use.diskBytes > quantityValue(whole)) {
		return `Pod ephemeral local storage usage exceeds the total limit of containers ${quantityText(whole)}. `;
	}
	for (const { name, resources } of longRunning(pod)) {
		const text = resources?.limits?.["ephemeral-storage"];
		const measured = use.containers.find((one) => one.name === name);
		if (text && measured && measured.diskBytes > quantityValue(parseQuantity(text))) {
			return `Container ${name} exceeded its local ephemeral storage limit ${JSON.stringify(quantityText(parseQuantity(text)))}. `;
		}
	}
	return undefined;
}

/** One container without a limit leaves the pod without one. */
const limitedEverywhere = (pod: Pod): boolean => longRunning(pod).every(({ resources }) => resources?.limits?.["ephemeral-storage"] !== undefined);

/** Whether anything of the pod's disk has a limit: only then is it measured. */
export function hasLocalStorageLimit(pod: Pod): boolean {
	const limitedVolume = (pod.spec?.volumes ?? []).some(({ emptyDir }) => emptyDir?.sizeLimit && emptyDir.medium !== "Memory");
	return limitedVolume || longRunning(pod).some(({ resources }) => resources?.limits?.["ephemeral-storage"] !== undefined);
}
