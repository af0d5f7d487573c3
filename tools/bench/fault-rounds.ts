/**
 * Rounds of one fault on a cluster of two nodes with real containers, each in a network of its own: a fault, its end, and then what
 * runs, what the API says and what is left on the machine must agree. Each round brings pods of its own beside those that last.
 */
import { execFileSync } from "node:child_process";
import { setTimeout as delay } from "node:timers/promises";
import { buildExampleImage } from "../../src/agent/image/example-image.ts";
import { ApiClient } from "../../src/cli/api-client.ts";
import { createJoinToken } from "../../src/cli/tokens.ts";
import type { Node, NodeList, Pod, PodList } from "../../src/core/schema/kubernetes.d.ts";
import { ControlPlane } from "../../test/e2e/support/control-plane.ts";
import { impatient, shellPod } from "../../test/e2e/support/example.ts";
import { containersWith, processesWith } from "../../test/e2e/support/machine-process.ts";
import { type NodeContents, problemsOf, readNode } from "../../test/e2e/support/node-contents.ts";
import { podsOnNode } from "../../test/e2e/support/node-pods.ts";
import { containerdProcess } from "../../test/e2e/support/node-processes.ts";
import { RemoteNode, testAddress } from "../../test/e2e/support/remote-node.ts";
import { evidenceOf } from "./fault-evidence.ts";

const PODS = "/api/v1/namespaces/default/pods";
const REPLICAS = 4;
/** Of a round's end: longer than the back-off of a pod that ended twice. */
const SETTLE_TIMEOUT_MS = 180_000;
const LOSS_TIMEOUT_MS = 120_000;
const PAUSE_MS = 250;
const EXIT_CODE = 7;

export const FAULTS = ["agent", "containerd", "away", "cut", "reboot"] as const;
export type Fault = (typeof FAULTS)[number];

export interface Round {
	/** Of the fault's end until all was well. */
	settledMs: number;
	problems: string[];
	/** Taken while what should have gone was still there. */
	evidence: string[];
}

const markerOf = (name: string): string => `fault-${name}-${process.pid}`;
const isReady = ({ status }: { status?: { conditions?: { type: string; status: string }[] } }): boolean =>
	status?.conditions?.some(({ type, status: is }) => type === "Ready" && is === "True") === true;
const identityOf = ({ metadata, status }: Pod): string =>
	`${metadata.name} ${metadata.uid} ${status?.containerStatuses?.[0]?.containerID} ${status?.containerStatuses?.[0]?.restartCount}`;

const described = (pod: Pod): string =>
	`${pod.metadata.name} on ${pod.spec?.nodeName} ${isReady(pod) ? "ready" : "not ready"}${pod.metadata.deletionTimestamp ? " leaving" : ""}`;

async function until<T>(what: string, attempt: () => Promise<T | undefined>, timeoutMs: number): Promise<T> {
	const deadline = performance.now() + timeoutMs;
	for (;;) {
		const result = await attempt();
		if (result !== undefined) return result;
		if (performance.now() > deadline) throw new Error(`${what}: not within ${timeoutMs / 1000} s`);
		await delay(PAUSE_MS);
	}
}

export class FaultRounds {
	readonly #plane = new ControlPlane();
	readonly #nodes = [new RemoteNode("node-b", 1), new RemoteNode("node-c", 2)] as const;
	readonly #address = `${testAddress(254)}/32`;
	readonly #awayMs: number;
	/** A connection for each request: one that is kept may be closed just when it is used. */
	#api = new ApiClient({ url: "" });
	#sampling = false;
	#duplicates = new Set<string>();

	constructor(awayMs: number) {
		this.#awayMs = awayMs;
	}

	get #far(): RemoteNode {
		return this.#nodes[0];
	}

	async start(): Promise<void> {
		execFileSync("ip", ["address", "add", this.#address, "dev", "lo"]);
		await this.#plane.start({}, testAddress(254));
		const { data, url } = this.#plane;
		this.#api = new ApiClient({ url, ca: data.read("ca.crt"), token: data.read("admin.token") });
		await buildExampleImage({ dataDir: this.#plane.data.path });
		const token = await createJoinToken(this.#plane.data.read("signing-key.json") ?? "", Date.now());
		await Promise.all(this.#nodes.map((node) => node.start(this.#plane, this.#plane.url, token)));
		const nodes = async () => (await this.#api.call<NodeList>("GET", "/api/v1/nodes")).items.filter(isReady).length === this.#nodes.length || undefined;
		await until("two ready nodes", nodes, LOSS_TIMEOUT_MS);
		await this.#api.call("POST", "/api/v1/namespaces/default/configmaps", { metadata: { name: "settings" }, data: { colour: "blue" } });
		await this.#api.call("POST", "/apis/apps/v1/namespaces/default/deployments", impatient("web", REPLICAS));
		await this.#api.call("POST", PODS, lasting(this.#far.name));
		await this.#settled([]);
	}

	async dispose(): Promise<void> {
		this.#sampling = false;
		await Promise.all(this.#nodes.map((node) => node.dispose()));
		await this.#plane.dispose();
		execFileSync("ip", ["address", "delete", this.#address, "dev", "lo"]);
	}

	logs(): string {
		return [this.#plane, ...this.#nodes].map((one) => one.logs()).join("\n");
	}

	/** The fault and its end; problems are told and not thrown. */
	async round(fault: Fault, number: number): Promise<Round> {
		const names = { dying: `dying-${number}`, leaving: `leaving-${number}` };
		for (const name of Object.values(names)) await this.#api.call("POST", PODS, marked(name, this.#far.name));
		const before = await this.#settled(Object.values(names));
		const sampled = this.#sample();
		const readySince = await this.#readySince();
		await this.#api.call("DELETE", `${PODS}/${names.leaving}`);
		const lasting = before.filter(({ metadata, spec }) => spec?.nodeName === this.#far.name && metadata.name !== names.leaving);
		const problems: string[] = [];
		const evidence: string[] = [];
		const note = async (error: Error): Promise<void> => {
			problems.push(error.message);
			for (const node of this.#nodes) evidence.push(await evidenceOf(node));
		};
		await this.#faults[fault](() => exit(names.dying), lasting).catch(note);
		const endMs = performance.now();
		const after = await this.#settled([names.dying]).catch((error: Error) => note(error).then(() => this.#pods()));
		const settledMs = performance.now() - endMs;
		// On a machine that is too busy to start an agent in time the node counts as lost, and its impatient pods move, as they should.
		const wasLost = fault === "cut" || (await this.#readySince()) !== readySince;
		problems.push(...changes({ wasLost, wasReset: fault === "reboot" }, before, after, names.dying));
		this.#sampling = false;
		await sampled;
		problems.push(...this.#duplicates);
		await this.#api.call("DELETE", `${PODS}/${names.dying}`);
		await this.#settled([]).catch((error: Error) => note(new Error(`after the round: ${error.message}`)));
		return { settledMs, problems, evidence };
	}

	readonly #faults: Record<Fault, (endOne: () => void, lasting: readonly Pod[]) => Promise<void>> = {
		agent: async (endOne) => {
			await this.#far.killAgent();
			endOne();
			await this.#far.startAgent();
		},
		containerd: async (endOne) => {
			process.kill(containerdProcess(this.#far.directory), "SIGKILL");
			endOne();
		},
		away: async (endOne) => {
			await this.#plane.goAway();
			endOne();
			await delay(this.#awayMs);
			await this.#plane.comeBack();
		},
		cut: async (endOne) => {
			this.#far.cut();
			endOne();
			const moved = until("the eviction of the lost node's pods", () => this.#moved(), LOSS_TIMEOUT_MS);
			await moved
				.catch(async (error: Error) => {
					throw new Error(`${error.message}: ${(await this.#pods()).map(described).join("; ")}`);
				})
				.finally(() => this.#far.mend());
		},
		reboot: async (_, lasting) => {
			await this.#plane.goAway();
			await this.#far.reset();
			await this.#far.startAgent();
			const running = async () => (runsAgain(await readNode(this.#far).catch(() => undefined), lasting) ? true : undefined);
			await until("the pods without a control plane", running, LOSS_TIMEOUT_MS).finally(() => this.#plane.comeBack());
		},
	};

	/** When the far node last became ready, or ceased to be. */
	async #readySince(): Promise<string | undefined> {
		const { status } = await this.#api.call<Node>("GET", `/api/v1/nodes/${this.#far.name}`);
		return status?.conditions?.find(({ type }) => type === "Ready")?.lastTransitionTime;
	}

	async #pods(): Promise<Pod[]> {
		return (await this.#api.call<PodList>("GET", PODS)).items;
	}

	/** All replacements run on the other node. */
	async #moved(): Promise<true | undefined> {
		const node = await this.#api.call<Node>("GET", `/api/v1/nodes/${this.#far.name}`);
		const web = (await this.#pods()).filter(({ metadata }) => metadata.labels?.["app"] === "web" && metadata.deletionTimestamp === undefined);
		const here = web.filter((pod) => pod.spec?.nodeName === this.#nodes[1].name && isReady(pod));
		return !isReady(node) && here.length === REPLICAS && web.length === REPLICAS ? true : undefined;
	}

	/** Resolves to the pods when these and the lasting ones run, nothing else does, and nothing else is left. */
	async #settled(names: readonly string[]): Promise<Pod[]> {
		let problems: string[] = [];
		try {
			return await until("all is well", async () => ((problems = await this.#problems(names)).length === 0 ? this.#pods() : undefined), SETTLE_TIMEOUT_MS);
		} catch (error) {
			throw new Error([(error as Error).message, ...problems].join("\n    "), { cause: error });
		}
	}

	async #problems(names: readonly string[]): Promise<string[]> {
		const pods = await this.#pods();
		const wanted = new Set(["patient", ...names]);
		const problems = [
			...pods.filter((pod) => !isReady(pod) || pod.metadata.deletionTimestamp).map(({ metadata }) => `${metadata.name} is not ready or is leaving`),
			...[...wanted].filter((name) => !pods.some(({ metadata }) => metadata.name === name)).map((name) => `${name} is not there`),
		];
		if (pods.length !== wanted.size + REPLICAS) problems.push(`${pods.length} pods`);
		for (const node of this.#nodes) {
			const here = pods.filter(({ spec }) => spec?.nodeName === node.name);
			const found = readNode(node).then((contents) => problemsOf(node, contents, here));
			// What goes while it is looked at is looked at again.
			problems.push(...(await found.catch((error: Error) => [`${node.name}: ${error.message}`])));
		}
		return problems;
	}

	/** Looks again and again, until told to stop, whether one pod runs twice. */
	async #sample(): Promise<void> {
		this.#sampling = true;
		this.#duplicates.clear();
		while (this.#sampling) {
			const [here, there] = this.#nodes.map((node) => podsOnNode(node.directory)) as [string[], string[]];
			for (const uid of here.filter((one) => there.includes(one))) this.#duplicates.add(`pod ${uid} ran on both nodes`);
			if (containersWith(markerOf("patient")).size > 1) this.#duplicates.add("patient ran twice");
			await delay(PAUSE_MS);
		}
	}
}

function runsAgain(contents: NodeContents | undefined, pods: readonly Pod[]): boolean {
	const running = new Set(contents?.containers.filter((one) => one.running).map(({ uid }) => uid));
	return pods.every(({ metadata: { uid = "" } }) => running.has(uid));
}

/** Ends the container of a pod with its own exit code. */
function exit(name: string): void {
	for (const pid of processesWith(markerOf(name))) process.kill(pid, "SIGUSR1");
}

/** What must not have happened to pods that were there before and are there now. */
function changes({ wasLost, wasReset }: { wasLost: boolean; wasReset: boolean }, before: readonly Pod[], after: readonly Pod[], dying: string): string[] {
	const lasting = (pods: readonly Pod[]): Pod[] =>
		pods.filter(({ metadata }) => metadata.name === "patient" || (!wasLost && metadata.labels?.["app"] === "web"));
	const kept = lasting(after);
	const lost = lasting(before).filter((pod) => {
		const same = kept.find(({ metadata }) => metadata.uid === pod.metadata.uid);
		return same === undefined || (!wasReset && identityOf(same) !== identityOf(pod));
	});
	const told = after.find(({ metadata }) => metadata.name === dying)?.status?.containerStatuses?.[0];
	const exitCode = told?.lastState?.terminated?.exitCode;
	const missed = told?.restartCount !== 1 || (!wasReset && exitCode !== EXIT_CODE);
	return [
		...lost.map(
			(pod) => `was: ${identityOf(pod)}; is: ${kept.find(({ metadata }) => metadata.name === pod.metadata.name)?.metadata.uid ?? "gone"} or restarted`,
		),
		...(missed ? [`${dying}: ${told?.restartCount} restarts, last exit code ${exitCode}`] : []),
	];
}

function marked(name: string, node: string): Pod {
	const pod = shellPod(name, `trap 'exit ${EXIT_CODE}' USR1; trap 'exit 0' TERM; while :; do sleep 1 & wait $!; done`);
	for (const container of pod.spec?.containers ?? []) container.command?.push(markerOf(name));
	return { ...pod, spec: { ...(pod.spec as NonNullable<Pod["spec"]>), nodeSelector: { "kubernetes.io/hostname": node } } };
}

/** With mounts of each sort. */
function lasting(node: string): Pod {
	const pod = marked("patient", node);
	const volumes = [
		{ name: "settings", configMap: { name: "settings" } },
		{ name: "space", emptyDir: { medium: "Memory" } },
	];
	for (const container of pod.spec?.containers ?? []) container.volumeMounts = volumes.map(({ name }) => ({ name, mountPath: `/${name}` }));
	Object.assign(pod.spec ?? {}, { volumes });
	return pod;
}
