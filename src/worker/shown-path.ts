/** A request's path as logs may have it: what stands behind a webhook receiver's name opens the receiver. */
export const shownPath = (path: string): string => path.replace(/^((?:\/clusters\/[^/]+)?\/webhooks\/[^/]+\/[^/]+\/).+$/, "$1***");
