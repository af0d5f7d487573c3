/** A CA of the cluster's own as the Cluster object keeps it: sealed, as its key is a secret. */
import type { Seal } from "../store/seal.ts";
import type { Sql } from "../store/sql.ts";
import type { ClusterCaState } from "./cluster-ca.ts";

/** In the meta table. */
export type CaName = "cluster-ca" | "front-proxy-ca";

export class KeptClusterCa {
	readonly #sql: Sql;
	readonly #seal: Seal;
	readonly #name: CaName;
	#state: ClusterCaState | undefined;

	constructor(sql: Sql, seal: Seal, name: CaName) {
		this.#name = name;
		this.#sql = sql;
		this.#seal = seal;
		const kept = sql.all<{ value: string }>("SELECT value FROM meta WHERE key = ?", name)[0];
		if (kept) this.#state = JSON.parse(seal.open(kept.value, name)) as ClusterCaState;
	}

	/** Undefined until the object has made one. */
	get state(): ClusterCaState | undefined {
		return this.#state;
	}

	set state(state: ClusterCaState) {
		this.#state = state;
		this.sealAnew();
	}

	sealAnew(): void {
		if (this.#state) this.#sql.run("INSERT OR REPLACE INTO meta VALUES (?, ?)", this.#name, this.#seal.seal(JSON.stringify(this.#state), this.#name));
	}
}
