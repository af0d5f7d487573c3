/** Names made by the server: k8s.io/apiserver/pkg/storage/names and k8s.io/apimachinery/pkg/util/rand. */

/** rand.String draws from this: no vowels and no look-alikes, so that no word appears by chance. */
export const SUFFIX_ALPHABET = "bcdfghjklmnpqrstvwxz2456789";
/** Characters that a generated name adds to its prefix. */
export const GENERATED_SUFFIX_LENGTH = 5;
const NAME_LENGTH_MAX = 63;

/** The name for `metadata.generateName`: the prefix, cut so that the whole stays a DNS label, and a suffix. */
export function generateName(prefix: string, suffix: (length: number) => string): string {
	return prefix.slice(0, NAME_LENGTH_MAX - GENERATED_SUFFIX_LENGTH) + suffix(GENERATED_SUFFIX_LENGTH);
}

/** A suffix source over `random`, a number in [0, 1) at each call. */
export function suffixFrom(random: () => number): (length: number) => string {
	return (length) => {
		let text = "";
		for (let i = 0; i < length; i++) text += SUFFIX_ALPHABET[Math.floor(random() * SUFFIX_ALPHABET.length)];
		return text;
	};
}
