/** The Worker's configuration of the scheduler, read once an isolate. */
import type { Json } from "../core/meta/object.ts";
import type { WorkerEnv } from "../core/protocol/tokens.ts";
import {
	DEFAULT_SCHEDULER_CONFIGURATION,
	readSchedulerConfiguration,
	type SchedulerConfiguration,
} from "../core/scheduler/configuration/scheduler-configuration.ts";

let read: { text: string; configuration: SchedulerConfiguration } | undefined;

/** Throws when it cannot be read: like kube-scheduler, nothing is placed by other rules than those that were asked for. */
export function schedulerConfiguration({ PETREL_SCHEDULER: text = "" }: WorkerEnv): SchedulerConfiguration {
	if (read?.text !== text) read = { text, configuration: text === "" ? DEFAULT_SCHEDULER_CONFIGURATION : readSchedulerConfiguration(JSON.parse(text) as Json) };
	return read.configuration;
}

export const schedulerNames = ({ profiles }: SchedulerConfiguration): ReadonlySet<string> => new Set(profiles.map(({ schedulerName }) => schedulerName));
