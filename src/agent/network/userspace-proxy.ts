/**
 * Services without root: forwards TCP node ports to endpoints, in turn. There is no way to give a Service's cluster
 * address to a machine without root, so ClusterIPs are not reachable here.
 */
import { createServer, type Server, type Socket } from "node:net";
import type { NetworkRow, ServiceEntry } from "../../core/protocol/agent-protocol.ts";
import { connectTcp } from "../tcp-connection.ts";
import { ServiceMap } from "./service-map.ts";
import type { ServiceProxy } from "./service-proxy.ts";

/** Clients whose endpoint is remembered for affinity, per port; the oldest are forgotten. */
const AFFINITY_CLIENTS_MAX = 10_000;

interface Endpoint {
	ip: string;
	port: number;
}

interface Affinity {
	endpoint: Endpoint;
	untilMs: number;
}

/** Endpoints in the order in which a connection should try them. */
class Balancer {
	endpoints: Endpoint[] = [];
	affinitySeconds: number | undefined;
	#next = 0;
	#clients = new Map<string, Affinity>();

	candidates(client: string): Endpoint[] {
		const count = this.endpoints.length;
		const start = count === 0 ? 0 : this.#next++ % count;
		const turn = [...this.endpoints.slice(start), ...this.endpoints.slice(0, start)];
		const kept = this.affinitySeconds === undefined ? undefined : this.#clients.get(client);
		if (kept === undefined || kept.untilMs < Date.now()) return turn;
		const same = (one: Endpoint): boolean => one.ip === kept.endpoint.ip && one.port === kept.endpoint.port;
		return turn.some(same) ? [...turn.filter(same), ...turn.filter((one) => !same(one))] : turn;
	}

	chosen(client: string, endpoint: Endpoint): void {
		if (this.affinitySeconds === undefined) return;
		this.#clients.delete(client);
		this.#clients.set(client, { endpoint, untilMs: Date.now() + this.affinitySeconds * 1000 });
		const oldest = this.#clients.keys().next().value;
		if (this.#clients.size > AFFINITY_CLIENTS_MAX && oldest !== undefined) this.#clients.delete(oldest);
	}
}

/** One node port. */
class Listener {
	readonly balancer = new Balancer();
	#server: Server | undefined;
	#connections = new Set<Socket>();

	async listen(port: number): Promise<void> {
		const server = createServer({ allowHalfOpen: true, pauseOnConnect: true }, (client) => void this.#forward(client));
		await new Promise<void>((resolve, reject) => {
			server.once("error", reject);
			server.listen({ port, host: "0.0.0.0" }, resolve);
		});
		server.on("error", () => undefined);
		this.#server = server;
	}

	#track(socket: Socket): void {
		this.#connections.add(socket);
		socket.once("close", () => this.#connections.delete(socket));
	}

	async #forward(client: Socket): Promise<void> {
		this.#track(client);
		client.on("error", () => client.destroy());
		const address = client.remoteAddress ?? "";
		for (const endpoint of this.balancer.candidates(address)) {
			const target = await connectTcp(endpoint.ip, endpoint.port).catch(() => undefined);
			if (target === undefined) continue;
			this.#track(target);
			this.balancer.chosen(address, endpoint);
			target.on("error", () => client.destroy());
			target.once("close", () => client.destroy());
			client.once("close", () => target.destroy());
			if (client.destroyed) target.destroy();
			client.pipe(target);
			target.pipe(client);
			client.resume();
			return;
		}
		client.resetAndDestroy();
	}

	/** Takes no new connections; those under way go on. */
	retire(): void {
		this.#server?.close();
	}

	close(): void {
		this.retire();
		for (const socket of this.#connections) socket.destroy();
	}
}

/** The addresses of its load balancer are the nodes' own: it is served on them as it is. */
const isBalancedHere = ({ type, externalIPs = [] }: ServiceEntry): boolean => type === "LoadBalancer" && externalIPs.length > 0;

export class UserspaceProxy implements ServiceProxy {
	#log: (message: string) => void;
	#listeners = new Map<number, Listener>();
	#retired = new Set<Listener>();
	#told = new Set<string>();
	readonly #services = new ServiceMap();

	constructor(options: { log?: (message: string) => void } = {}) {
		this.#log = options.log ?? (() => undefined);
	}

	async start(): Promise<void> {
		this.#tell("the process runtime has no cluster addresses: reach Services by their node ports");
	}

	#tell(message: string): void {
		if (this.#told.has(message)) return;
		this.#told.add(message);
		this.#log(message);
	}

	async apply(rows: readonly NetworkRow[]): Promise<void> {
		this.#services.apply(rows);
		const wanted = new Map<number, { service: ServiceEntry; endpoints: Endpoint[] }>();
		for (const service of this.#services.all) {
			for (const { port, nodePort, protocol, endpoints } of service.ports) {
				for (const opened of [...(nodePort ? [nodePort] : []), ...(isBalancedHere(service) ? [port] : [])]) {
					if (protocol !== "TCP")
						this.#tell(`node port ${opened} of ${service.namespace}/${service.name} is not served: the process runtime forwards TCP alone`);
					else if (endpoints.length > 0) wanted.set(opened, { service, endpoints });
				}
			}
		}
		for (const [port, listener] of this.#listeners) {
			if (wanted.has(port)) continue;
			this.#listeners.delete(port);
			listener.retire();
			this.#retired.add(listener);
		}
		for (const [port, { service, endpoints }] of wanted) await this.#serve(port, service, endpoints);
	}

	async #serve(port: number, service: ServiceEntry, endpoints: Endpoint[]): Promise<void> {
		const listener = this.#listeners.get(port) ?? new Listener();
		listener.balancer.endpoints = endpoints;
		listener.balancer.affinitySeconds = service.sessionAffinity === "ClientIP" ? service.affinityTimeoutSeconds : undefined;
		if (this.#listeners.has(port)) return;
		try {
			await listener.listen(port);
			this.#listeners.set(port, listener);
		} catch (error) {
			this.#tell(`node port ${port} of ${service.namespace}/${service.name} is not served: ${(error as Error).message}`);
		}
	}

	async stop(): Promise<void> {
		for (const listener of [...this.#listeners.values(), ...this.#retired]) listener.close();
		this.#listeners.clear();
		this.#retired.clear();
	}
}
