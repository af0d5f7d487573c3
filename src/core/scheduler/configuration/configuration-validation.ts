/** What is wrong with a KubeSchedulerConfiguration, in kube-scheduler's words (pkg/scheduler/apis/config/validation/validation.go). */
import { duplicate, type FieldError, forbidden, invalid, required } from "../../errors/field-error.ts";
import { semanticEqual } from "../../meta/equality.ts";
import { pluginArgsErrors } from "./plugin-args-validation.ts";
import { argsOf, type PluginArgs, takesArgs } from "./plugin-args.ts";
import { EXTENSION_POINTS } from "./plugins.ts";
import type { ProfileSettings, SchedulerSettings } from "./scheduler-configuration.ts";

const PERCENT_MAX = 100;
/** Plugins of volumes in trees that are no more. */
const REMOVED = ["AzureDiskLimits", "CinderLimits", "EBSLimits", "GCEPDLimits"];
const WAS_REMOVED = 'was invalid in version "v1" (KubeSchedulerConfiguration is version "kubescheduler.config.k8s.io/v1")';

export function configurationErrors(settings: SchedulerSettings): FieldError[] {
	const { parallelism, profiles, percentageOfNodesToScore, podInitialBackoffSeconds: initial, podMaxBackoffSeconds: max, extenders } = settings;
	const errors = parallelism > 0 ? [] : [invalid("parallelism", parallelism, "should be an integer value greater than zero")];
	if (profiles.length === 0) errors.push(required("profiles"));
	for (const [i, profile] of profiles.entries()) errors.push(...profileErrors(profile, `profiles[${i}]`), ...sameNameErrors(profiles, i));
	errors.push(...queueSortErrors(profiles), ...percentageErrors(percentageOfNodesToScore, "percentageOfNodesToScore"));
	if (initial <= 0) errors.push(invalid("podInitialBackoffSeconds", initial, "must be greater than 0"));
	if (max < initial) errors.push(invalid("podMaxBackoffSeconds", max, "must be greater than or equal to PodInitialBackoffSeconds"));
	// A decision is one transaction here: nobody else can be asked in the middle of it.
	if (extenders.length > 0) errors.push(forbidden("extenders", "this scheduler asks no extenders"));
	return errors;
}

function sameNameErrors(profiles: readonly ProfileSettings[], index: number): FieldError[] {
	const first = profiles.findLastIndex(({ schedulerName }, i) => i < index && schedulerName === profiles[index]?.schedulerName);
	return first < 0 ? [] : [duplicate(`profiles[${index}].schedulerName`, `profiles[${first}].schedulerName`)];
}

const percentageErrors = (percentage: number | undefined, path: string): FieldError[] =>
	percentage === undefined || (percentage >= 0 && percentage <= PERCENT_MAX) ? [] : [invalid(path, percentage, "not in valid range [0-100]")];

function profileErrors(profile: ProfileSettings, path: string): FieldError[] {
	const errors = profile.schedulerName === "" ? [required(`${path}.schedulerName`)] : [];
	errors.push(...percentageErrors(profile.percentageOfNodesToScore, `${path}.percentageOfNodesToScore`));
	for (const point of EXTENSION_POINTS)
		for (const [i, { name }] of (profile.plugins[point]?.enabled ?? []).entries())
			if (REMOVED.includes(name)) errors.push(invalid(`${path}.plugins.${point}.enabled[${i}]`, name, WAS_REMOVED));
	const args = argsOf(profile.pluginConfig);
	for (const [i, { name }] of profile.pluginConfig.entries()) {
		const at = `${path}.pluginConfig[${i}]`;
		if (profile.pluginConfig.findIndex((other) => other.name === name) < i) errors.push(duplicate(at, name));
		if (REMOVED.includes(name)) errors.push(invalid(at, name, WAS_REMOVED));
		else if (takesArgs(name)) errors.push(...errorsIn(name, args, `${at}.args`));
	}
	return errors;
}

const errorsIn = <Name extends keyof PluginArgs>(name: Name, args: PluginArgs, path: string): FieldError[] => pluginArgsErrors(name, args[name], path);

function queueSortErrors(profiles: readonly ProfileSettings[]): FieldError[] {
	const first = profiles[0]?.plugins.queueSort;
	const count = first?.enabled?.length ?? 0;
	const errors = count > 1 ? [invalid("profiles[0].plugins.queueSort.Enabled", count, "only one queue sort plugin can be enabled")] : [];
	for (const [i, { plugins }] of profiles.entries())
		if (!semanticEqual(first, plugins.queueSort))
			errors.push(invalid(`profiles[${i}].plugins.queueSort`, plugins.queueSort, "must be the same for all profiles"));
	return errors;
}
