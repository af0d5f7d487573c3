/** Defaults of a pod spec, for pods and for templates of pods: pkg/apis/core/v1/defaults.go. */
import type { Container, EphemeralContainerCommon, HTTPGetAction, PodSpec, Probe } from "../schema/kubernetes.d.ts";
import { defaultPullPolicy } from "./image-reference.ts";
import { defaultVolume } from "./volume-defaults.ts";

/** terminationGracePeriodSeconds of a pod that names none. */
export const DEFAULT_GRACE_SECONDS = 30;
const DEFAULT_PROBE_PERIOD_SECONDS = 10;
const DEFAULT_PROBE_FAILURES = 3;

/** SetDefaults_PodSpec and what lies under it; `serviceAccount` mirrors `serviceAccountName` as the conversion does. */
export function defaultPodSpec(spec: PodSpec): void {
	spec.dnsPolicy ||= "ClusterFirst";
	spec.restartPolicy ||= "Always";
	spec.securityContext ??= {};
	spec.terminationGracePeriodSeconds ??= DEFAULT_GRACE_SECONDS;
	spec.schedulerName ||= "default-scheduler";
	spec.containers ??= [];
	const account = spec.serviceAccountName || spec.serviceAccount;
	if (account) {
		spec.serviceAccountName = account;
		spec.serviceAccount = account;
	}
	spec.volumes?.forEach(defaultVolume);
	for (const container of everyContainer(spec)) defaultContainer(container);
}

/** Init, regular and ephemeral containers, in that order. */
export function everyContainer(spec: PodSpec): (Container | EphemeralContainerCommon)[] {
	return [...(spec.initContainers ?? []), ...(spec.containers ?? []), ...(spec.ephemeralContainers ?? [])];
}

function defaultContainer(container: Container | EphemeralContainerCommon): void {
	container.imagePullPolicy ||= defaultPullPolicy(container.image);
	container.terminationMessagePath ||= "/dev/termination-log";
	container.terminationMessagePolicy ||= "File";
	container.resources ??= {};
	for (const port of container.ports ?? []) port.protocol ||= "TCP";
	for (const { valueFrom } of container.env ?? []) {
		if (valueFrom?.fieldRef && !valueFrom.fieldRef.apiVersion) valueFrom.fieldRef.apiVersion = "v1";
		if (valueFrom?.resourceFieldRef) valueFrom.resourceFieldRef.divisor ??= "0";
		if (valueFrom?.fileKeyRef) valueFrom.fileKeyRef.optional ??= false;
	}
	for (const probe of [container.livenessProbe, container.readinessProbe, container.startupProbe]) if (probe) defaultProbe(probe);
	for (const handler of [container.lifecycle?.postStart, container.lifecycle?.preStop]) if (handler?.httpGet) defaultHttpGet(handler.httpGet);
	if (container.securityContext?.procMount === "") delete container.securityContext.procMount;
}

function defaultProbe(probe: Probe): void {
	probe.timeoutSeconds ||= 1;
	probe.periodSeconds ||= DEFAULT_PROBE_PERIOD_SECONDS;
	probe.successThreshold ||= 1;
	probe.failureThreshold ||= DEFAULT_PROBE_FAILURES;
	if (probe.httpGet) defaultHttpGet(probe.httpGet);
	if (probe.grpc) probe.grpc.service ??= "";
}

function defaultHttpGet(action: HTTPGetAction): void {
	action.path ||= "/";
	action.scheme ||= "HTTP";
}

/** SetDefaults_Pod: what only a pod gets, not a template: requests from limits, service links, host ports. */
export function defaultPodOnly(spec: PodSpec): void {
	const containers = [...(spec.containers ?? []), ...(spec.initContainers ?? [])];
	for (const { resources } of containers) {
		if (!resources?.limits) continue;
		resources.requests = { ...resources.limits, ...resources.requests };
	}
	spec.enableServiceLinks ??= true;
	if (!spec.hostNetwork) return;
	for (const port of containers.flatMap((c) => c.ports ?? [])) port.hostPort ||= port.containerPort;
}
