/** What all pod workers of a node share. */
import type { PodRef } from "../core/protocol/messages.ts";
import type { Container, Pod, PodStatus, ResourceStatus } from "../core/schema/kubernetes.d.ts";
import type { Clock } from "./clock.ts";
import type { Backoff } from "./container-backoff.ts";
import type { EventRecorder } from "./event-recorder.ts";
import type { ImagePuller } from "./image-puller.ts";
import type { Limiter } from "./limiter.ts";
import type { Logger } from "./log.ts";
import type { ResizeRefusal } from "./node-capacity.ts";
import type { ObjectSource } from "./object-source.ts";
import type { DeviceGrant } from "./plugins/device-plugin.ts";
import type { ContainerRuntime } from "./runtime/runtime.ts";
import type { RuntimeClasses } from "./runtime-classes.ts";
import type { RuntimeView } from "./runtime-view.ts";
import type { ClaimSource } from "./volumes/bound-volumes.ts";
import type { CsiVolumes } from "./volumes/csi/csi-volumes.ts";
import type { TokenSource } from "./volumes/volume.ts";

export interface StatusReports {
	status(pod: PodRef, status: PodStatus): void;
	/** The pod was marked for deletion and nothing of it is left. */
	stopped(pod: PodRef): void;
}

export interface NodeFacts {
	name: string;
	hostIPs(): readonly string[];
	allocatable(): Readonly<Record<string, string>>;
	clusterDomain: string;
	dnsAddress: string;
}

/** Says whether a pod that is new here may run. */
export interface PodAdmission {
	admit(pod: Pod): Promise<{ reason: string; message: string } | undefined>;
	/** Why a running pod cannot have what it asks for now. */
	refuseResize(pod: Pod): ResizeRefusal | undefined;
}

/** What plugins give a pod's containers with the devices that it has. */
export interface PodDevices {
	/** The container is about to start. Rejects with kubelet's words. */
	prepare(pod: Pod, container: Container): Promise<readonly DeviceGrant[]>;
	statusOf(podUid: string, container: string): ResourceStatus[];
	forget(podUid: string): void;
}

/** Devices of the pod's ResourceClaims. */
export interface PodClaimDevices {
	/** Before the pod's sandbox is made. Rejects with kubelet's words. */
	prepare(pod: Pod): Promise<void>;
	/** Once nothing of the pod runs any more. */
	unprepare(pod: Pod): Promise<void>;
	cdiDevices(pod: Pod, container: Container): string[];
}

export interface PodContext {
	runtime: ContainerRuntime;
	view: RuntimeView;
	clock: Clock;
	log: Logger;
	events: EventRecorder;
	objects: ObjectSource;
	tokens: TokenSource & { forget(podUid: string): void };
	claims: ClaimSource & { forget(podUid: string): void; refresh(podUid: string): void };
	csi: CsiVolumes;
	devices: PodDevices;
	claimDevices: PodClaimDevices;
	runtimeClasses: Pick<RuntimeClasses, "handler">;
	images: ImagePuller;
	restartBackoff: Backoff;
	admission: PodAdmission;
	/** Sandboxes and containers being started at once on the whole node. */
	startLimit: Limiter;
	reports: StatusReports;
	dataDirectory: string;
	node: NodeFacts;
}
