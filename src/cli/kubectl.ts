/** Whether the user has kubectl. */
import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";

export function kubectlOnPath(path = process.env["PATH"] ?? ""): boolean {
	return path.split(delimiter).some((directory) => {
		try {
			accessSync(join(directory, "kubectl"), constants.X_OK);
			return true;
		} catch {
			return false;
		}
	});
}
