/** Prefers nodes that hold the pod's images already; large images that few nodes hold count most. */
import type { NodeState } from "../node-state.ts";
import { SCORE_MAX, type Scorer } from "../plugin.ts";

const MIB = 1024 * 1024;
/** Less than this is quick to pull, more than IMAGE_MAX_BYTES a container makes no further difference. */
const IMAGE_MIN_BYTES = 23 * MIB;
const IMAGE_MAX_BYTES = 1000 * MIB;

export const imageLocality: Scorer = ({ pod }, ledger, feasible) => {
	const containers = [...(pod.spec?.initContainers ?? []), ...(pod.spec?.containers ?? [])];
	const images = containers.map((container) => normalized(container.image ?? ""));
	if (!feasible.some((node) => images.some((image) => node.images.has(image)))) return undefined;
	const nodes = ledger.nodes();
	const spread = new Map(images.map((image): [string, number] => [image, nodes.filter((node) => node.images.has(image)).length / nodes.length]));
	const max = IMAGE_MAX_BYTES * containers.length;
	return { score: (node) => scoreOf(heldBytes(node, images, spread), max) };
};

/** Bytes of the images that the node has, scaled down for images that few nodes have: else one node would draw all pods. */
function heldBytes(node: NodeState, images: readonly string[], spread: ReadonlyMap<string, number>): number {
	return images.reduce((sum, image) => sum + Math.trunc((node.images.get(image) ?? 0) * (spread.get(image) ?? 0)), 0);
}

function scoreOf(bytes: number, max: number): number {
	const within = Math.min(Math.max(bytes, IMAGE_MIN_BYTES), max);
	return Math.trunc((SCORE_MAX * (within - IMAGE_MIN_BYTES)) / (max - IMAGE_MIN_BYTES));
}

/** A name without a tag means `latest`. */
function normalized(image: string): string {
	return image.lastIndexOf(":") <= image.lastIndexOf("/") ? `${image}:latest` : image;
}
