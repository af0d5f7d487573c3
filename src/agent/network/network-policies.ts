/** Keeps NetworkPolicies in force on this node: a table of their own, replaced in one transaction. */
import { BlockList } from "node:net";
import type { NetworkRow } from "../../core/protocol/agent-protocol.ts";
import { applyNft, deleteTable, requireNetwork } from "./nft.ts";
import { PolicyRules } from "./policy-rules.ts";

export class NetworkPolicies {
	readonly tableName: string;
	readonly #rules: PolicyRules;
	/** The table's text; undefined while an earlier process's table is in force. */
	#applied: string | undefined;

	/** `instance` tells this node's table from others' on the machine; its pods have addresses of `podCidr`, "" to clean up alone. */
	constructor(options: { instance: string; podCidr: string; log(message: string): void }) {
		this.tableName = `petrel-${options.instance}-policies`;
		const own = new BlockList();
		const [base, bits] = options.podCidr === "" ? [] : requireNetwork(options.podCidr).split("/");
		if (base && bits) own.addSubnet(base, Number(bits));
		this.#rules = new PolicyRules((ip) => !ip.includes(":") && own.check(ip), options.log);
	}

	/** What an earlier process put in force stays until the policies are known anew: a pod is never without them. */
	async start(): Promise<void> {}

	async apply(rows: readonly NetworkRow[]): Promise<void> {
		if (!this.#rules.take(rows) && this.#applied !== undefined) return;
		const text = this.#rules.table(this.tableName) ?? "";
		if (text === this.#applied) return;
		await applyNft(`table ip ${this.tableName} {}\ndelete table ip ${this.tableName}\n${text}`);
		this.#applied = text;
	}

	async stop({ removeAll }: { removeAll: boolean }): Promise<void> {
		if (removeAll) await deleteTable(this.tableName);
		this.#applied = undefined;
	}
}
