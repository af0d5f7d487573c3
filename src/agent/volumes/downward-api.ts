import type { Container, DownwardAPIVolumeFile, Pod } from "../../core/schema/kubernetes.d.ts";
import { fieldValue, type PodFacts, resourceValue } from "../downward-field.ts";
import { writeVolumeFiles } from "./atomic-writer.ts";
import { DEFAULT_FILE_MODE } from "./key-files.ts";
import type { VolumeFile, VolumeSetUp } from "./volume.ts";

export function downwardFiles(pod: Pod, facts: PodFacts, items: readonly DownwardAPIVolumeFile[], mode: number): Map<string, VolumeFile> {
	const files = new Map<string, VolumeFile>();
	// A volume's resourceFieldRef must name its container, so the first one is only a formality.
	const container = pod.spec?.containers[0] as Container;
	for (const item of items) {
		const text = item.fieldRef
			? fieldValue(pod, facts, item.fieldRef)
			: item.resourceFieldRef
				? resourceValue(pod, container, facts, item.resourceFieldRef)
				: "";
		files.set(item.path, { content: Buffer.from(text), mode: item.mode ?? mode });
	}
	return files;
}

export const setUpDownwardAPI: VolumeSetUp = async ({ pod, facts }, volume, directory) => {
	const source = volume.downwardAPI ?? {};
	await writeVolumeFiles(directory, downwardFiles(pod, facts, source.items ?? [], source.defaultMode ?? DEFAULT_FILE_MODE));
	return directory;
};
