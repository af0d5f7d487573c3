/**
 * The synchronous encryption port that the store stands on: sealing happens inside the transaction of the write, which
 * WebCrypto, being asynchronous, would leave.
 */
export interface Seal {
	/** Names the deployment's key by which all is sealed at last. */
	readonly keyId: string;
	/** What every text sealed from now on begins with; texts with another beginning are sealed with an older key, or not at all. */
	readonly prefix: string;
	/** Beginnings of texts that are to be sealed anew: of older keys that still open, and of texts that were never sealed. Empty when all is done. */
	readonly outdatedPrefixes: readonly string[];
	/** `place` says where the text is kept; it opens nowhere else. */
	seal(text: string, place: string): string;
	/** A text that was never sealed comes back as it is. Throws for one that was changed, moved, or sealed with a key that is gone. */
	open(text: string, place: string): string;
	/** Nothing with an outdated beginning is left. */
	forgetOutdated(): void;
}

/** Which collections are sealed, and by what. */
export interface Sealing {
	seal: Seal;
	resources: ReadonlySet<string>;
}
