import { requireSecret, secretBytes } from "../object-source.ts";
import { writeVolumeFiles } from "./atomic-writer.ts";
import { DEFAULT_FILE_MODE, keyFiles } from "./key-files.ts";
import type { VolumeSetUp } from "./volume.ts";

export const setUpSecret: VolumeSetUp = async ({ pod, objects }, volume, directory) => {
	const source = volume.secret ?? {};
	const found = requireSecret(objects, pod.metadata.namespace ?? "", source.secretName ?? "", source.optional);
	await writeVolumeFiles(
		directory,
		keyFiles(found ? secretBytes(found) : new Map(), source.items, source.defaultMode ?? DEFAULT_FILE_MODE, source.optional, "secret"),
	);
	return directory;
};
