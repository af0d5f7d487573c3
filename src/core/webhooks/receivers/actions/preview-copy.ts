/** A template namespace's object as its copy in a preview: without what the cluster has given it, and of the new namespace. */
import { cloneJson } from "../../../meta/clone.ts";
import type { Json, JsonObject } from "../../../meta/object.ts";
import { at, isObject, textAt } from "../sender.ts";

/** metadata that a copy has of its own, or not at all. */
const OWN_METADATA = [
	"uid",
	"resourceVersion",
	"generation",
	"creationTimestamp",
	"deletionTimestamp",
	"deletionGracePeriodSeconds",
	"selfLink",
	"managedFields",
	"ownerReferences",
	"finalizers",
	"generateName",
];
/** Annotations that speak of the original alone. */
const OWN_ANNOTATIONS =
	/^(kubectl\.kubernetes\.io\/last-applied-configuration|deployment\.kubernetes\.io\/.*|deprecated\.daemonset\.template\.generation|pv\.kubernetes\.io\/.*|volume\.(beta\.)?kubernetes\.io\/(storage-provisioner|selected-node)|events\.petrel\.dev\/.*)$/;

type Cleaner = (object: JsonObject, from: string, to: string) => void;

function remove(value: Json | undefined, ...members: string[]): void {
	if (isObject(value)) for (const member of members) delete value[member];
}

/** Addresses and node ports are given anew; "None" is a headless Service's own. */
function cleanService(service: JsonObject): void {
	const spec = at(service, "spec");
	if (textAt(spec, "clusterIP") !== "None") remove(spec, "clusterIP", "clusterIPs");
	remove(spec, "healthCheckNodePort");
	const ports = at(spec, "ports");
	if (Array.isArray(ports)) for (const port of ports) remove(port, "nodePort");
}

/** Who is named by the template namespace is meant by the preview's. */
function cleanRoleBinding(binding: JsonObject, from: string, to: string): void {
	const subjects = at(binding, "subjects");
	if (!Array.isArray(subjects)) return;
	for (const subject of subjects) if (isObject(subject) && subject["namespace"] === from) subject["namespace"] = to;
}

function cleanJob(job: JsonObject): void {
	if (at(job, "spec", "manualSelector") === true) return;
	remove(at(job, "spec"), "selector");
	for (const key of ["controller-uid", "job-name", "batch.kubernetes.io/controller-uid", "batch.kubernetes.io/job-name"])
		remove(at(job, "spec", "template", "metadata", "labels"), key);
}

const CLEANERS: Readonly<Record<string, Cleaner>> = {
	Service: cleanService,
	RoleBinding: cleanRoleBinding,
	Job: cleanJob,
	PersistentVolumeClaim: (claim) => remove(at(claim, "spec"), "volumeName"),
	ServiceAccount: (account) => remove(account, "secrets"),
};

/** What is in every namespace by itself, or is another object's to make. */
export function isCopied(object: Json): boolean {
	const kind = textAt(object, "kind");
	const name = textAt(object, "metadata", "name");
	const owners = at(object, "metadata", "ownerReferences");
	if (Array.isArray(owners) && owners.length > 0) return false;
	if (at(object, "metadata", "deletionTimestamp") !== undefined) return false;
	if (kind === "ConfigMap" && name === "kube-root-ca.crt") return false;
	if (kind === "Secret" && textAt(object, "type") === "kubernetes.io/service-account-token") return false;
	return true;
}

export function copyOf(object: JsonObject, from: string, to: string): JsonObject {
	const { status: _, ...copy } = cloneJson(object);
	const metadata = at(copy, "metadata");
	remove(metadata, ...OWN_METADATA);
	const annotations = at(metadata, "annotations");
	if (isObject(annotations)) for (const key of Object.keys(annotations)) if (OWN_ANNOTATIONS.test(key)) delete annotations[key];
	if (isObject(metadata)) metadata["namespace"] = to;
	CLEANERS[textAt(copy, "kind")]?.(copy, from, to);
	return copy;
}
