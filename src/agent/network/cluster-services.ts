/**
 * The Services that every agent answers itself: the API, and the cluster's DNS. Where containers have a network of their
 * own, at the Services' addresses; where they have not, the API at a port of 127.0.0.1 that pods are told instead.
 */
import { API_PORT, apiAddresses, CLUSTER_DOMAIN, type ClusterNetwork, DEFAULT_NETWORK, DNS_PORT, dnsAddresses } from "../../core/protocol/cluster-addresses.ts";
import type { NetworkRow, ServiceEntry } from "../../core/protocol/agent-protocol.ts";
import { type Clock, sleep } from "../clock.ts";
import type { ControlPlaneClient } from "../control-plane-client.ts";
import type { Logger } from "../log.ts";
import type { ObjectSource } from "../object-source.ts";
import { RetryDelay } from "../retry-delay.ts";
import { ApiProxy } from "./api-proxy.ts";
import { ClusterZone } from "./dns/cluster-zone.ts";
import { DnsServer } from "./dns/dns-server.ts";
import { Forwarder } from "./dns/forwarder.ts";
import { LocalAddresses } from "./local-addresses.ts";
import { ServingCertificate } from "./serving-certificate.ts";

export type ClusterServicesPlace = "cluster-addresses" | "loopback";

export interface ClusterServicesOptions {
	place: ClusterServicesPlace;
	client: ControlPlaneClient;
	clock: Clock;
	log: Logger;
	nodeName: string;
	dataDirectory: string;
	clusterDomain: string;
	/** The cluster's; the default one where a control plane of before there was another says none. */
	network?: ClusterNetwork | undefined;
}

export const clusterAddresses = (network: ClusterNetwork = DEFAULT_NETWORK): LocalAddresses =>
	new LocalAddresses([...apiAddresses(network), ...dnsAddresses(network)], network.serviceCidrs);

export class ClusterServices {
	readonly #options: ClusterServicesOptions;
	readonly #halt = new AbortController();
	readonly #certificate: ServingCertificate;
	readonly #api: ApiProxy;
	readonly #zone: ClusterZone;
	readonly #network: ClusterNetwork;
	/** One for each of the cluster's DNS addresses. */
	readonly #dns: DnsServer[];
	/** Of the API on 127.0.0.1; undefined until it listens. */
	#apiPort: number | undefined;
	#starting: Promise<unknown> = Promise.resolve();

	constructor(options: ClusterServicesOptions) {
		this.#options = options;
		this.#certificate = new ServingCertificate(options);
		this.#api = new ApiProxy(options.client, this.#certificate, options.log);
		this.#network = options.network ?? DEFAULT_NETWORK;
		const own = dnsAddresses(this.#network);
		this.#zone = new ClusterZone(options.clusterDomain || CLUSTER_DOMAIN, own);
		const forwarder = new Forwarder({ own });
		this.#dns = own.map(() => new DnsServer(this.#zone, forwarder));
	}

	/** Rows of the network table that changed. */
	apply(rows: readonly NetworkRow[]): void {
		for (const row of rows) if (row.kind === "service") this.#zone.set(row.namespace, row.name, row.service ?? undefined);
	}

	/** Returns at once: a certificate needs the control plane, pods do not wait for it. */
	start(): void {
		const work = [this.#persist("the API", () => this.#listenApi())];
		if (this.#options.place === "cluster-addresses") work.push(this.#persist("DNS", () => this.#listenDns()));
		this.#starting = Promise.all(work);
	}

	async stop(): Promise<void> {
		this.#halt.abort();
		await this.#starting;
		this.#api.stop();
		for (const server of this.#dns) server.stop();
		this.#certificate.stop();
		if (this.#options.place === "cluster-addresses") await clusterAddresses(this.#network).remove();
	}

	/** What pods are told of the Services: as it is, but for an API that has another address here. */
	objects(source: ObjectSource): ObjectSource {
		if (this.#options.place === "cluster-addresses") return source;
		return {
			configMap: (namespace, name) => source.configMap(namespace, name),
			secret: (namespace, name) => source.secret(namespace, name),
			services: (namespace) => source.services(namespace).map((service) => this.#local(service)),
		};
	}

	#local(service: ServiceEntry): ServiceEntry {
		const port = this.#apiPort;
		if (service.clusterIP !== this.#apiAddress || port === undefined) return service;
		return { ...service, clusterIP: "127.0.0.1", ports: service.ports.map((one) => ({ ...one, port })) };
	}

	async #persist(what: string, listen: () => Promise<void>): Promise<void> {
		const { clock, log } = this.#options;
		const retry = new RetryDelay();
		while (!this.#halt.signal.aborted) {
			try {
				await listen();
				return;
			} catch (error) {
				log.warn(`${what} is not served to pods yet`, { error });
				await sleep(clock, retry.next(), this.#halt.signal);
			}
		}
	}

	/** The Service's own is the first one. */
	get #apiAddress(): string {
		return apiAddresses(this.#network)[0] ?? "";
	}

	async #listenApi(): Promise<void> {
		if (this.#options.place === "loopback") {
			this.#apiPort = await this.#api.listen({ host: "127.0.0.1", port: 0 });
			return;
		}
		await clusterAddresses(this.#network).add();
		await this.#api.listen({ host: this.#apiAddress, port: API_PORT });
	}

	async #listenDns(): Promise<void> {
		await clusterAddresses(this.#network).add();
		for (const [index, address] of dnsAddresses(this.#network).entries()) await this.#dns[index]?.listen(address, DNS_PORT);
	}
}
