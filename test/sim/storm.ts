/** What the storms have in common: faults while deeds are done at random, then a calm in which everything must come right. */
import { describe, expect, it } from "vitest";
import { StatusError } from "../../src/core/errors/status-error.ts";
import type { ApiRequest } from "../../src/core/api/request.ts";
import type { KubeObject } from "../../src/core/meta/object.ts";
import { Agent } from "./agent.ts";
import { seedsOf, STORMS } from "./seeds.ts";
import { acted, type Faults, NO_FAULTS, World } from "./world.ts";

export const FAULTS: Faults = { loss: 0.05, lostAnswer: 0.05, delayMs: 200, crash: 0.02 };

export type Deed = () => unknown;

export interface Course {
	/** Deeds done while there are faults, and the milliseconds after each. */
	steps: number;
	stepMs: number;
	/** Without faults and deeds, in milliseconds, until everything must have come right. */
	calmMs: number;
	deeds: readonly Deed[];
	/** What must hold after each deed. */
	never?(): void;
}

/** A file's storm: its seeds, and that the controllers which it is there for have acted in them. */
export function stormTest(storm: string, says: string, run: (seed: number) => Promise<void>): void {
	describe(`${storm} under faults`, () => {
		it.each(seedsOf(storm))(`seed %d: ${says}`, run);
		it.skipIf(process.env.SIM_SEED)("makes each of its controllers act", () => expect(STORMS[storm]?.covers.filter((name) => !acted.has(name))).toEqual([]));
	});
}

/** A cluster that has come up, with a node for each name. */
export async function startWorld(
	seed: number,
	nodes: readonly string[],
	prepare: (agent: Agent) => void = () => {},
): Promise<{ world: World; agents: Agent[] }> {
	const world = new World(seed);
	return { world, agents: await startIn(world, nodes, prepare) };
}

export async function startIn(world: World, nodes: readonly string[], prepare: (agent: Agent) => void = () => {}): Promise<Agent[]> {
	const agents = nodes.map((name) => new Agent(world, name));
	world.onNodeCrash = (name) => agents.find((agent) => agent.name === name)?.pollAgain();
	world.cluster();
	await world.settle({ object: "cluster" });
	for (const agent of agents) {
		prepare(agent);
		await agent.start();
	}
	await world.run(5_000);
	return agents;
}

/** What happens to the machines themselves. */
export const accidents = (world: World, agents: readonly Agent[]): Deed[] => [
	() => world.random.pick(agents)?.cut(),
	() => world.random.pick(agents)?.heal(),
	() => world.random.pick(agents)?.restart(),
	() => world.crashOne(),
	() => world.crash({ object: "cluster" }),
];

export async function weather(world: World, agents: readonly Agent[], { steps, stepMs, calmMs, deeds, never }: Course): Promise<void> {
	world.faults = FAULTS;
	for (let step = 0; step < steps; step++) {
		await world.random.pick(deeds)?.();
		await world.run(stepMs);
		never?.();
	}
	world.faults = NO_FAULTS;
	for (const agent of agents) agent.heal();
	await world.run(calmMs);
	never?.();
}

/** As a client writes one: what is missing is the server's to say. */
type KubeObjectLike = { kind: string; metadata: { name: string; [field: string]: unknown }; [field: string]: unknown };
type Propagation = NonNullable<ApiRequest["query"]["propagationPolicy"]>;
type Target = { group?: string; version?: string; resource: string; namespace?: string };

/** What a client of a storm asks; a refusal is an answer like another, a fault of the server's is none. */
export class Client {
	readonly #world: World;

	constructor(world: World) {
		this.#world = world;
	}

	/** What was made; undefined when it was refused. */
	create(target: Target, object: KubeObjectLike): Promise<KubeObject | undefined> {
		return this.#world.api({ verb: "create", ...target }, { apiVersion: apiVersion(target), ...object }).catch(notRefused);
	}

	patch(target: Target & { name: string; subresource?: string }, patch: object): Promise<KubeObject | undefined> {
		return this.#world.api({ verb: "patch", patchType: "merge", ...target }, patch).catch(notRefused);
	}

	delete(target: Target & { name: string }, propagationPolicy?: Propagation): Promise<KubeObject | undefined> {
		const query = { raw: [], ...(propagationPolicy ? { propagationPolicy } : {}) };
		return this.#world.api({ verb: "delete", ...target, query }).catch(notRefused);
	}
}

const apiVersion = ({ group = "", version = "v1" }: Target): string => (group === "" ? version : `${group}/${version}`);

export function notRefused(error: unknown): undefined {
	if (!(error instanceof StatusError) || error.code >= 500) throw error;
	return undefined;
}

export const namesOf = (objects: readonly KubeObject[]): string[] => objects.map(({ metadata }) => metadata.name ?? "").sort();
