/** Which plugins a profile runs at which extension point (pkg/scheduler/apis/config/v1/default_plugins.go, framework/runtime). */
import { EXTENSION_POINTS, type ExtensionPoint, PLUGINS } from "./plugins.ts";

export interface PluginChoice {
	name: string;
	weight?: number;
}

export interface PluginSet {
	enabled?: readonly PluginChoice[];
	disabled?: readonly PluginChoice[];
}

export type PluginSets = Partial<Record<ExtensionPoint | "multiPoint", PluginSet>>;

const EVERYTHING = "*";
const defaultSet = (): PluginChoice[] => Object.entries(PLUGINS).map(([name, { weight }]) => ({ name, ...(weight ? { weight } : {}) }));
/** Go's name of the interface that a plugin of the point has. */
const pluginType = (point: ExtensionPoint): string => `${point.charAt(0).toUpperCase()}${point.slice(1)}Plugin`;

/** Those of every point: the default ones, without what is disabled, configured anew where they are named, and others after them. */
function multiPointOf({ enabled = [], disabled = [] }: PluginSet): PluginChoice[] {
	const out = new Set(disabled.map(({ name }) => name));
	const kept = out.has(EVERYTHING) ? [] : defaultSet().filter(({ name }) => !out.has(name));
	const names = new Set(kept.map(({ name }) => name));
	return [...kept.map((plugin) => enabled.find(({ name }) => name === plugin.name) ?? plugin), ...enabled.filter(({ name }) => !names.has(name))];
}

function checkKnown(plugins: readonly PluginChoice[], type: string): void {
	const seen = new Set<string>();
	for (const { name } of plugins) {
		if (PLUGINS[name] === undefined) throw new Error(`${type} ${JSON.stringify(name)} does not exist`);
		if (seen.has(name)) throw new Error(`plugin ${JSON.stringify(name)} already registered as ${JSON.stringify(type)}`);
		seen.add(name);
	}
}

/** What runs at each point. Throws an Error for what kube-scheduler would not start with. */
export function pluginsOf(schedulerName: string, sets: PluginSets): Record<ExtensionPoint, PluginChoice[]> {
	const multiPoint = multiPointOf(sets.multiPoint ?? {});
	checkKnown(multiPoint, "MultiPoint plugin");
	const points = Object.fromEntries(EXTENSION_POINTS.map((point) => [point, at(point, sets[point] ?? {}, multiPoint)]));
	const { queueSort = [], bind = [] } = points as Partial<Record<ExtensionPoint, PluginChoice[]>>;
	const profile = `profile with scheduler name ${JSON.stringify(schedulerName)}`;
	if (queueSort.length === 0) throw new Error(`no queue sort plugin is enabled for ${profile}`);
	if (queueSort.length > 1) throw new Error(`only one queue sort plugin required for ${profile}, but got ${queueSort.length}`);
	if (bind.length === 0) throw new Error(`at least one bind plugin is needed for ${profile}`);
	return points as Record<ExtensionPoint, PluginChoice[]>;
}

/** Those named at the point that multiPoint has too come first, then multiPoint's others, then the point's own. */
function at(point: ExtensionPoint, { enabled = [], disabled = [] }: PluginSet, multiPoint: readonly PluginChoice[]): PluginChoice[] {
	checkKnown(enabled, pluginType(point));
	for (const { name } of enabled)
		if (!PLUGINS[name]?.points.includes(point)) throw new Error(`plugin ${JSON.stringify(name)} does not extend ${pluginType(point)} plugin`);
	const out = new Set(disabled.map(({ name }) => name));
	const own = new Set(enabled.map(({ name }) => name));
	const expanded = out.has(EVERYTHING) ? [] : multiPoint.filter(({ name }) => PLUGINS[name]?.points.includes(point) && !out.has(name));
	const inBoth = new Set(expanded.map(({ name }) => name));
	return [
		...enabled.filter(({ name }) => inBoth.has(name)),
		...expanded.filter(({ name }) => !own.has(name)),
		...enabled.filter(({ name }) => !inBoth.has(name)),
	];
}
