/**
 * A whole cluster in one process and in virtual time: the portable cores of the Cluster, Namespace and Node objects over
 * node:sqlite, joined by a network that delays, loses and repeats, under one seed.
 */
import { type AdmissionConfiguration, DEFAULT_CONFIGURATION } from "../../src/core/admission/configuration.ts";
import type { CertificateAuthority } from "../../src/core/certificates/certificate.ts";
import type { CallOutcome, OutsideCall } from "../../src/core/admission/outside-call.ts";
import type { ApiRequest } from "../../src/core/api/request.ts";
import { builtinKinds } from "../../src/core/kinds/registry.ts";
import type { MetricAnswer, MetricQuery } from "../../src/core/controllers/autoscaling/metric-samples.ts";
import type { NodeUsage } from "../../src/core/protocol/agent-protocol.ts";
import type { KubeObject } from "../../src/core/meta/object.ts";
import type { ObjectAddress } from "../../src/core/protocol/messages.ts";
import { builtinSchema } from "../../src/core/schema/builtin-schema.ts";
import { ClusterCore } from "../../src/objects/cluster-core.ts";
import { EdgeCore } from "../../src/objects/edge-core.ts";
import { NamespaceCore } from "../../src/objects/namespace-core.ts";
import { NodeCore } from "../../src/objects/node-core.ts";
import type { ClusterNetwork } from "../../src/core/protocol/cluster-addresses.ts";
import type { CorePorts, Delivery } from "../../src/objects/ports.ts";
import type { ResourceCore } from "../../src/objects/resource-core.ts";
import type { ClusterWebhookPorts } from "../../src/objects/webhooks/cluster-subscriptions.ts";
import type { WebhookCall } from "../../src/objects/webhooks/webhook-ports.ts";
import type { Secret } from "../../src/core/schema/kubernetes.d.ts";
import type { DeliveryAnswer } from "../../src/core/webhooks/delivery-queue.ts";
import { schedulerNames } from "../../src/objects/scheduler-configuration.ts";
import { DEFAULT_SCHEDULER_CONFIGURATION, type SchedulerConfiguration } from "../../src/core/scheduler/configuration/scheduler-configuration.ts";
import { migrate } from "../../src/store/migrate.ts";
import { NodeSql } from "../support/node-sql.ts";
import { testSeal } from "../support/test-keys.ts";
import { Random } from "./random.ts";
import { Timeline } from "./timeline.ts";

export const START_MS = Date.UTC(2026, 0, 1);

export interface Faults {
	/** Of a delivery to be lost before it arrives. */
	loss: number;
	/** Of an answer to be lost: the receiver has it, the sender does not know. */
	lostAnswer: number;
	/** Milliseconds at most. */
	delayMs: number;
	/** Of an object to be thrown out of memory after an event. */
	crash: number;
}
export const NO_FAULTS: Faults = { loss: 0, lostAnswer: 0, delayMs: 0, crash: 0 };

interface Slot<Core> {
	sql: NodeSql;
	core: Core | undefined;
	/** Of the present alarm; an earlier one that still rings is a repetition, which must do no harm. */
	alarmMs: number | undefined;
	/** A crashed object's promises come to nothing. */
	generation: number;
}

/** Controllers that have decided something in any world of this process. */
export const acted = new Set<string>();

type ObjectCore = ClusterCore | NamespaceCore | NodeCore | EdgeCore;

const addressKey = (address: ObjectAddress): string => ("name" in address ? `${address.object}/${address.name}` : address.object);

function noteActs({ actor }: ResourceCore): void {
	const act = actor.act.bind(actor);
	actor.act = (controller, actions) => {
		if (actions.length > 0) acted.add(controller);
		act(controller, actions);
	};
}

function settleCore(core: ObjectCore): void {
	void (core instanceof NodeCore || core instanceof EdgeCore ? core.settle() : core.core.settle());
}

export class World {
	readonly random: Random;
	readonly timeline = new Timeline(START_MS);
	readonly logged: string[] = [];
	/** Set before the first object is woken. */
	admission: AdmissionConfiguration = DEFAULT_CONFIGURATION;
	/** Set before the first object is woken. */
	scheduler: SchedulerConfiguration = DEFAULT_SCHEDULER_CONFIGURATION;
	/** Set before the Cluster object is woken. */
	authority: CertificateAuthority | undefined;
	/** The default without it. */
	network: ClusterNetwork | undefined;
	faults: Faults = NO_FAULTS;
	/** The other machines that webhooks are on. */
	answerCall: (call: OutsideCall) => CallOutcome = ({ key, uid }) => ({ key, uid, failure: "dial tcp: connection refused" });
	/** What a node's agent says is used, when an autoscaler asks. */
	usageOf: (node: string) => NodeUsage | null = () => null;
	metric: (query: MetricQuery) => MetricAnswer = () => ({ ok: false, message: "no adapter" });
	/** What the target of a webhook subscription answers; null for never. */
	answerWebhook: (call: WebhookCall) => DeliveryAnswer | null = () => ({ status: 200 });
	/** Told when a Node object is thrown out of memory: its agent's poll breaks. */
	onNodeCrash: (name: string) => void = () => {};
	readonly #slots = new Map<string, Slot<ObjectCore>>();
	#uids = 0;
	#podIps = 0;
	#nodeIps = 0;

	constructor(seed: number) {
		this.random = new Random(seed);
	}

	get nowMs(): number {
		return this.timeline.nowMs;
	}

	/** What comes of a call: the cluster's own objects answer for themselves. */
	outcomeOf(call: OutsideCall): CallOutcome {
		const { node } = call.target;
		if (node === undefined) return this.answerCall(call);
		const labels = this.cluster().core.server.store.get("nodes", node)?.metadata.labels ?? null;
		return { key: call.key, uid: call.uid, status: 200, body: JSON.stringify(labels) };
	}

	/** One that no pod has had before. */
	nextPodIp(): string {
		const place = ++this.#podIps;
		return `10.244.${place >> 8}.${place & 255}`;
	}

	nextNodeIp(): string {
		return `192.168.0.${++this.#nodeIps}`;
	}

	cluster(): ClusterCore {
		return this.#core(
			{ object: "cluster" },
			(ports) =>
				new ClusterCore(
					{
						...ports,
						frontDoorCa: "-----BEGIN CERTIFICATE-----",
						authority: this.authority,
						admission: this.admission,
						scheduler: this.scheduler,
						...this.#webhookPorts({ object: "cluster" }),
						probe: async () => ({ service: { state: "absent" } }),
						existingPodWarnings: async (namespace, enforce) => this.namespace(namespace).existingPodWarnings(enforce),
					},
					builtinKinds,
					builtinSchema,
				),
		) as ClusterCore;
	}

	namespace(name: string): NamespaceCore {
		const make = (ports: CorePorts) =>
			new NamespaceCore(
				name,
				{
					...ports,
					...this.#webhookPorts({ object: "namespace", name }),
					admission: this.admission,
					schedulerNames: schedulerNames(this.scheduler),
					edge: { addresses: [], ports: {} },
					publicUrl: undefined,
					receiverToken: (name, uid) => `token-of-${name}-${uid}`,
					signAccountToken: (secret, account) => `token of ${account.name} in ${secret}`,
					fetchConfig: async (haveVersion) => this.cluster().config(name, haveVersion),
					fetchDefinitions: async (haveVersion) => this.cluster().definitions(haveVersion),
					usageOf: async (node) => this.usageOf(node),
					metric: async (query) => this.metric(query),
					sweep: async () => ({ undiscovered: [], failures: [], remaining: [] }),
					allocate: async (holder, request, dryRun) => this.cluster().allocate(holder, request, dryRun),
				},
				builtinKinds,
				builtinSchema,
			);
		return this.#core({ object: "namespace", name }, make) as NamespaceCore;
	}

	node(name: string): NodeCore {
		return this.#core({ object: "node", name }, (ports) => new NodeCore(name, ports)) as NodeCore;
	}

	edge(): EdgeCore {
		return this.#core({ object: "edge" }, (ports) => new EdgeCore(ports, { count: () => 0, tellReady: () => undefined })) as EdgeCore;
	}

	/** Every object that has ever been woken, by address. */
	names(kind: "namespace" | "node"): string[] {
		return [...this.#slots.keys()].filter((key) => key.startsWith(`${kind}/`)).map((key) => key.slice(kind.length + 1));
	}

	/** A request as an administrator. Resolves to the object it answers; rejects with the StatusError. */
	async api(request: Partial<ApiRequest> & Pick<ApiRequest, "verb" | "resource">, object?: unknown): Promise<KubeObject & { items?: KubeObject[] }> {
		const full: ApiRequest = {
			group: "",
			version: "v1",
			subresource: "",
			namespace: "",
			name: "",
			query: { raw: [] },
			user: { name: "kubernetes-admin", groups: ["system:masters", "system:authenticated"] },
			userAgent: "sim",
			body: object === undefined ? "" : JSON.stringify(object),
			...request,
		};
		const answer = full.namespace === "" ? await this.cluster().serve(full) : await this.namespace(full.namespace).serve(full, false);
		await this.settle(full.namespace === "" ? { object: "cluster" } : { object: "namespace", name: full.namespace });
		return JSON.parse(answer.body);
	}

	/** Sends what an object has to say; deliveries arrive in their own time. */
	async settle(address: ObjectAddress): Promise<void> {
		const core = this.#slots.get(addressKey(address))?.core;
		if (core === undefined) return;
		settleCore(core);
		await new Promise((resolve) => setImmediate(resolve));
	}

	/** Throws an object out of memory; its storage stays. */
	crash(address: ObjectAddress): void {
		const slot = this.#slots.get(addressKey(address));
		if (slot === undefined) return;
		slot.core = undefined;
		slot.generation++;
		if (address.object === "node") this.onNodeCrash(address.name);
	}

	/** Throws a random object out of memory. */
	crashOne(): void {
		const key = this.random.pick([...this.#slots.keys()]);
		if (key === undefined) return;
		const [object = "", name = ""] = key.split("/");
		this.crash(object === "cluster" || object === "edge" ? { object } : { object: object as "node", name });
	}

	async run(forMs: number): Promise<void> {
		const untilMs = this.nowMs + forMs;
		while (await this.timeline.step(untilMs)) if (this.random.chance(this.faults.crash)) this.crashOne();
		this.timeline.nowMs = untilMs;
	}

	#core(address: ObjectAddress, make: (ports: CorePorts) => ObjectCore): ObjectCore {
		const key = addressKey(address);
		let slot = this.#slots.get(key);
		if (slot === undefined) {
			slot = { sql: new NodeSql(), core: undefined, alarmMs: undefined, generation: 0 };
			migrate(slot.sql);
			this.#slots.set(key, slot);
		}
		if (slot.core === undefined) {
			slot.core = make(this.#ports(address, slot));
			if ("core" in slot.core) noteActs(slot.core.core);
		}
		return slot.core;
	}

	#ports(address: ObjectAddress, slot: Slot<unknown>): CorePorts {
		const generation = slot.generation;
		return {
			...(this.network ? { network: this.network } : {}),
			sql: slot.sql,
			seal: testSeal(slot.sql),
			nowMs: () => this.timeline.nowMs,
			random: () => this.random.next(),
			uuid: () => `00000000-0000-4000-8000-${String(++this.#uids).padStart(12, "0")}`,
			deliver: (to, delivery) => this.#deliver(to, delivery, () => slot.generation === generation),
			callOutside: async (calls) => calls.map((call) => this.outcomeOf(call)),
			setAlarm: (atMs) => {
				slot.alarmMs = atMs;
				this.timeline.at(atMs, () => this.#ring(address, slot, atMs));
			},
			logError: (what, cause) => {
				this.logged.push(`${addressKey(address)}: ${what}: ${cause instanceof Error ? cause.stack : String(cause)}`);
			},
		};
	}

	/** Targets answer in their own time; a request may be lost before it arrives, an answer on its way back. Whoever hears neither for long enough times out. */
	#webhookPorts(address: ObjectAddress): ClusterWebhookPorts {
		const lives = this.#liveness(address);
		const delay = () => this.random.between(0, this.faults.delayMs);
		return {
			cluster: "sim",
			sendWebhook: (call) =>
				new Promise((resolve) => {
					const answer = (outcome: DeliveryAnswer, afterMs: number) => this.timeline.after(afterMs, () => (lives() ? resolve(outcome) : undefined));
					const timeout = () => answer({ failure: "context deadline exceeded" }, (call.target.timeoutSeconds ?? 15) * 1_000);
					if (this.random.chance(this.faults.loss)) return timeout();
					this.timeline.after(delay(), () => {
						const outcome = this.answerWebhook(call);
						if (outcome === null || this.random.chance(this.faults.lostAnswer)) timeout();
						else answer(outcome, delay());
					});
				}),
			durable: async () => {},
			secretOf: async (namespace, name) => this.namespace(namespace).core.server.store.get<Secret>("secrets", name),
			deadLettersOf: async (namespace, uid) => this.namespace(namespace).deadLetters(uid),
		};
	}

	/** Whether the object that is awake now still is. */
	#liveness(address: ObjectAddress): () => boolean {
		const slot = this.#slots.get(addressKey(address));
		const generation = slot?.generation;
		return () => slot?.generation === generation;
	}

	async #ring(address: ObjectAddress, slot: Slot<unknown>, atMs: number): Promise<void> {
		if (slot.alarmMs !== atMs) return;
		slot.alarmMs = undefined;
		const core = this.#resolve(address);
		void (core instanceof ClusterCore ? core.core.wake() : core.wake());
	}

	#resolve(address: ObjectAddress): ObjectCore {
		if (address.object === "cluster") return this.cluster();
		if (address.object === "edge") return this.edge();
		return address.object === "namespace" ? this.namespace(address.name) : this.node(address.name);
	}

	/** The network: each way may be slow, and either the message or its answer may be lost. */
	#deliver(to: ObjectAddress, delivery: Delivery, senderLives: () => boolean): Promise<boolean> {
		const copy = structuredClone(delivery);
		const delay = () => this.random.between(0, this.faults.delayMs);
		return new Promise((resolve, reject) => {
			const answer = (settle: () => void) => this.timeline.after(delay(), () => (senderLives() ? settle() : undefined));
			if (this.random.chance(this.faults.loss)) return answer(() => reject(new Error("the message was lost")));
			const arrive = async () => {
				const core = this.#resolve(to);
				await core.receive(copy);
				settleCore(core);
				answer(
					this.random.chance(this.faults.lostAnswer)
						? () => reject(new Error("the answer was lost"))
						: () => resolve(!(core instanceof NodeCore) || core.connected),
				);
			};
			this.timeline.after(delay(), () => arrive().catch((error) => answer(() => reject(error))));
		});
	}
}
