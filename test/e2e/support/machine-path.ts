/** A PATH on which some of this machine's programs are missing. */
import { mkdirSync, readdirSync, symlinkSync } from "node:fs";
import { delimiter, join } from "node:path";

const SYSTEM_DIRECTORIES = ["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"];

/** Fills the directory with links to the machine's programs, the first of each name, without those that `hidden` matches; answers the PATH. */
export function pathWithout(hidden: RegExp, directory: string): string {
	mkdirSync(directory, { recursive: true });
	const onPath = [...(process.env["PATH"] ?? "").split(delimiter), ...SYSTEM_DIRECTORIES];
	const taken = new Set<string>();
	for (const from of onPath) {
		for (const name of list(from)) {
			if (taken.has(name) || hidden.test(name)) continue;
			taken.add(name);
			symlinkSync(join(from, name), join(directory, name));
		}
	}
	return directory;
}

function list(directory: string): string[] {
	try {
		return readdirSync(directory);
	} catch {
		return [];
	}
}
