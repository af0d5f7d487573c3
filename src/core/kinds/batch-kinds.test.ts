import { describe, expect, it } from "vitest";
import type { CronJob, DaemonSet, Job, JobSpec, StatefulSet } from "../schema/kubernetes.d.ts";
import { fieldErrorText } from "../errors/field-error.ts";
import { cronJobKind } from "./cron-job.ts";
import { daemonSetKind } from "./daemon-set.ts";
import { jobKind } from "./job.ts";
import { replicationControllerKind } from "./replication-controller.ts";
import { statefulSetKind } from "./stateful-set.ts";

const ctx = { nowMs: 0, suffix: () => "", user: { name: "", groups: [] } };
const container = { name: "c", image: "i", terminationMessagePath: "/dev/termination-log", terminationMessagePolicy: "File" };
const podSpec = (restartPolicy: string) => ({ restartPolicy, containers: [container] });
const messages = (errors: Parameters<typeof fieldErrorText>[0][]): string[] => errors.map(fieldErrorText);

function job(spec: Partial<JobSpec> = {}): Job {
	const made: Job = { apiVersion: "batch/v1", kind: "Job", metadata: { name: "j", uid: "u1" }, spec: { template: { spec: podSpec("Never") }, ...spec } };
	jobKind.defaults?.(made);
	jobKind.prepareCreate?.(made, ctx);
	jobKind.defaults?.(made);
	return made;
}

const statefulSet = (spec: Partial<NonNullable<StatefulSet["spec"]>> = {}): StatefulSet => {
	const made: StatefulSet = {
		apiVersion: "apps/v1",
		kind: "StatefulSet",
		metadata: { name: "s" },
		spec: { selector: { matchLabels: { a: "b" } }, template: { metadata: { labels: { a: "b" } }, spec: podSpec("Always") }, ...spec },
	};
	statefulSetKind.defaults?.(made);
	return made;
};

describe("Job", () => {
	it("gets a selector of its own uid, and the limits' defaults", () => {
		const { spec, metadata } = job();
		expect(spec?.selector).toEqual({ matchLabels: { "batch.kubernetes.io/controller-uid": "u1" } });
		expect(spec?.template.metadata?.labels).toEqual({
			"batch.kubernetes.io/controller-uid": "u1",
			"controller-uid": "u1",
			"batch.kubernetes.io/job-name": "j",
			"job-name": "j",
		});
		expect(metadata.labels).toEqual(spec?.template.metadata?.labels);
		expect(spec).toMatchObject({
			completions: 1,
			parallelism: 1,
			backoffLimit: 6,
			completionMode: "NonIndexed",
			suspend: false,
			podReplacementPolicy: "TerminatingOrFailed",
		});
		expect(job({ parallelism: 4 }).spec?.completions).toBeUndefined();
		expect(job({ completionMode: "Indexed", completions: 2, backoffLimitPerIndex: 1 }).spec?.backoffLimit).toBe(2_147_483_647);
		expect(jobKind.validate(job())).toEqual([]);
	});

	it.each<[Partial<JobSpec>, string]>([
		[{ template: { spec: podSpec("Always") } }, 'spec.template.spec.restartPolicy: Required value: valid values: "OnFailure", "Never"'],
		[{ completionMode: "Indexed", parallelism: 1 }, "spec.completions: Required value: when completion mode is Indexed"],
		[{ backoffLimit: -1 }, "spec.backoffLimit: Invalid value: -1: must be greater than or equal to 0"],
		[{ backoffLimitPerIndex: 1 }, "spec.backoffLimitPerIndex: Invalid value: 1: requires indexed completion mode"],
		[
			{ selector: { matchLabels: { a: "b" } } },
			'spec.selector: Invalid value: {"matchLabels":{"batch.kubernetes.io/controller-uid":"u1","a":"b"}}: `selector` not auto-generated',
		],
		[
			{ podFailurePolicy: { rules: [{ action: "Ignore" }] } },
			'spec.podFailurePolicy.rules[0]: Invalid value: {"action":"Ignore"}: specifying one of OnExitCodes and OnPodConditions is required',
		],
		[
			{ podFailurePolicy: { rules: [{ action: "FailJob", onExitCodes: { operator: "In", values: [0] } }] } },
			"spec.podFailurePolicy.rules[0].onExitCodes.values[0]: Invalid value: 0: must not be 0 for the In operator",
		],
		[{ successPolicy: { rules: [] } }, 'spec.successPolicy: Invalid value: {"rules":[]}: requires indexed completion mode'],
		[{ managedBy: "me" }, 'spec.managedBy: Invalid value: "me": must be a domain-prefixed path (such as "acme.io/foo")'],
	])("refuses %j", (spec, message) => {
		expect(messages(jobKind.validate(job(spec)))).toContain(message);
	});

	it("keeps its template, unless it is suspended and only where its pods go or what they ask for changes", () => {
		const changed = (suspend: boolean, change: object, status?: Job["status"]): string[] => {
			const old = job({ suspend });
			old.status = status;
			const next = structuredClone(old);
			Object.assign(next.spec?.template.spec ?? {}, change);
			return (jobKind.validateUpdate?.(next, old) ?? []).map(({ field, type }) => `${field} ${type}`);
		};
		expect(changed(false, { nodeSelector: { a: "b" } })).toEqual(["spec.template FieldValueInvalid"]);
		expect(changed(true, { nodeSelector: { a: "b" } })).toEqual([]);
		expect(changed(true, { hostname: "h" })).toEqual(["spec.template FieldValueInvalid"]);
		const bigger = { containers: job().spec?.template.spec?.containers.map((one) => ({ ...one, resources: { requests: { cpu: "2" } } })) };
		expect(changed(false, bigger)).toEqual(["spec.template FieldValueInvalid"]);
		expect(changed(true, bigger)).toEqual([]);
		const startTime = "2026-01-01T00:00:00Z";
		const suspended = { startTime, conditions: [{ type: "Suspended", status: "True" }] };
		expect(changed(true, bigger, { startTime })).toEqual(["spec.template FieldValueInvalid"]);
		expect(changed(true, bigger, suspended)).toEqual([]);
		expect(changed(true, bigger, { ...suspended, active: 1 })).toEqual(["spec.template FieldValueInvalid"]);
	});

	it("grows and shrinks when it is indexed and its completions are its parallelism", () => {
		const resized = (completions: number, parallelism: number): number => {
			const old = job({ completionMode: "Indexed", completions: 3, parallelism: 3 });
			const next = structuredClone(old);
			Object.assign(next.spec ?? {}, { completions, parallelism });
			return jobKind.validateUpdate?.(next, old).length ?? 0;
		};
		expect([resized(5, 5), resized(5, 3)]).toEqual([0, 1]);
	});
});

describe("StatefulSet", () => {
	it("gets its defaults", () => {
		expect(statefulSet().spec).toMatchObject({
			replicas: 1,
			podManagementPolicy: "OrderedReady",
			updateStrategy: { type: "RollingUpdate", rollingUpdate: { partition: 0, maxUnavailable: 1 } },
			persistentVolumeClaimRetentionPolicy: { whenDeleted: "Retain", whenScaled: "Retain" },
			revisionHistoryLimit: 10,
		});
		expect(statefulSetKind.validate(statefulSet())).toEqual([]);
	});

	it.each<[Partial<NonNullable<StatefulSet["spec"]>>, string]>([
		[{ podManagementPolicy: "Random" }, "spec.podManagementPolicy: Invalid value: \"Random\": must be 'OrderedReady' or 'Parallel'"],
		[
			{ updateStrategy: { type: "OnDelete", rollingUpdate: {} } },
			"spec.updateStrategy.rollingUpdate: Invalid value: {}: only allowed for updateStrategy 'RollingUpdate'",
		],
		[
			{ updateStrategy: { type: "RollingUpdate", rollingUpdate: { partition: -1 } } },
			"spec.updateStrategy.rollingUpdate.partition: Invalid value: -1: must be greater than or equal to 0",
		],
		[
			{ updateStrategy: { type: "RollingUpdate", rollingUpdate: { maxUnavailable: 0 } } },
			"spec.updateStrategy.rollingUpdate.maxUnavailable: Invalid value: 0: cannot be 0",
		],
		[{ selector: {} }, "spec.selector: Invalid value: {}: empty selector is invalid for statefulset"],
		[
			{ persistentVolumeClaimRetentionPolicy: { whenDeleted: "Burn" } },
			'spec.persistentVolumeClaimRetentionPolicy.whenDeleted: Unsupported value: "Burn": supported values: "Delete", "Retain"',
		],
	])("refuses %j", (spec, message) => {
		expect(messages(statefulSetKind.validate(statefulSet(spec)))).toContain(message);
	});

	it("lets little of its spec change", () => {
		const update = (change: object): number => {
			const next = statefulSet();
			Object.assign(next.spec ?? {}, change);
			return statefulSetKind.validateUpdate?.(next, statefulSet()).length ?? 0;
		};
		expect([update({ replicas: 3, minReadySeconds: 4 }), update({ serviceName: "x" }), update({ podManagementPolicy: "Parallel" })]).toEqual([0, 1, 1]);
	});
});

describe("DaemonSet", () => {
	const set = (rollingUpdate: object): DaemonSet => {
		const spec = {
			selector: { matchLabels: { a: "b" } },
			template: { metadata: { labels: { a: "b" } }, spec: podSpec("Always") },
			updateStrategy: { type: "RollingUpdate", rollingUpdate },
		};
		const made: DaemonSet = { apiVersion: "apps/v1", kind: "DaemonSet", metadata: { name: "d" }, spec };
		daemonSetKind.defaults?.(made);
		return made;
	};

	it("surges or takes away, not both and not neither", () => {
		expect(daemonSetKind.validate(set({}))).toEqual([]);
		expect(messages(daemonSetKind.validate(set({ maxSurge: 1 })))).toEqual([
			"spec.updateStrategy.rollingUpdate.maxSurge: Invalid value: 1: may not be set when maxUnavailable is non-zero",
		]);
		expect(messages(daemonSetKind.validate(set({ maxUnavailable: 0 })))).toEqual([
			"spec.updateStrategy.rollingUpdate.maxUnavailable: Required value: cannot be 0 when maxSurge is 0",
		]);
	});

	it("counts the versions of its template", () => {
		const old = set({});
		daemonSetKind.prepareCreate?.(old, ctx);
		const next = structuredClone(old);
		Object.assign(next.spec?.template.spec ?? {}, { hostNetwork: true });
		daemonSetKind.prepareUpdate?.(next, old, ctx);
		expect([old, next].map(({ metadata }) => metadata.annotations)).toEqual([
			{ "deprecated.daemonset.template.generation": "1" },
			{ "deprecated.daemonset.template.generation": "2" },
		]);
	});
});

describe("CronJob", () => {
	const cronJob = (spec: Partial<NonNullable<CronJob["spec"]>>, name = "c"): CronJob => {
		const made: CronJob = {
			apiVersion: "batch/v1",
			kind: "CronJob",
			metadata: { name },
			spec: { schedule: "* * * * *", jobTemplate: { spec: { template: { spec: podSpec("Never") } } }, ...spec },
		};
		cronJobKind.defaults?.(made);
		return made;
	};

	it.each<[Partial<NonNullable<CronJob["spec"]>>, string]>([
		[{ schedule: "" }, "spec.schedule: Required value"],
		[{ schedule: "* * * *" }, 'spec.schedule: Invalid value: "* * * *": expected exactly 5 fields, found 4: [* * * *]'],
		[{ schedule: "TZ=UTC * * * * *" }, 'spec.schedule: Invalid value: "TZ=UTC * * * * *": cannot use TZ or CRON_TZ in schedule, use timeZone field instead'],
		[{ timeZone: "Nowhere" }, 'spec.timeZone: Invalid value: "Nowhere": unknown time zone Nowhere'],
		[{ timeZone: "" }, 'spec.timeZone: Invalid value: "": timeZone must be nil or non-empty string'],
		[{ concurrencyPolicy: "Maybe" }, 'spec.concurrencyPolicy: Unsupported value: "Maybe": supported values: "Allow", "Forbid", "Replace"'],
		[{ startingDeadlineSeconds: -1 }, "spec.startingDeadlineSeconds: Invalid value: -1: must be greater than or equal to 0"],
	])("refuses %j", (spec, message) => {
		expect(messages(cronJobKind.validate(cronJob(spec)))).toEqual([message]);
	});

	it("leaves room in its name for those of its Jobs", () => {
		expect(cronJobKind.validate(cronJob({}, "a".repeat(52)))).toEqual([]);
		expect(messages(cronJobKind.validate(cronJob({}, "a".repeat(53))))).toEqual([
			`metadata.name: Invalid value: "${"a".repeat(53)}": must be no more than 52 characters`,
		]);
	});
});

it("a ReplicationController selects by its template's labels", () => {
	const made = {
		apiVersion: "v1",
		kind: "ReplicationController",
		metadata: { name: "r" } as { name: string; labels?: Record<string, string> },
		spec: { template: { metadata: { labels: { a: "b" } }, spec: podSpec("Always") } },
	};
	replicationControllerKind.defaults?.(made);
	expect(made).toMatchObject({ metadata: { labels: { a: "b" } }, spec: { replicas: 1, selector: { a: "b" } } });
	expect(replicationControllerKind.validate(made)).toEqual([]);
});
