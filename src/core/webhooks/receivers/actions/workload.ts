/** What has a pod template, as actions name it. */
import { at, isObject } from "../sender.ts";
import { resourcePath } from "../action.ts";
import type { Json, JsonObject } from "../../../meta/object.ts";
import type { WebhookWorkload } from "../../../schema/kubernetes.d.ts";

interface WorkloadKind {
	apiVersion: string;
	plural: string;
	/** Where its pod template is. */
	template: readonly string[];
}

export const WORKLOADS: Readonly<Record<string, WorkloadKind>> = {
	Deployment: { apiVersion: "apps/v1", plural: "deployments", template: ["spec", "template"] },
	StatefulSet: { apiVersion: "apps/v1", plural: "statefulsets", template: ["spec", "template"] },
	DaemonSet: { apiVersion: "apps/v1", plural: "daemonsets", template: ["spec", "template"] },
	CronJob: { apiVersion: "batch/v1", plural: "cronjobs", template: ["spec", "jobTemplate", "spec", "template"] },
};

export const workloadKind = ({ kind }: Pick<WebhookWorkload, "kind">): WorkloadKind => {
	const found = WORKLOADS[kind];
	if (found === undefined) throw new Error(`no workload is a ${kind}`);
	return found;
};

export function workloadPath(workload: WebhookWorkload, namespace: string): string {
	const { apiVersion, plural } = workloadKind(workload);
	return resourcePath(apiVersion, plural, workload.namespace || namespace, workload.name);
}

export const workloadText = ({ kind, name }: WebhookWorkload): string => `${kind.toLowerCase()}/${name}`;

/** A patch of the template alone, or of what is around it. */
export function inTemplate(workload: WebhookWorkload, template: JsonObject): JsonObject {
	return [...workloadKind(workload).template].reverse().reduce<JsonObject>((inner, member) => ({ [member]: inner }), template);
}

export const templateOf = (workload: WebhookWorkload, object: Json): Json | undefined => at(object, ...workloadKind(workload).template);

/** A container of a pod template, and in which list it is. */
export interface FoundContainer {
	list: "containers" | "initContainers";
	name: string;
	image: string;
}

/** The named container, or the only one. Answers why there is none. */
export function findContainer(template: Json | undefined, name: string | undefined): FoundContainer | string {
	const found = (["containers", "initContainers"] as const).flatMap((list) => {
		const containers = at(template, "spec", list);
		return (Array.isArray(containers) ? containers : []).filter(isObject).map((container) => ({
			list,
			name: String(container["name"]),
			image: typeof container["image"] === "string" ? container["image"] : "",
		}));
	});
	if (name !== undefined && name !== "") return found.find((container) => container.name === name) ?? `it has no container ${JSON.stringify(name)}`;
	const [only, ...others] = found.filter(({ list }) => list === "containers");
	if (only === undefined) return "it has no container";
	return others.length === 0 ? only : "it has several containers: the action must name one";
}
