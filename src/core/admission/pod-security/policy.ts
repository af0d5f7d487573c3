/** Which level of the Pod Security Standards a namespace's labels ask for (k8s.io/pod-security-admission/api). */
import { type FieldError, invalid } from "../../errors/field-error.ts";

export type Level = "privileged" | "baseline" | "restricted";
/** The minor version of 1.x, or the latest. */
export type PolicyVersion = number | "latest";

export interface LevelVersion {
	level: Level;
	version: PolicyVersion;
}

export type Mode = "enforce" | "audit" | "warn";
export type Policy = Record<Mode, LevelVersion>;

const LEVELS: readonly Level[] = ["privileged", "baseline", "restricted"];
const MODES: readonly Mode[] = ["enforce", "audit", "warn"];
const LABEL_PREFIX = "pod-security.kubernetes.io/";
const VERSION = /^v1\.([0-9]|[1-9][0-9]*)$/;

const UNRESTRICTED: LevelVersion = { level: "privileged", version: "latest" };
/** What kube-apiserver does without a configuration. */
export const DEFAULT_POLICY: Policy = { enforce: UNRESTRICTED, audit: UNRESTRICTED, warn: UNRESTRICTED };

export const isLevel = (text: string): text is Level => (LEVELS as readonly string[]).includes(text);

/** Undefined for what is no version. */
export function parseVersion(text: string): PolicyVersion | undefined {
	if (text === "latest") return text;
	const minor = VERSION.exec(text)?.[1];
	return minor === undefined ? undefined : Number(minor);
}

export const levelVersionText = ({ level, version }: LevelVersion): string => `${level}:${version === "latest" ? version : `v1.${version}`}`;
export const sameLevelVersion = (a: LevelVersion, b: LevelVersion): boolean => a.level === b.level && a.version === b.version;
export const isStricter = (a: Level, b: Level): boolean => LEVELS.indexOf(a) > LEVELS.indexOf(b);

/** A level that cannot be read is enforced as the strictest, and neither audited nor warned of. */
function levelOf(mode: Mode, text: string, field: string, errors: FieldError[]): Level {
	if (isLevel(text)) return text;
	errors.push(invalid(field, text, `must be one of ${LEVELS.join(", ")}`));
	return mode === "enforce" ? "restricted" : "privileged";
}

function versionOf(text: string, field: string, errors: FieldError[]): PolicyVersion {
	const version = parseVersion(text);
	if (version === undefined) errors.push(invalid(field, text, 'must be "latest" or "v1.x"'));
	return version ?? "latest";
}

/** A policy always comes back, also with errors. */
export function policyOf(labels: Readonly<Record<string, string>> | undefined, defaults: Policy): { policy: Policy; errors: FieldError[] } {
	const errors: FieldError[] = [];
	const policy = { ...defaults };
	for (const mode of MODES) {
		const key = LABEL_PREFIX + mode;
		const [level, version] = [labels?.[key], labels?.[`${key}-version`]];
		const field = (label: string): string => `metadata.labels[${label}]`;
		policy[mode] = {
			level: level === undefined ? defaults[mode].level : levelOf(mode, level, field(key), errors),
			version: version === undefined ? defaults[mode].version : versionOf(version, field(`${key}-version`), errors),
		};
	}
	return { policy, errors };
}
