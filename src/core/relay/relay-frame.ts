/**
 * Packets between two nodes that cannot reach each other: what an agent and the Relay object of the two say. A binary message begins with
 * its type: packets, each behind its length (2 bytes, big-endian), or how many bytes of such messages were taken in (4 bytes). Who has
 * RELAY_WINDOW_BYTES under way that nobody has taken in drops packets, as a full link would, so nothing on the way can grow.
 */

/** The largest message, in bytes. */
export const RELAY_MESSAGE_BYTES_MAX = 64 * 1024;
/** The largest packet: a VXLAN frame around what a pod's link may carry. */
export const RELAY_PACKET_BYTES_MAX = 16 * 1024;
/** What may be under way in one direction: 100 Mbit/s at 80 ms there and back. */
export const RELAY_WINDOW_BYTES = 1024 * 1024;
/** Taken-in bytes are told in steps of this: of what is never told there is less. */
export const RELAY_GRANT_BYTES = RELAY_WINDOW_BYTES / 4;
/** The Relay object's word to both sides when both are there, and to one when the other has gone. */
export const RELAY_JOINED = "joined";
export const RELAY_PARTED = "parted";
/** An agent sends this text every RELAY_BEAT_MS and gets it back; the object sleeps meanwhile. */
export const RELAY_BEAT = "beat";
export const RELAY_BEAT_MS = 2_000;
/** Whoever has heard nothing for this long counts the other side as gone, in milliseconds. */
export const RELAY_SILENCE_MS = 3 * RELAY_BEAT_MS;

const PACKETS = 0;
const TAKEN = 1;
const TYPE_BYTES = 1;
const LENGTH_BYTES = 2;
const TAKEN_BYTES = 5;

export type RelayMessage = { type: "packets"; packets: Uint8Array[] } | { type: "taken"; bytes: number };

/** What a packet adds to a message, in bytes. */
export const packetCost = (packet: Uint8Array): number => LENGTH_BYTES + packet.length;

/** Packets that together fit into a message. */
export function encodePackets(packets: readonly Uint8Array[]): Uint8Array {
	const message = new Uint8Array(packets.reduce((bytes, packet) => bytes + packetCost(packet), TYPE_BYTES));
	const view = new DataView(message.buffer);
	message[0] = PACKETS;
	let at = TYPE_BYTES;
	for (const packet of packets) {
		view.setUint16(at, packet.length);
		message.set(packet, at + LENGTH_BYTES);
		at += packetCost(packet);
	}
	return message;
}

export function encodeTaken(bytes: number): Uint8Array {
	const message = new Uint8Array(TAKEN_BYTES);
	message[0] = TAKEN;
	new DataView(message.buffer).setUint32(TYPE_BYTES, bytes);
	return message;
}

/** Undefined for what is no message. The packets are views into it. */
export function decodeRelayMessage(message: Uint8Array): RelayMessage | undefined {
	const view = new DataView(message.buffer, message.byteOffset, message.length);
	if (message[0] === TAKEN) return message.length === TAKEN_BYTES ? { type: "taken", bytes: view.getUint32(TYPE_BYTES) } : undefined;
	if (message[0] !== PACKETS) return undefined;
	const packets: Uint8Array[] = [];
	let at = TYPE_BYTES;
	while (at < message.length) {
		const end = at + LENGTH_BYTES <= message.length ? at + LENGTH_BYTES + view.getUint16(at) : Number.POSITIVE_INFINITY;
		if (end > message.length) return undefined;
		packets.push(message.subarray(at + LENGTH_BYTES, end));
		at = end;
	}
	return { type: "packets", packets };
}

/** How many bytes are under way in one direction. */
export class RelayWindow {
	readonly #limit: number;
	#underway = 0;

	constructor(limit: number) {
		this.#limit = limit;
	}

	/** False when there is no room. */
	take(bytes: number): boolean {
		if (this.#underway + bytes > this.#limit) return false;
		this.#underway += bytes;
		return true;
	}

	/** More than is under way may be told of: of what was sent before a side came anew. */
	taken(bytes: number): void {
		this.#underway = Math.max(0, this.#underway - bytes);
	}

	reset(): void {
		this.#underway = 0;
	}
}
