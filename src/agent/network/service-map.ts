/** The Services of the network table, by namespace and name. */
import { type NetworkRow, networkRowKey, type ServiceEntry } from "../../core/protocol/agent-protocol.ts";

export class ServiceMap {
	readonly #services = new Map<string, ServiceEntry>();

	apply(rows: readonly NetworkRow[]): void {
		for (const row of rows) {
			if (row.kind !== "service") continue;
			if (row.service) this.#services.set(networkRowKey(row), row.service);
			else this.#services.delete(networkRowKey(row));
		}
	}

	get all(): ServiceEntry[] {
		return [...this.#services.values()];
	}
}
