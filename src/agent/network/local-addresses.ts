/** The cluster's own addresses on this node, where the agent answers: of the API and of DNS. */
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { nftFamilyOf } from "./nft-family.ts";

const run = promisify(execFile);
const LOOPBACK = "lo";

const familyOption = (range: string): string => (nftFamilyOf(range) === "ip6" ? "-6" : "-4");
const hostRange = (address: string): string => `${address}/${nftFamilyOf(address) === "ip6" ? 128 : 32}`;

export class LocalAddresses {
	readonly #addresses: readonly string[];
	readonly #serviceCidrs: readonly string[];

	constructor(addresses: readonly string[], serviceCidrs: readonly string[]) {
		this.#addresses = addresses;
		this.#serviceCidrs = serviceCidrs;
	}

	/** Idempotent. */
	async add(): Promise<void> {
		for (const address of this.#addresses) await run("ip", ["address", "replace", hostRange(address), "dev", LOOPBACK]);
		// Without a default route a Service's address would be unreachable before it is translated.
		for (const range of this.#serviceCidrs) {
			const { stdout } = await run("ip", [familyOption(range), "route", "show", "default"]);
			if (stdout.trim() === "") await run("ip", [familyOption(range), "route", "replace", range, "dev", LOOPBACK]);
		}
	}

	/** Whether they are there or not. */
	async remove(): Promise<void> {
		for (const range of this.#serviceCidrs) await run("ip", [familyOption(range), "route", "delete", range, "dev", LOOPBACK]).catch(() => undefined);
		for (const address of this.#addresses) await run("ip", ["address", "delete", hostRange(address), "dev", LOOPBACK]).catch(() => undefined);
	}
}
