/** What one operation costs as a namespace, and the number of namespaces, grows: nothing should, save what is returned. */
import { type Call, Client, load, type Target } from "./load.ts";
import { configMap, createIn, createNamespace, namespacePath } from "./objects.ts";

const OBJECT_COUNTS = [100, 1_000, 10_000];
const NAMESPACE_COUNTS = [1, 16, 256];
const CLIENTS = 16;
const OPERATIONS = 400;

export interface GrowthRow {
	size: string;
	/** CPU in milliseconds by operation. */
	cpuMs: Readonly<Record<string, number>>;
}

/** The operations, each at the n-th object of the m-th namespace. */
function operations(namespaces: readonly string[]): Record<string, (index: number) => Call> {
	const at = (index: number): string => namespaces[index % namespaces.length] ?? "";
	const object = (index: number): string => `${namespacePath(at(index))}/configmaps/c-${Math.floor(index / namespaces.length) % 10}`;
	return {
		create: (i) => createIn(at(i), "configmaps", configMap(`n-${i}`)),
		get: (i) => ({ method: "GET", path: object(i) }),
		patch: (i) => ({ method: "PATCH", path: object(i), type: "application/merge-patch+json", body: `{"data":{"counter":"${i}"}}` }),
		apply: (i) => ({
			method: "PATCH",
			path: `${namespacePath(at(i))}/configmaps/a-${i % 10}?fieldManager=bench&force=true`,
			type: "application/apply-patch+yaml",
			body: configMap(`a-${i % 10}`),
		}),
		"list of 10": (i) => ({ method: "GET", path: `${namespacePath(at(i))}/configmaps?limit=10` }),
		delete: (i) => ({ method: "DELETE", path: `${namespacePath(at(i))}/configmaps/n-${i}` }),
	};
}

async function measure(target: Target, size: string, namespaces: readonly string[]): Promise<GrowthRow> {
	const cpuMs: Record<string, number> = {};
	for (const [name, make] of Object.entries(operations(namespaces))) cpuMs[name] = (await load(target, CLIENTS, OPERATIONS, make)).cpuMsPerRequest;
	return { size, cpuMs };
}

export async function* measureGrowth(target: Target): AsyncGenerator<GrowthRow> {
	const admin = new Client(target, 4);
	await admin.send(createNamespace("growing"));
	let filled = 0;
	for (const count of OBJECT_COUNTS) {
		const from = filled;
		await load(target, CLIENTS, count - from, (i) => createIn("growing", "configmaps", configMap(`c-${from + i}`)));
		filled = count;
		yield await measure(target, `${count} objects`, ["growing"]);
	}
	const namespaces: string[] = [];
	for (const count of NAMESPACE_COUNTS) {
		const from = namespaces.length;
		for (let i = from; i < count; i++) namespaces.push(`growing-${i}`);
		await load(target, CLIENTS, count - from, (i) => createNamespace(`growing-${from + i}`));
		await load(target, CLIENTS, (count - from) * 10, (i) => createIn(`growing-${from + Math.floor(i / 10)}`, "configmaps", configMap(`c-${i % 10}`)));
		yield await measure(target, `${count} namespace${count === 1 ? "" : "s"}`, namespaces);
	}
	admin.close();
}
