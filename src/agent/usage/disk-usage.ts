/** What directories hold, as `du` counts it. */
import { lstat, readdir } from "node:fs/promises";
import { join } from "node:path";

/** What lstat counts in, whatever the file system's own blocks are. */
const BLOCK_BYTES = 512;

export interface DiskUse {
	bytes: number;
	inodes: number;
}

/** Files that go while it counts are passed over; it stays on one file system, as a mounted one has a disk of its own. */
export async function directoryUse(path: string): Promise<DiskUse> {
	const top = await lstat(path).catch(() => undefined);
	const total: DiskUse = { bytes: 0, inodes: 0 };
	if (top === undefined) return total;
	for (const rest = [path]; rest.length > 0; ) {
		const one = rest.pop() as string;
		const info = await lstat(one).catch(() => undefined);
		if (info === undefined || info.dev !== top.dev) continue;
		total.bytes += info.blocks * BLOCK_BYTES;
		total.inodes++;
		if (info.isDirectory()) for (const name of await readdir(one).catch(() => [])) rest.push(join(one, name));
	}
	return total;
}
