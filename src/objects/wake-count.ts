/**
 * How often the Durable Objects of this isolate came back into memory, and how often by their alarm: what an idle cluster
 * pays for. Operators read it at /metrics, and a test holds an idle cluster to it.
 */
export type ObjectClass = "Cluster" | "Namespace" | "Node" | "Session" | "Tunnel" | "Edge" | "Relay";

export interface WakeCount {
	/** Constructions: each begins a time in memory that ends some 10 s after the object's last work. */
	wakes: number;
	alarms: number;
}

const counts: Readonly<Record<ObjectClass, WakeCount>> = {
	Cluster: { wakes: 0, alarms: 0 },
	Namespace: { wakes: 0, alarms: 0 },
	Node: { wakes: 0, alarms: 0 },
	Session: { wakes: 0, alarms: 0 },
	Tunnel: { wakes: 0, alarms: 0 },
	Edge: { wakes: 0, alarms: 0 },
	Relay: { wakes: 0, alarms: 0 },
};

/** For an object's constructor. */
export function countWake(objectClass: ObjectClass): void {
	counts[objectClass].wakes++;
}

/** For an object's alarm. */
export function countAlarm(objectClass: ObjectClass): void {
	counts[objectClass].alarms++;
}

export const wakeCounts = (): [ObjectClass, Readonly<WakeCount>][] => Object.entries(counts) as [ObjectClass, WakeCount][];
