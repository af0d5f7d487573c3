/**
 * The image of the process that holds a pod's namespaces open, made here so that no registry is needed: a static ELF
 * executable of a few dozen instructions that ignores SIGCHLD (the kernel then reaps orphans for it) and waits for ever.
 */
import { arch } from "node:os";
import { join } from "node:path";
import { buildImage } from "./build-image.ts";

export const PAUSE_IMAGE_REF = "petrel.dev/pause:1";

const LOAD_ADDRESS = 0x400000n;
const ELF_HEADER_BYTES = 64;
const PROGRAM_HEADER_BYTES = 56;
const SIGACTION_BYTES = 32;
const SIG_IGN = 1n;

/** rt_sigaction(SIGCHLD, &action, NULL, 8); for (;;) pause(); with `action` right behind the code. */
// biome-ignore format: one instruction a line
const CODE_X64 = Buffer.from([
	0xb8, 0x0d, 0x00, 0x00, 0x00, // mov eax, 13 (rt_sigaction)
	0xbf, 0x11, 0x00, 0x00, 0x00, // mov edi, 17 (SIGCHLD)
	0x48, 0x8d, 0x35, 0x13, 0x00, 0x00, 0x00, // lea rsi, [rip + 19] (action)
	0x31, 0xd2, // xor edx, edx
	0x41, 0xba, 0x08, 0x00, 0x00, 0x00, // mov r10d, 8
	0x0f, 0x05, // syscall
	0xb8, 0x22, 0x00, 0x00, 0x00, // mov eax, 34 (pause)
	0x0f, 0x05, // syscall
	0xeb, 0xf7, // jmp to the pause
]);

/** The same with ppoll(NULL, 0, NULL, NULL) in place of pause, which arm64 has not. */
const CODE_ARM64 = Buffer.concat(
	[
		0xd28010c8, // mov x8, 134 (rt_sigaction)
		0xd2800220, // mov x0, 17 (SIGCHLD)
		0x10000161, // adr x1, action
		0xd2800002, // mov x2, 0
		0xd2800103, // mov x3, 8
		0xd4000001, // svc 0
		0xd2800928, // mov x8, 73 (ppoll)
		0xd2800000, // mov x0, 0
		0xd2800001, // mov x1, 0
		0xd2800002, // mov x2, 0
		0xd2800003, // mov x3, 0
		0xd4000001, // svc 0
		0x17fffffa, // b to the ppoll
	].map((word) => {
		const bytes = Buffer.alloc(4);
		bytes.writeUInt32LE(word);
		return bytes;
	}),
);

const MACHINES: Record<string, { elfMachine: number; code: Buffer }> = {
	x64: { elfMachine: 62, code: CODE_X64 },
	arm64: { elfMachine: 183, code: CODE_ARM64 },
};

/** The executable's bytes for an architecture as node names it. */
export function pauseExecutable(architecture: string): Buffer {
	const machine = MACHINES[architecture];
	if (machine === undefined) throw new Error(`there is no pause executable for ${architecture}: use the process runtime`);
	const action = Buffer.alloc(SIGACTION_BYTES);
	action.writeBigUInt64LE(SIG_IGN, 0);
	const headers = Buffer.alloc(ELF_HEADER_BYTES + PROGRAM_HEADER_BYTES);
	const bytes = BigInt(headers.length + machine.code.length + action.length);
	Buffer.from([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1]).copy(headers);
	headers.writeUInt16LE(2, 16);
	headers.writeUInt16LE(machine.elfMachine, 18);
	headers.writeUInt32LE(1, 20);
	headers.writeBigUInt64LE(LOAD_ADDRESS + BigInt(headers.length), 24);
	headers.writeBigUInt64LE(BigInt(ELF_HEADER_BYTES), 32);
	headers.writeUInt16LE(ELF_HEADER_BYTES, 52);
	headers.writeUInt16LE(PROGRAM_HEADER_BYTES, 54);
	headers.writeUInt16LE(1, 56);
	headers.writeUInt32LE(1, ELF_HEADER_BYTES);
	headers.writeUInt32LE(5, ELF_HEADER_BYTES + 4);
	headers.writeBigUInt64LE(LOAD_ADDRESS, ELF_HEADER_BYTES + 16);
	headers.writeBigUInt64LE(LOAD_ADDRESS, ELF_HEADER_BYTES + 24);
	headers.writeBigUInt64LE(bytes, ELF_HEADER_BYTES + 32);
	headers.writeBigUInt64LE(bytes, ELF_HEADER_BYTES + 40);
	headers.writeBigUInt64LE(0x1000n, ELF_HEADER_BYTES + 48);
	return Buffer.concat([headers, machine.code, action]);
}

export async function buildPauseImage(options: { dataDir: string }): Promise<{ ref: string; tarPath: string }> {
	return buildImage({
		ref: PAUSE_IMAGE_REF,
		files: [{ path: "/pause", content: pauseExecutable(arch()), mode: 0o755 }],
		entrypoint: ["/pause"],
		user: "65535:65535",
		tarPath: join(options.dataDir, "images", "pause.tar"),
	});
}
