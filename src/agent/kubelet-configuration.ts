/**
 * What of kubelet's own configuration (KubeletConfiguration, kubelet.config.k8s.io/v1beta1) this agent heeds, with
 * kubelet's defaults. `petrel agent --config FILE` reads it; /configz shows it.
 */
import { parseDuration } from "../core/schema/duration-text.ts";
import { AgentError } from "./agent-error.ts";
import { VERIFICATION_POLICIES, type VerificationPolicy } from "./image/pull-records.ts";
import { parseQuantityNumber } from "./quantity-number.ts";

export interface KubeletConfiguration {
	/** A quantity: a log larger than this is rotated. */
	containerLogMaxSize: string;
	/** Files kept of one container's log, the present one among them. */
	containerLogMaxFiles: number;
	containerLogMonitorInterval: string;
	/** Percent of the disk in use above which images are removed, and down to which. */
	imageGCHighThresholdPercent: number;
	imageGCLowThresholdPercent: number;
	imageMinimumGCAge: string;
	/** An image that nothing has used for this long is removed; "0s" keeps it. */
	imageMaximumGCAge: string;
	/** By signal ("memory.available"): a quantity, or a percentage of what there is. */
	evictionHard: Record<string, string>;
	evictionSoft: Record<string, string>;
	evictionSoftGracePeriod: Record<string, string>;
	evictionMinimumReclaim: Record<string, string>;
	/** How long a condition of pressure stays after the pressure has gone. */
	evictionPressureTransitionPeriod: string;
	/** Longest grace of a pod evicted by a soft threshold, in seconds. */
	evictionMaxPodGracePeriod: number;
	/** Kept back from what pods may ask for, by resource. */
	systemReserved: Record<string, string>;
	kubeReserved: Record<string, string>;
	maxPods: number;
	/** Processes of one pod; -1 for no limit. */
	podPidsLimit: number;
	/** Pulls at once; 1 with serializeImagePulls. */
	maxParallelImagePulls: number;
	serializeImagePulls: boolean;
	/** Which images that are here are asked for again for a pod that has not shown credentials for them. */
	imagePullCredentialsVerificationPolicy: VerificationPolicy;
	/** Images that NeverVerifyAllowlistedImages spares; a trailing * is a prefix. */
	preloadedImagesVerificationAllowlist: string[];
	/** Pods from the manifests (YAML or JSON) in this directory, with or without a control plane. */
	staticPodPath: string;
	/** How often that directory is looked at. */
	fileCheckFrequency: string;
	/** How long the machine's shutdown waits for pods, and how much of that is for critical ones; "0s" does not wait. */
	shutdownGracePeriod: string;
	shutdownGracePeriodCriticalPods: string;
	/** The longest pause between restarts of a container. */
	crashLoopBackOff: { maxContainerRestartPeriod: string };
	/** Taints that the node has when it registers, in the API's form. */
	registerWithTaints: { key: string; value?: string; effect: string }[];
	/** Sysctls beyond the safe ones that pods may set; a trailing * is a prefix. */
	allowedUnsafeSysctls: string[];
}

export const DEFAULT_KUBELET_CONFIGURATION: KubeletConfiguration = {
	containerLogMaxSize: "10Mi",
	containerLogMaxFiles: 5,
	containerLogMonitorInterval: "10s",
	imageGCHighThresholdPercent: 85,
	imageGCLowThresholdPercent: 80,
	imageMinimumGCAge: "2m0s",
	imageMaximumGCAge: "0s",
	evictionHard: {
		"memory.available": "100Mi",
		"nodefs.available": "10%",
		"nodefs.inodesFree": "5%",
		"imagefs.available": "15%",
		"imagefs.inodesFree": "5%",
	},
	evictionSoft: {},
	evictionSoftGracePeriod: {},
	evictionMinimumReclaim: {},
	evictionPressureTransitionPeriod: "5m0s",
	evictionMaxPodGracePeriod: 0,
	systemReserved: {},
	kubeReserved: {},
	maxPods: 110,
	podPidsLimit: -1,
	// Kubelet pulls one image after the other; several share a line well, and a slow registry then holds up nobody.
	maxParallelImagePulls: 4,
	serializeImagePulls: false,
	imagePullCredentialsVerificationPolicy: "NeverVerifyPreloadedImages",
	preloadedImagesVerificationAllowlist: [],
	staticPodPath: "",
	fileCheckFrequency: "20s",
	shutdownGracePeriod: "0s",
	shutdownGracePeriodCriticalPods: "0s",
	crashLoopBackOff: { maxContainerRestartPeriod: "5m0s" },
	registerWithTaints: [],
	allowedUnsafeSysctls: [],
};

/** The signals of eviction thresholds, by what runs short. */
export const EVICTION_SIGNALS = [
	"memory.available",
	"nodefs.available",
	"nodefs.inodesFree",
	"imagefs.available",
	"imagefs.inodesFree",
	"pid.available",
] as const;

const NS_PER_MS = 1_000_000n;
const API_VERSION = "kubelet.config.k8s.io/v1beta1";
const SIGNALS: ReadonlySet<string> = new Set(EVICTION_SIGNALS);

const isNumber = (value: unknown): boolean => typeof value === "number" && Number.isInteger(value);
const isPercent = (value: unknown): boolean => isNumber(value) && (value as number) >= 0 && (value as number) <= 100;
const isDuration = (value: unknown): boolean => typeof value === "string" && parseDuration(value) !== undefined;
const isText = (value: unknown): boolean => typeof value === "string";
const isObject = (value: unknown): value is Record<string, unknown> => typeof value === "object" && value !== null && !Array.isArray(value);

function isQuantity(value: unknown): boolean {
	try {
		return parseQuantityNumber(String(value)) >= 0;
	} catch {
		return false;
	}
}

const mapOf = (isValue: (value: unknown) => boolean, isKey: (key: string) => boolean) => (value: unknown) =>
	isObject(value) && Object.entries(value).every(([key, one]) => isKey(key) && isValue(one));
const isThreshold = (value: unknown): boolean =>
	isQuantity(value) || (typeof value === "string" && /^\d+(\.\d+)?%$/.test(value) && Number.parseFloat(value) <= 100);
const isSignal = (key: string): boolean => SIGNALS.has(key);
const thresholds = mapOf(isThreshold, isSignal);
const resources = mapOf(isQuantity, () => true);

/** Whether a value can be what the field says. */
const CHECKS: { [K in keyof KubeletConfiguration]: (value: unknown) => boolean } = {
	containerLogMaxSize: isQuantity,
	containerLogMaxFiles: (value) => isNumber(value) && (value as number) > 1,
	containerLogMonitorInterval: isDuration,
	imageGCHighThresholdPercent: isPercent,
	imageGCLowThresholdPercent: isPercent,
	imageMinimumGCAge: isDuration,
	imageMaximumGCAge: isDuration,
	evictionHard: thresholds,
	evictionSoft: thresholds,
	evictionSoftGracePeriod: mapOf(isDuration, isSignal),
	evictionMinimumReclaim: thresholds,
	evictionPressureTransitionPeriod: isDuration,
	evictionMaxPodGracePeriod: isNumber,
	systemReserved: resources,
	kubeReserved: resources,
	maxPods: (value) => isNumber(value) && (value as number) >= 0,
	podPidsLimit: (value) => isNumber(value) && (value as number) >= -1,
	maxParallelImagePulls: (value) => isNumber(value) && (value as number) >= 1,
	serializeImagePulls: (value) => typeof value === "boolean",
	imagePullCredentialsVerificationPolicy: (value) => VERIFICATION_POLICIES.includes(value as VerificationPolicy),
	preloadedImagesVerificationAllowlist: (value) => Array.isArray(value) && value.every(isText),
	staticPodPath: isText,
	fileCheckFrequency: isDuration,
	shutdownGracePeriod: isDuration,
	shutdownGracePeriodCriticalPods: isDuration,
	crashLoopBackOff: (value) => isObject(value) && Object.entries(value).every(([key, one]) => key === "maxContainerRestartPeriod" && isDuration(one)),
	registerWithTaints: (value) => Array.isArray(value) && value.every((taint) => isObject(taint) && isText(taint.key) && isText(taint.effect)),
	allowedUnsafeSysctls: (value) => Array.isArray(value) && value.every(isText),
};

export interface ParsedConfiguration {
	configuration: KubeletConfiguration;
	/** Fields that the agent has no use for. */
	ignored: string[];
}

/** From a parsed document. Throws AgentError, a sentence that names the field. */
export function kubeletConfiguration(document: unknown): ParsedConfiguration {
	const refuse = (message: string) => new AgentError("configuration", message);
	if (!isObject(document)) throw refuse("the kubelet configuration is no object");
	const { apiVersion, kind, ...fields } = document;
	if (apiVersion !== API_VERSION || kind !== "KubeletConfiguration") {
		throw refuse(`the kubelet configuration is ${String(apiVersion)} ${String(kind)}; it must be ${API_VERSION} KubeletConfiguration`);
	}
	const known: Record<string, unknown> = {};
	const ignored: string[] = [];
	for (const [name, value] of Object.entries(fields)) {
		const check = CHECKS[name as keyof KubeletConfiguration];
		if (!check) ignored.push(name);
		else if (value === null) continue;
		else if (!check(value)) throw refuse(`the kubelet configuration has an invalid ${name}: ${JSON.stringify(value)}`);
		else known[name] = value;
	}
	const configuration = { ...DEFAULT_KUBELET_CONFIGURATION, ...known } as KubeletConfiguration;
	checkTogether(configuration, refuse);
	return { configuration, ignored };
}

function checkTogether(configuration: KubeletConfiguration, refuse: (message: string) => AgentError): void {
	if (configuration.imageGCLowThresholdPercent >= configuration.imageGCHighThresholdPercent && configuration.imageGCHighThresholdPercent < 100) {
		throw refuse("the kubelet configuration's imageGCLowThresholdPercent must be less than imageGCHighThresholdPercent");
	}
	for (const signal of Object.keys(configuration.evictionSoft)) {
		if (configuration.evictionSoftGracePeriod[signal] === undefined) throw refuse(`grace period must be specified for the soft eviction threshold ${signal}`);
	}
}

/** A field's duration in milliseconds; fields were checked when they were read. */
export const durationMs = (text: string): number => Number((parseDuration(text) ?? 0n) / NS_PER_MS);
