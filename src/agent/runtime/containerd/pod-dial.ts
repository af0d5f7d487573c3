/** TCP connections into a pod: straight to its address, or from inside its network namespace to 127.0.0.1. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { Duplex } from "node:stream";
import { connectTcp } from "../../tcp-connection.ts";
import { RuntimeError } from "../runtime.ts";

/** State of a listening socket in /proc/net/tcp. */
const LISTEN = "0A";
const LOOPBACK_LITTLE_ENDIAN = "0100007F";
/** Stands in for nc where there is no busybox: args are host and port. */
const NODE_RELAY = `const s=require("net").connect({host:process.argv[1],port:+process.argv[2],allowHalfOpen:true});
s.on("error",()=>process.exit(1));process.stdin.pipe(s);s.pipe(process.stdout);s.on("close",()=>process.exit(0));`;

/** "127.0.0.1" or "::1" when something listens there in the network namespace of `pid`. */
async function loopbackListener(pid: number, port: number): Promise<string | undefined> {
	const hexPort = port.toString(16).toUpperCase().padStart(4, "0");
	for (const [file, host] of [
		["tcp", "127.0.0.1"],
		["tcp6", "::1"],
	] as const) {
		const lines = (await readFile(`/proc/${pid}/net/${file}`, "utf8").catch(() => "")).split("\n").slice(1);
		const found = lines.some((line) => {
			const [, local = "", , state] = line.trim().split(/\s+/);
			const [address = "", localPort] = local.split(":");
			const loopback = file === "tcp" ? address === LOOPBACK_LITTLE_ENDIAN : address.endsWith("01000000");
			return state === LISTEN && localPort === hexPort && loopback;
		});
		if (found) return host;
	}
	return undefined;
}

/** A process in the pod's network namespace that connects and passes bytes on. */
async function relay(pid: number, host: string, port: number, busybox: string | undefined): Promise<Duplex> {
	const program = busybox === undefined ? [process.execPath, "-e", NODE_RELAY] : [busybox, "nc"];
	const child = spawn("nsenter", ["-t", String(pid), "-n", ...program, host, String(port)], { stdio: ["pipe", "pipe", "ignore"] });
	await once(child, "spawn");
	const stream = Duplex.from({ writable: child.stdin, readable: child.stdout });
	stream.once("close", () => child.kill("SIGKILL"));
	stream.on("error", () => undefined);
	return stream;
}

export interface PodAddress {
	ip: string;
	hostNetwork: boolean;
	/** A process in the pod's network namespace. */
	pid(): Promise<number>;
	busybox: string | undefined;
}

/** The pod's own address first, because that costs no process; a program that listens on 127.0.0.1 alone refuses there. */
export async function dialPod(pod: PodAddress, port: number): Promise<Duplex> {
	if (pod.hostNetwork) return connectTcp("127.0.0.1", port).catch(() => connectTcp(pod.ip, port));
	try {
		return await connectTcp(pod.ip, port);
	} catch (error) {
		const pid = await pod.pid();
		const host = await loopbackListener(pid, port);
		if (host !== undefined) return relay(pid, host, port, pod.busybox);
		throw new RuntimeError("Unavailable", `failed to connect to localhost:${port} inside the pod: ${(error as Error).message}`, { cause: error });
	}
}
