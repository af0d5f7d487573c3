/** The drivers of dynamic resources that have registered with this node: their sockets, and the slices of those that have gone. */
import type { Message } from "../../core/codec/message.ts";
import type { Clock } from "../clock.ts";
import { type ApiClient, bodyOf } from "../control-plane-client.ts";
import type { Logger } from "../log.ts";
import { GrpcClient } from "../runtime/containerd/grpc-client.ts";
import { DRA_SERVICES } from "./dra-messages.ts";
import type { Plugin, PluginHandler } from "./plugin-watcher.ts";
import { rpcErrorText } from "./rpc-error.ts";

/** Kubelet's PluginClientTimeout. */
const CALL_TIMEOUT_MS = 45_000;
/** Kubelet's: how long a driver may be gone, to be replaced by a newer one, before its devices are no longer offered. */
export const WIPE_AFTER_MS = 30_000;
const WIPE_RETRY_MS = 10_000;

export interface DriverClaim {
	namespace: string;
	name: string;
	uid: string;
}

interface Driver {
	client: GrpcClient;
	service: string;
	endpoint: string;
}

export interface DraDriversOptions {
	api: ApiClient;
	nodeName: string;
	clock: Clock;
	log: Logger;
}

export class DraDrivers implements PluginHandler {
	readonly #options: DraDriversOptions;
	readonly #drivers = new Map<string, Driver>();
	readonly #cancelWipe = new Map<string, () => void>();
	#closed = false;

	constructor(options: DraDriversOptions) {
		this.#options = options;
	}

	/** Of drivers that do not come back after this start, nothing is offered any more. */
	start(): void {
		const later = (delayMs: number): void => {
			const cancel = this.#options.clock.after(delayMs, () => {
				this.#wipeAbsent().catch((error: unknown) => {
					this.#options.log.debug("the ResourceSlices of drivers that are gone were not deleted", { error });
					if (!this.#closed) later(WIPE_RETRY_MS);
				});
			});
			this.#cancelWipe.set("", cancel);
		};
		later(WIPE_AFTER_MS);
	}

	close(): void {
		this.#closed = true;
		for (const cancel of this.#cancelWipe.values()) cancel();
		for (const { client } of this.#drivers.values()) client.close();
		this.#drivers.clear();
	}

	validate({ name, versions }: Plugin): void {
		if (name === "") throw new Error("DRA driver name is empty");
		if (versions.length === 0) throw new Error("empty list for supported gRPC services (aka supported versions)");
		if (serviceOf(versions) === undefined) {
			const known = Object.keys(DRA_SERVICES).join(" ");
			throw new Error(`none of the gRPC services of the DRA driver are supported: [${versions.join(" ")}], supported: [${known}]`);
		}
	}

	async register({ name, endpoint, versions }: Plugin): Promise<void> {
		this.#drivers.get(name)?.client.close();
		const socket = endpoint.replace(/^unix:(\/\/)?/, "");
		this.#drivers.set(name, { client: new GrpcClient(socket), service: serviceOf(versions) ?? "", endpoint: socket });
		this.#cancelWipe.get(name)?.();
		this.#cancelWipe.delete(name);
	}

	/** Not so when a newer one of the same name has come. */
	async deregister({ name, endpoint }: Plugin): Promise<void> {
		const driver = this.#drivers.get(name);
		if (driver?.endpoint !== endpoint.replace(/^unix:(\/\/)?/, "")) return;
		driver.client.close();
		this.#drivers.delete(name);
		this.#wipeLater(name, WIPE_AFTER_MS);
	}

	/** The driver's word on each claim, by uid. */
	call(name: string, what: "prepare" | "unprepare", claims: readonly DriverClaim[]): Promise<Record<string, Message>> {
		const driver = this.#drivers.get(name);
		const method = DRA_SERVICES[driver?.service ?? ""]?.[what];
		if (driver === undefined || method === undefined) return Promise.reject(new Error(`DRA driver ${name} is not registered`));
		const verb = what === "prepare" ? "NodePrepareResources" : "NodeUnprepareResources";
		return driver.client.call(method, { claims: claims.map(({ namespace, uid, name: claim }) => ({ namespace, uid, name: claim })) }, CALL_TIMEOUT_MS).then(
			(answer) => {
				const answers = (answer["claims"] ?? {}) as Record<string, Message>;
				for (const claim of claims) {
					const error = answers[claim.uid]?.["error"];
					if (error) throw new Error(`${verb} failed for ResourceClaim ${claim.name}: ${String(error)}`);
				}
				const missing = claims.filter(({ uid }) => answers[uid] === undefined).length;
				if (missing > 0) throw new Error(`${verb} skipped ${missing} ResourceClaims`);
				return answers;
			},
			(error: unknown) => {
				throw new Error(`${verb}: ${rpcErrorText(error)}`, { cause: error });
			},
		);
	}

	#wipeLater(name: string, delayMs: number): void {
		const wipe = () => {
			this.#wipe(`spec.nodeName=${this.#options.nodeName},spec.driver=${name}`).catch((error: unknown) => {
				this.#options.log.debug("a driver's ResourceSlices were not deleted", { driver: name, error });
				if (!this.#closed && !this.#drivers.has(name)) this.#wipeLater(name, WIPE_RETRY_MS);
			});
		};
		this.#cancelWipe.get(name)?.();
		if (!this.#closed) this.#cancelWipe.set(name, this.#options.clock.after(delayMs, wipe));
	}

	async #wipe(fields: string): Promise<void> {
		bodyOf(await this.#options.api.request("DELETE", `/apis/resource.k8s.io/v1/resourceslices?fieldSelector=${encodeURIComponent(fields)}`));
	}

	async #wipeAbsent(): Promise<void> {
		const { api, nodeName } = this.#options;
		const fields = `spec.nodeName=${nodeName}`;
		const answer = await api.request("GET", `/apis/resource.k8s.io/v1/resourceslices?fieldSelector=${encodeURIComponent(fields)}`);
		const { items } = bodyOf<{ items: { spec: { driver: string } }[] }>(answer);
		const absent = new Set(items.map(({ spec }) => spec.driver).filter((driver) => !this.#drivers.has(driver)));
		for (const driver of absent) await this.#wipe(`${fields},spec.driver=${driver}`);
	}
}

const serviceOf = (versions: readonly string[]): string | undefined => Object.keys(DRA_SERVICES).find((name) => versions.includes(name));
