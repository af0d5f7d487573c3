/** An image as a volume: its file system, read-only (kubelet's ImageVolume). */
import type { Volume } from "../../core/schema/kubernetes.d.ts";
import type { VolumeSetUp } from "./volume.ts";

export const setUpImage: VolumeSetUp = async ({ pod, images, runtime }, volume, directory) => {
	// Pulled and told of once, not with each look at the pod.
	if (!(await runtime.imageMounted(directory))) await runtime.mountImage(await images.ensure({ pod, container: pulled(volume), fieldPath: "" }), directory);
	return { path: directory, keepsGroup: true };
};

/** The volume as what it is to the puller. */
function pulled({ name, image }: Volume): { name: string; image: string; imagePullPolicy?: string } {
	return { name, image: image?.reference ?? "", ...(image?.pullPolicy ? { imagePullPolicy: image.pullPolicy } : {}) };
}
