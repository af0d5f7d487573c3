/** From the keys of a ConfigMap or Secret to files: all of them, or those that `items` names. */
import type { KeyToPath } from "../../core/schema/kubernetes.d.ts";
import { MissingObjectError } from "../object-source.ts";
import type { VolumeFile } from "./volume.ts";

/** The API's default of every defaultMode. */
export const DEFAULT_FILE_MODE = 0o644;

export function keyFiles(
	data: ReadonlyMap<string, Buffer>,
	items: readonly KeyToPath[] | undefined,
	mode: number,
	optional: boolean | undefined,
	what: string,
): Map<string, VolumeFile> {
	const files = new Map<string, VolumeFile>();
	if (!items || items.length === 0) {
		for (const [key, content] of data) files.set(key, { content, mode });
		return files;
	}
	for (const item of items) {
		const content = data.get(item.key);
		if (content) files.set(item.path, { content, mode: item.mode ?? mode });
		else if (!optional) throw new MissingObjectError(`references non-existent ${what} key: ${item.key}`);
	}
	return files;
}
