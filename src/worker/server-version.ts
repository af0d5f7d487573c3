/** What /version says: the Kubernetes version whose API this is. */

export const SERVER_VERSION = {
	major: "1",
	minor: "36",
	emulationMajor: "1",
	emulationMinor: "36",
	minCompatibilityMajor: "1",
	minCompatibilityMinor: "35",
	gitVersion: "v1.36.0+petrel",
	gitCommit: "",
	gitTreeState: "clean",
	buildDate: "1970-01-01T00:00:00Z",
	goVersion: "",
	compiler: "workerd",
	platform: "linux/amd64",
} as const;
