/**
 * What kube-scheduler reads by --config: a KubeSchedulerConfiguration of kubescheduler.config.k8s.io/v1, read strictly, defaulted,
 * validated in its words, and made into profiles.
 */
import { fieldErrorText } from "../../errors/field-error.ts";
import type { Json, JsonObject } from "../../meta/object.ts";
import type { Profile } from "../profile.ts";
import { configurationErrors } from "./configuration-validation.ts";
import { ARGS_FIELDS, pluginSetsFields, unknownFields } from "./known-fields.ts";
import { argsOf } from "./plugin-args.ts";
import { EXTENSION_POINTS, PLUGINS } from "./plugins.ts";
import { pluginsOf, type PluginSets } from "./plugin-sets.ts";

export const DEFAULT_SCHEDULER = "default-scheduler";
const GROUP = "kubescheduler.config.k8s.io";
const KIND = "KubeSchedulerConfiguration";

export interface ProfileSettings {
	schedulerName: string;
	percentageOfNodesToScore?: number;
	plugins: PluginSets;
	pluginConfig: readonly { name: string; args: JsonObject }[];
}

/** With its defaults. */
export interface SchedulerSettings {
	parallelism: number;
	percentageOfNodesToScore?: number;
	podInitialBackoffSeconds: number;
	podMaxBackoffSeconds: number;
	profiles: readonly ProfileSettings[];
	extenders: readonly Json[];
}

export interface SchedulerConfiguration {
	/** Pause after a failed attempt, doubled by each further one. */
	podInitialBackoffSeconds: number;
	podMaxBackoffSeconds: number;
	profiles: readonly Profile[];
}

const FIELDS = {
	apiVersion: "any",
	kind: "any",
	parallelism: "any",
	leaderElection: "any",
	clientConnection: "any",
	enableProfiling: "any",
	enableContentionProfiling: "any",
	delayCacheUntilActive: "any",
	percentageOfNodesToScore: "any",
	podInitialBackoffSeconds: "any",
	podMaxBackoffSeconds: "any",
	extenders: "any",
	profiles: {
		schedulerName: "any",
		percentageOfNodesToScore: "any",
		plugins: pluginSetsFields([...EXTENSION_POINTS, "multiPoint"]),
		pluginConfig: { name: "any", args: "any" },
	},
} as const;

const DEFAULT_SETTINGS: SchedulerSettings = {
	parallelism: 16,
	podInitialBackoffSeconds: 1,
	podMaxBackoffSeconds: 10,
	profiles: [],
	extenders: [],
};

/** @throws Error that says what is wrong with it. */
export function readSchedulerConfiguration(value: Json): SchedulerConfiguration {
	const settings = settingsOf(value);
	const errors = configurationErrors(settings);
	if (errors.length > 0) throw new Error(errors.map(fieldErrorText).join(", "));
	return configurationOf(settings);
}

function settingsOf(value: Json): SchedulerSettings {
	if (value === null || typeof value !== "object" || Array.isArray(value)) throw new Error(`the scheduler's configuration must be a ${KIND}`);
	const { apiVersion = "", kind = "", ...given } = value;
	if (apiVersion !== `${GROUP}/v1` || kind !== KIND) throw new Error(`no kind ${JSON.stringify(kind)} is registered for version ${JSON.stringify(apiVersion)}`);
	refuseUnknown(unknownFields(given, FIELDS));
	const profiles = (given["profiles"] ?? [{}]) as JsonObject[];
	if (!Array.isArray(profiles)) throw new Error("profiles must be a list");
	// One that has no name is the default one where there is no other.
	const named = profiles.map((profile) => profileOf(profile, profiles.length === 1 ? DEFAULT_SCHEDULER : ""));
	return { ...DEFAULT_SETTINGS, ...given, profiles: named } as SchedulerSettings;
}

function profileOf({ schedulerName, plugins, pluginConfig, ...rest }: JsonObject, otherwise: string): ProfileSettings {
	const configs = (pluginConfig ?? []) as { name: string; args?: JsonObject }[];
	for (const { name, args } of configs) checkArgs(name, args ?? {});
	return {
		...rest,
		schedulerName: (schedulerName as string | undefined) ?? otherwise,
		plugins: (plugins ?? {}) as PluginSets,
		pluginConfig: configs.map(({ name, args }) => ({ name, args: args ?? {} })),
	};
}

/** Arguments may name their type, and must then name the plugin's. */
function checkArgs(plugin: string, args: JsonObject): void {
	const fields = ARGS_FIELDS[plugin];
	if (fields === undefined) return;
	const { apiVersion = `${GROUP}/v1`, kind = `${plugin}Args` } = args;
	const [group] = String(apiVersion).split("/");
	if (kind !== `${plugin}Args` || group !== GROUP)
		throw new Error(`args for plugin ${plugin} were not of type ${plugin}Args.${GROUP}, got ${String(kind)}.${group}`);
	refuseUnknown(unknownFields(args, fields), `decoding args for plugin ${plugin}: `);
}

function refuseUnknown(paths: readonly string[], where = ""): void {
	if (paths.length > 0) throw new Error(`${where}strict decoding error: ${paths.map((path) => `unknown field ${JSON.stringify(path)}`).join(", ")}`);
}

function configurationOf({ podInitialBackoffSeconds, podMaxBackoffSeconds, percentageOfNodesToScore, profiles }: SchedulerSettings): SchedulerConfiguration {
	return { podInitialBackoffSeconds, podMaxBackoffSeconds, profiles: profiles.map((profile) => made(profile, percentageOfNodesToScore)) };
}

function made(settings: ProfileSettings, percentageOfAll: number | undefined): Profile {
	const { schedulerName, plugins } = settings;
	const args = argsOf(settings.pluginConfig);
	const { filter, score, postFilter } = pluginsOf(schedulerName, plugins);
	const scorers = score.flatMap(({ name, weight }) => {
		const scorer = PLUGINS[name]?.score?.(args);
		return scorer === undefined ? [] : [{ scorer, weight: weight || 1 }];
	});
	return {
		schedulerName,
		filters: filter.flatMap(({ name }) => PLUGINS[name]?.filter?.(args) ?? []),
		scorers,
		preemption: postFilter.some(({ name }) => name === "DefaultPreemption") ? args.DefaultPreemption : undefined,
		percentageOfNodesToScore: settings.percentageOfNodesToScore ?? percentageOfAll ?? 0,
	};
}

/** What a scheduler without a configuration runs. */
export const DEFAULT_SCHEDULER_CONFIGURATION: SchedulerConfiguration = readSchedulerConfiguration({ apiVersion: `${GROUP}/v1`, kind: KIND });
