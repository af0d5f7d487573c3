/** Maps in parallel, at most `width` at a time, keeping the order. The first rejection is the result's. */
export async function inParallel<T, R>(items: readonly T[], width: number, map: (item: T) => Promise<R>): Promise<R[]> {
	const results: R[] = new Array(items.length);
	let next = 0;
	const lane = async (): Promise<void> => {
		for (let at = next++; at < items.length; at = next++) results[at] = await map(items[at] as T);
	};
	await Promise.all(Array.from({ length: Math.min(width, items.length) }, lane));
	return results;
}
