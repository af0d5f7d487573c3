/** The URL of a receiver: the cluster's root as its writer reached it, and a path that nobody guesses. */
const ROOT = "/webhooks";

/** Below the cluster's root. */
export const receiverPath = (namespace: string, name: string, token: string): string => `${ROOT}/${namespace}/${name}/${token}`;

/** The URL with this token at its end, and below the public URL where there is one. */
export function completeUrl(url: string, token: string, publicUrl: string | undefined): string {
	const whole = url.slice(0, url.lastIndexOf("/") + 1) + token;
	return publicUrl ? publicUrl.replace(/\/$/, "") + whole.replace(/^https?:\/\/[^/]*/, "") : whole;
}
