/** Completion indexes in their text form, "1,3-5,7" (k8s.io/kubernetes/pkg/controller/job, indexed_job_utils). */

/** The indexes below `completions`, or what is wrong with the text. */
export function parseIndexes(text: string, completions: number): Set<number> | string {
	const indexes = new Set<number>();
	if (text === "") return indexes;
	let last = -1;
	for (const part of text.split(",")) {
		const limits = part.split("-");
		if (limits.length > 2)
			return `the fragment ${JSON.stringify(part)} violates the requirement that an index interval can have at most two parts separated by '-'`;
		const [first = Number.NaN, end = first] = limits.map((limit) => (/^[0-9]+$/.test(limit) ? Number(limit) : Number.NaN));
		if (Number.isNaN(first) || Number.isNaN(end))
			return `cannot convert string to integer for index: ${JSON.stringify(limits.find((limit) => !/^[0-9]+$/.test(limit)) ?? "")}`;
		if (first >= completions || end >= completions) return `too large index: ${JSON.stringify(String(first >= completions ? first : end))}`;
		if (first <= last) return `non-increasing order, previous: ${last}, current: ${first}`;
		if (end < first || (limits.length === 2 && end === first)) return `non-increasing order, previous: ${first}, current: ${end}`;
		for (let index = first; index <= end; index++) indexes.add(index);
		last = end;
	}
	return indexes;
}

/** The indexes of a status field: what does not belong there, such as those beyond a shrunken Job, is passed over. */
export function indexesOf(text: string | undefined, completions: number): Set<number> {
	const indexes = new Set<number>();
	for (const part of (text ?? "").split(",")) {
		const [first = "", end = first] = part.split("-");
		if (!/^[0-9]+$/.test(first) || !/^[0-9]+$/.test(end)) continue;
		for (let index = Number(first); index <= Math.min(Number(end), completions - 1); index++) indexes.add(index);
	}
	return indexes;
}

export function indexesText(indexes: ReadonlySet<number>): string {
	const sorted = [...indexes].sort((a, b) => a - b);
	const parts: string[] = [];
	for (let i = 0; i < sorted.length; ) {
		let j = i;
		while (j + 1 < sorted.length && sorted[j + 1] === (sorted[j] ?? 0) + 1) j++;
		// Two neighbours are written one by one, as upstream does.
		parts.push(j - i >= 2 ? `${sorted[i]}-${sorted[j]}` : sorted.slice(i, j + 1).join(","));
		i = j + 1;
	}
	return parts.join(",");
}
