/** Image names, as pkg/util/parsers reads them. */

const NAME = /^(?:[a-zA-Z0-9.-]+(?::\d+)?\/)?[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:\/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*$/;

/** The tag of an image: "latest" when it has neither tag nor digest, "" when it has a digest alone or is no valid name. */
export function imageTag(image: string): string {
	const at = image.indexOf("@");
	const named = at < 0 ? image : image.slice(0, at);
	const colon = named.lastIndexOf(":");
	const hasTag = colon > named.lastIndexOf("/");
	if (!NAME.test(hasTag ? named.slice(0, colon) : named)) return "";
	if (hasTag) return named.slice(colon + 1);
	return at < 0 ? "latest" : "";
}

/** PullPolicy by tag: images that move are always pulled. */
export const defaultPullPolicy = (image: string | undefined): "Always" | "IfNotPresent" => (imageTag(image ?? "") === "latest" ? "Always" : "IfNotPresent");
