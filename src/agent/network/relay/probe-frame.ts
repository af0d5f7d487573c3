/**
 * Whether a node is reached directly is asked in the way that its pods' packets take: a VXLAN frame to its port, with a UDP packet for
 * the agent there inside, which answers with another. So what is between the nodes is asked, and not what routes say.
 */
import { isIPv4 } from "node:net";

/** On the address of the node's own end of the pod network. */
export const PROBE_PORT = 8473;
/** Of the VXLAN network, and the port of every node's end of it. */
export const VXLAN_ID = 7345;
export const VXLAN_PORT = 8472;
const VXLAN_HEADER_BYTES = 8;
const ETHERNET_HEADER_BYTES = 14;
const MAC_BYTES = 6;
const IPV4_HEADER_BYTES = 20;
const UDP_HEADER_BYTES = 8;
const MAGIC = 0x70_74_72_31;
const BODY_BYTES = 9;

export interface Probe {
	answer: boolean;
	nonce: number;
}

/** One node's end of the pod network: the first address of its range. */
export interface ProbeEnd {
	mac: string;
	address: string;
}

export function encodeProbe({ answer, nonce }: Probe): Buffer {
	const body = Buffer.alloc(BODY_BYTES);
	body.writeUInt32BE(MAGIC, 0);
	body[4] = answer ? 1 : 0;
	body.writeUInt32BE(nonce, 5);
	return body;
}

export function decodeProbe(body: Buffer): Probe | undefined {
	if (body.length !== BODY_BYTES || body.readUInt32BE(0) !== MAGIC) return undefined;
	return { answer: body[4] === 1, nonce: body.readUInt32BE(5) };
}

const macBytes = (mac: string): Buffer => Buffer.from(mac.replaceAll(":", ""), "hex");
const addressBytes = (address: string): Buffer => Buffer.from(address.split(".").map(Number));

/** RFC 1071. */
function checksum(header: Buffer): number {
	let sum = 0;
	for (let at = 0; at < header.length; at += 2) sum += header.readUInt16BE(at);
	while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
	return ~sum & 0xffff;
}

/** What is sent to a node's VXLAN port. */
export function probeFrame(from: ProbeEnd, to: ProbeEnd, probe: Probe): Buffer {
	if (!isIPv4(from.address) || !isIPv4(to.address)) throw new TypeError("a probe goes between IPv4 addresses");
	const vxlan = Buffer.alloc(VXLAN_HEADER_BYTES);
	vxlan[0] = 0x08;
	vxlan.writeUIntBE(VXLAN_ID, 4, 3);
	const ethernet = Buffer.concat([macBytes(to.mac), macBytes(from.mac), Buffer.from([0x08, 0x00])]);
	const ip = Buffer.alloc(IPV4_HEADER_BYTES);
	ip[0] = 0x45;
	ip.writeUInt16BE(IPV4_HEADER_BYTES + UDP_HEADER_BYTES + BODY_BYTES, 2);
	ip[8] = 64;
	ip[9] = 17;
	addressBytes(from.address).copy(ip, 12);
	addressBytes(to.address).copy(ip, 16);
	ip.writeUInt16BE(checksum(ip), 10);
	// No checksum of its own: the frame's outer one holds for it.
	const udp = Buffer.alloc(UDP_HEADER_BYTES);
	udp.writeUInt16BE(PROBE_PORT, 0);
	udp.writeUInt16BE(PROBE_PORT, 2);
	udp.writeUInt16BE(UDP_HEADER_BYTES + BODY_BYTES, 4);
	return Buffer.concat([vxlan, ethernet, ip, udp, encodeProbe(probe)]);
}

/** Whom a VXLAN frame is for; undefined for what is too short to be one. */
export function destinationMac(frame: Buffer): string | undefined {
	if (frame.length < VXLAN_HEADER_BYTES + ETHERNET_HEADER_BYTES) return undefined;
	return frame.toString("hex", VXLAN_HEADER_BYTES, VXLAN_HEADER_BYTES + MAC_BYTES).replace(/..(?=.)/g, "$&:");
}
