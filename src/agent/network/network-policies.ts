/** Keeps NetworkPolicies in force on this node: a table of their own, replaced in one transaction. */
import { inRanges, rangesOf } from "../node-addresses.ts";
import type { NetworkRow } from "../../core/protocol/agent-protocol.ts";
import { applyNft, deleteTable, requireNetwork } from "./nft.ts";
import { DEFAULT_FAMILY_NETWORK, type FamilyNetwork, type NftFamily, nftFamilyOf } from "./nft-family.ts";
import { PolicyRules } from "./policy-rules.ts";

export class NetworkPolicies {
	readonly tableName: string;
	readonly #family: NftFamily;
	readonly #rules: PolicyRules;
	/** The table's text; undefined while an earlier process's table is in force. */
	#applied: string | undefined;

	/**
	 * Of one IP family. `instance` tells this node's table from others' on the machine; its pods have addresses of `podCidr`, "" to clean up alone.
	 */
	constructor(options: { instance: string; podCidr: string; network?: FamilyNetwork; log(message: string): void }) {
		this.tableName = `petrel-${options.instance}-policies`;
		const network = options.network ?? DEFAULT_FAMILY_NETWORK;
		this.#family = network.family;
		const own = rangesOf(options.podCidr === "" ? [] : [requireNetwork(options.podCidr, network.family)]);
		this.#rules = new PolicyRules((ip) => nftFamilyOf(ip) === network.family && inRanges(own, ip), options.log, network);
	}

	/** What an earlier process put in force stays until the policies are known anew: a pod is never without them. */
	async start(): Promise<void> {}

	async apply(rows: readonly NetworkRow[]): Promise<void> {
		if (!this.#rules.take(rows) && this.#applied !== undefined) return;
		const text = this.#rules.table(this.tableName) ?? "";
		if (text === this.#applied) return;
		const table = `table ${this.#family} ${this.tableName}`;
		await applyNft(`${table} {}\ndelete ${table}\n${text}`);
		this.#applied = text;
	}

	async stop({ removeAll }: { removeAll: boolean }): Promise<void> {
		if (removeAll) await deleteTable(this.tableName, this.#family);
		this.#applied = undefined;
	}
}
