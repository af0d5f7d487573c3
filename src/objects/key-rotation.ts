/** What follows a rotation of the deployment's encryption keys. */
import type { KeptClusterCa } from "./kept-cluster-ca.ts";
import type { CorePorts } from "./ports.ts";
import type { ResourceCore } from "./resource-core.ts";

/** The encryption key that the cluster's objects were last told of, in the meta table. */
const ENCRYPTION_KEY = "encryption-key";

/** The cluster's objects are woken once, sleeping or not, to seal anew what they keep. */
export function announceKeys(core: ResourceCore, { seal, sql }: CorePorts, authorities: readonly KeptClusterCa[]): void {
	const told = sql.all<{ value: string }>("SELECT value FROM meta WHERE key = ?", ENCRYPTION_KEY)[0]?.value;
	if (told === seal.keyId) return;
	for (const authority of authorities) authority.sealAnew();
	const { store } = core.server;
	if (told !== undefined) core.outbox.post({ to: { object: "edge" }, body: { type: "keysRotated" } });
	for (const { name } of store.names("namespaces")) core.outbox.post({ to: { object: "namespace", name }, body: { type: "keysRotated" } });
	for (const { name } of store.names("nodes")) core.outbox.post({ to: { object: "node", name }, body: { type: "keysRotated" } });
	sql.run("INSERT OR REPLACE INTO meta VALUES (?, ?)", ENCRYPTION_KEY, seal.keyId);
}
