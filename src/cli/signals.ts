/** Resolves when the process is asked to end. Repeated signals change nothing: what is under way is brought to its end. */
export function interruption(): Promise<NodeJS.Signals> {
	return new Promise((resolve) => {
		for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => resolve(signal));
	});
}
