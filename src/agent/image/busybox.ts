/** The machine's static busybox as an image's file system: what the bundled example and the tests are made from. */
import { execFile } from "node:child_process";
import { access, constants, open, readFile } from "node:fs/promises";
import { delimiter, join } from "node:path";
import { promisify } from "node:util";
import type { ImageFile } from "./build-image.ts";

const run = promisify(execFile);
const PROGRAM_HEADER_INTERP = 3;
/** Program headers lie in the first page of the files that we look at, in bytes. */
const HEADER_BYTES = 4096;
const FOLDERS = ["/bin", "/usr/bin", "/sbin", "/usr/sbin", "/usr/local/bin"];

/** Whether a 64-bit little-endian ELF file needs no dynamic loader, so that it runs in an otherwise empty root. */
export function isStaticElf(head: Buffer): boolean {
	if (head.length < 64 || head.readUInt32BE(0) !== 0x7f454c46 || head[4] !== 2 || head[5] !== 1) return false;
	const start = Number(head.readBigUInt64LE(32));
	const size = head.readUInt16LE(54);
	const count = head.readUInt16LE(56);
	for (let i = 0; i < count; i++) {
		const at = start + i * size;
		if (at + 4 > head.length || head.readUInt32LE(at) === PROGRAM_HEADER_INTERP) return false;
	}
	return count > 0;
}

/** Path of a statically linked busybox on this machine, if there is one. */
export async function findStaticBusybox(): Promise<string | undefined> {
	const folders = new Set([...(process.env.PATH ?? "").split(delimiter).filter((folder) => folder !== ""), ...FOLDERS]);
	for (const folder of folders) {
		const path = join(folder, "busybox");
		try {
			await access(path, constants.X_OK);
			const file = await open(path, "r");
			const { buffer, bytesRead } = await file.read(Buffer.alloc(HEADER_BYTES), 0, HEADER_BYTES, 0).finally(() => file.close());
			if (isStaticElf(buffer.subarray(0, bytesRead))) return path;
		} catch {}
	}
	return undefined;
}

/** /bin/busybox with a link per applet, and the few files that programs expect of a root file system. */
export async function busyboxFiles(busyboxPath: string): Promise<ImageFile[]> {
	const { stdout } = await run(busyboxPath, ["--list"]);
	const applets = stdout.split("\n").filter((name) => name !== "" && name !== "busybox");
	return [
		{ path: "/bin/busybox", content: await readFile(busyboxPath), mode: 0o755 },
		...applets.map((name) => ({ path: `/bin/${name}`, linkPath: "busybox" })),
		{ path: "/usr/bin/env", linkPath: "../../bin/busybox" },
		{ path: "/etc/passwd", content: "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n" },
		{ path: "/etc/group", content: "root:x:0:\nnogroup:x:65534:\n" },
		{ path: "/etc/nsswitch.conf", content: "hosts: files dns\n" },
		{ path: "/root", mode: 0o700 },
		{ path: "/tmp", mode: 0o1777 },
		{ path: "/var/tmp", mode: 0o1777 },
		{ path: "/run", mode: 0o755 },
		{ path: "/dev" },
		{ path: "/proc" },
		{ path: "/sys" },
	];
}
