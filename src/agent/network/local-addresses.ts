/** The cluster's own addresses on this node, where the agent answers: of the API and of DNS. */
import { execFile } from "node:child_process";
import { promisify } from "node:util";

const run = promisify(execFile);
const LOOPBACK = "lo";

export class LocalAddresses {
	readonly #addresses: readonly string[];
	readonly #serviceCidr: string;

	constructor(addresses: readonly string[], serviceCidr: string) {
		this.#addresses = addresses;
		this.#serviceCidr = serviceCidr;
	}

	/** Idempotent. */
	async add(): Promise<void> {
		for (const address of this.#addresses) await run("ip", ["address", "replace", `${address}/32`, "dev", LOOPBACK]);
		// Without a default route a Service's address would be unreachable before it is translated.
		const { stdout } = await run("ip", ["-4", "route", "show", "default"]);
		if (stdout.trim() === "") await run("ip", ["route", "replace", this.#serviceCidr, "dev", LOOPBACK]);
	}

	/** Whether they are there or not. */
	async remove(): Promise<void> {
		await run("ip", ["route", "delete", this.#serviceCidr, "dev", LOOPBACK]).catch(() => undefined);
		for (const address of this.#addresses) await run("ip", ["address", "delete", `${address}/32`, "dev", LOOPBACK]).catch(() => undefined);
	}
}
