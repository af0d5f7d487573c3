/**
 * The CSI drivers that have registered with this node: where their sockets are, what they say of the node (its CSINode and its
 * topology labels), and what the cluster says of them (their CSIDriver objects).
 */
import type { Message } from "../../../core/codec/message.ts";
import type { CSIDriver, CSINode, CSINodeDriver, Node } from "../../../core/schema/kubernetes.d.ts";
import type { Clock } from "../../clock.ts";
import { type ApiAnswer, type ApiClient, bodyOf } from "../../control-plane-client.ts";
import type { Logger } from "../../log.ts";
import type { Plugin, PluginHandler } from "../../plugins/plugin-watcher.ts";
import { rpcErrorText } from "../../plugins/rpc-error.ts";
import { GrpcClient, type Method } from "../../runtime/containerd/grpc-client.ts";
import { CSI } from "./csi-messages.ts";

/** Kubelet's csiTimeout. */
const CALL_TIMEOUT_MS = 120_000;
/** How long what the cluster says of a driver is believed: nobody tells the node of changes. */
const DRIVER_OBJECT_MS = 30_000;
/** A write that others came before is tried again so often. */
const WRITE_ATTEMPTS = 5;
/** On a Node: what each driver calls it, as JSON. */
const NODE_ID_ANNOTATION = "csi.volume.kubernetes.io/nodeid";
const STORAGE = "/apis/storage.k8s.io/v1";
const MERGE = "application/merge-patch+json";

export interface CsiDriversOptions {
	api: ApiClient;
	nodeName: string;
	clock: Clock;
	log: Logger;
}

export class CsiDrivers implements PluginHandler {
	readonly #options: CsiDriversOptions;
	readonly #clients = new Map<string, GrpcClient>();
	readonly #objects = new Map<string, { driver: CSIDriver | undefined; atMs: number }>();
	/** One change of the CSINode after the other. */
	#writing: Promise<void> = Promise.resolve();

	constructor(options: CsiDriversOptions) {
		this.#options = options;
	}

	validate({ name, endpoint, versions }: Plugin): void {
		if (!versions.some((version) => /^v?1\./.test(version)))
			throw new Error(
				`kubernetes.io/csi: validate CSI driver name=${name} endpoint=${endpoint} versions=${versions.join(",")} failed; err: none of the CSI versions reported by this driver are supported`,
			);
	}

	async register({ name, endpoint }: Plugin): Promise<void> {
		this.#clients.get(name)?.close();
		const client = new GrpcClient(endpoint.replace(/^unix:(\/\/)?/, ""));
		this.#clients.set(name, client);
		try {
			const info = await client.call(CSI.nodeGetInfo, {}, CALL_TIMEOUT_MS);
			await this.#installed(name, info);
		} catch (error) {
			this.#clients.delete(name);
			client.close();
			throw new Error(`error registering CSI driver ${name}: ${rpcErrorText(error)}`, { cause: error });
		}
	}

	async deregister({ name }: Plugin): Promise<void> {
		this.#clients.get(name)?.close();
		this.#clients.delete(name);
		await this.#change(() => this.#writeCsiNode(name, undefined));
	}

	close(): void {
		for (const client of this.#clients.values()) client.close();
		this.#clients.clear();
	}

	has(driver: string): boolean {
		return this.#clients.has(driver);
	}

	/** Rejects with the driver's GrpcError, or because there is none of that name. */
	async call(driver: string, method: Method, request: Message): Promise<Message> {
		const client = this.#clients.get(driver);
		if (!client) throw new Error(`driver name ${driver} not found in the list of registered CSI drivers`);
		return client.call(method, request, CALL_TIMEOUT_MS);
	}

	async capabilities(driver: string): Promise<ReadonlySet<number>> {
		const { capabilities = [] } = await this.call(driver, CSI.nodeGetCapabilities, {});
		return new Set((capabilities as { rpc?: { type?: number } }[]).map(({ rpc }) => rpc?.type ?? 0));
	}

	/** The driver's CSIDriver; undefined when it has none. With the control plane away what was known last holds. */
	async object(driver: string): Promise<CSIDriver | undefined> {
		const { api, clock } = this.#options;
		const known = this.#objects.get(driver);
		if (known && clock.nowMs() - known.atMs < DRIVER_OBJECT_MS) return known.driver;
		try {
			const answer = await api.request("GET", `${STORAGE}/csidrivers/${encodeURIComponent(driver)}`);
			const found = answer.code === 404 ? undefined : bodyOf<CSIDriver>(answer);
			this.#objects.set(driver, { driver: found, atMs: clock.nowMs() });
			return found;
		} catch (error) {
			if (known) return known.driver;
			throw error;
		}
	}

	/** The node's own CSINode, there from the start as kubelet's: schedulers tell from it that the node has no driver. */
	async initialize(): Promise<void> {
		await this.#change(() => this.#writeCsiNode("", undefined)).catch((error: unknown) =>
			this.#options.log.warn("the node's CSINode could not be written", { error }),
		);
	}

	#installed(name: string, info: Message): Promise<void> {
		const { nodeId = "", maxVolumesPerNode = 0, accessibleTopology } = info as { nodeId?: string; maxVolumesPerNode?: number; accessibleTopology?: Message };
		const topology = (accessibleTopology?.segments ?? {}) as Record<string, string>;
		const count = Number(maxVolumesPerNode);
		const driver: CSINodeDriver = {
			name,
			nodeID: nodeId,
			topologyKeys: Object.keys(topology).sort(),
			...(count > 0 ? { allocatable: { count } } : {}),
		};
		return this.#change(async () => {
			await this.#labelNode(name, nodeId, topology);
			await this.#writeCsiNode(name, driver);
		});
	}

	#change(write: () => Promise<void>): Promise<void> {
		const done = this.#writing.then(write);
		this.#writing = done.catch(() => undefined);
		return done;
	}

	async #node(): Promise<Node> {
		return bodyOf(await this.#options.api.request("GET", `/api/v1/nodes/${encodeURIComponent(this.#options.nodeName)}`));
	}

	async #labelNode(driver: string, nodeId: string, topology: Readonly<Record<string, string>>): Promise<void> {
		const { metadata } = await this.#node();
		for (const [key, value] of Object.entries(topology)) {
			const present = metadata.labels?.[key];
			if (present !== undefined && present !== value)
				throw new Error(
					`detected topology value collision: driver reported ${JSON.stringify(key)}:${JSON.stringify(value)} but existing label is ${JSON.stringify(key)}:${JSON.stringify(present)}`,
				);
		}
		const ids = JSON.parse(metadata.annotations?.[NODE_ID_ANNOTATION] ?? "{}") as Record<string, string>;
		if (ids[driver] === nodeId && Object.keys(topology).every((key) => metadata.labels?.[key] !== undefined)) return;
		const patch = { metadata: { labels: topology, annotations: { [NODE_ID_ANNOTATION]: JSON.stringify({ ...ids, [driver]: nodeId }) } } };
		bodyOf(await this.#options.api.request("PATCH", `/api/v1/nodes/${encodeURIComponent(this.#options.nodeName)}`, patch, MERGE));
	}

	/** Puts the driver in, or takes it out. A driver that is there may not change: it goes and comes. */
	async #writeCsiNode(name: string, driver: CSINodeDriver | undefined): Promise<void> {
		for (let attempt = 1; ; attempt++) {
			const current = await this.#csiNode();
			const present = current.spec.drivers.find((one) => one.name === name);
			const others = current.spec.drivers.filter((one) => one.name !== name);
			const isSame = JSON.stringify(present && bare(present)) === JSON.stringify(driver && bare(driver));
			if (current.metadata.resourceVersion && isSame && present?.allocatable?.count === driver?.allocatable?.count) return;
			const next = { ...current, spec: { drivers: [...others, ...(driver && (present === undefined || isSame) ? [driver] : [])] } };
			const answer = await this.#put(next);
			if (answer.code === 409 && attempt < WRITE_ATTEMPTS) continue;
			bodyOf(answer);
			if (present === undefined || isSame || driver === undefined) return;
		}
	}

	#put(object: CSINode): Promise<ApiAnswer> {
		const { api, nodeName } = this.#options;
		const collection = `${STORAGE}/csinodes`;
		return object.metadata.resourceVersion
			? api.request("PUT", `${collection}/${encodeURIComponent(nodeName)}`, object)
			: api.request("POST", collection, object);
	}

	async #csiNode(): Promise<CSINode> {
		const { api, nodeName: name } = this.#options;
		const answer = await api.request("GET", `${STORAGE}/csinodes/${encodeURIComponent(name)}`);
		if (answer.code !== 404) {
			const found = bodyOf<CSINode>(answer);
			return { ...found, spec: { ...found.spec, drivers: found.spec.drivers ?? [] } };
		}
		const { uid = "" } = (await this.#node()).metadata;
		const ownerReferences = [{ apiVersion: "v1", kind: "Node", name, uid }];
		return { apiVersion: "storage.k8s.io/v1", kind: "CSINode", metadata: { name, ownerReferences }, spec: { drivers: [] } };
	}
}

const bare = ({ name, nodeID, topologyKeys }: CSINodeDriver): unknown => [name, nodeID, topologyKeys ?? []];
