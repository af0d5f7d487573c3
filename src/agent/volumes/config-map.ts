import { configMapBytes, requireConfigMap } from "../object-source.ts";
import { writeVolumeFiles } from "./atomic-writer.ts";
import { DEFAULT_FILE_MODE, keyFiles } from "./key-files.ts";
import type { VolumeSetUp } from "./volume.ts";

export const setUpConfigMap: VolumeSetUp = async ({ pod, objects }, volume, directory) => {
	const source = volume.configMap ?? {};
	const found = requireConfigMap(objects, pod.metadata.namespace ?? "", source.name ?? "", source.optional);
	await writeVolumeFiles(
		directory,
		keyFiles(found ? configMapBytes(found) : new Map(), source.items, source.defaultMode ?? DEFAULT_FILE_MODE, source.optional, "config"),
	);
	return directory;
};
