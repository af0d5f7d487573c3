/**
 * The tables of the Durable Objects' SQLite. drizzle-kit makes migrations/ from this file; hot paths read and write by
 * plain SQL. WITHOUT ROWID (added in the migration) makes a text-keyed row cost one row written instead of two.
 */
import { index, integer, primaryKey, sqliteTable, text } from "drizzle-orm/sqlite-core";

/** The objects' current state, but for their bodies: those are in the change log, in the entry of their revision. So each body is written once, and these rows stay small. */
export const objects = sqliteTable(
	"objects",
	{
		resource: text().notNull(),
		name: text().notNull(),
		uid: text().notNull(),
		revision: integer().notNull(),
		labels: text().notNull(),
		fields: text().notNull(),
	},
	(table) => [primaryKey({ columns: [table.resource, table.name] })],
);

/** One row for each owner reference. */
export const owners = sqliteTable(
	"owners",
	{ ownerUid: text("owner_uid").notNull(), resource: text().notNull(), name: text().notNull(), controller: integer().notNull() },
	(table) => [primaryKey({ columns: [table.ownerUid, table.resource, table.name] })],
);

/**
 * The change log, and the bodies of the objects: a compaction leaves the entry that holds an object's current state. `previous` is {labels, fields} of the state before, null for a creation; `old` is that whole state, where a
 * webhook subscription wants it.
 */
export const changes = sqliteTable("changes", {
	revision: integer().primaryKey(),
	resource: text().notNull(),
	name: text().notNull(),
	type: text().notNull(),
	previous: text(),
	body: text().notNull(),
	old: text(),
});

/** Entries of the change log that a delivery still needs after their compaction. */
export const keptChanges = sqliteTable("kept_changes", {
	revision: integer().primaryKey(),
	resource: text().notNull(),
	name: text().notNull(),
	type: text().notNull(),
	previous: text(),
	body: text().notNull(),
	old: text(),
});

/** Changes that are to be delivered to a webhook subscription, and dead letters: those of which `dead` says why. */
export const deliveries = sqliteTable(
	"deliveries",
	{
		subscription: text().notNull(),
		revision: integer().notNull(),
		object: text().notNull(),
		queuedMs: integer("queued_ms").notNull(),
		dueMs: integer("due_ms").notNull(),
		attempts: integer().notNull(),
		dead: text(),
	},
	(table) => [primaryKey({ columns: [table.subscription, table.revision] })],
);

/** How far each webhook subscription has been served here, by its uid. */
export const subscriptions = sqliteTable("subscriptions", { uid: text().primaryKey(), body: text().notNull() });

/** In the Cluster object: what Namespace objects tell of their deliveries to the cluster's subscriptions. */
export const subscriptionReports = sqliteTable(
	"subscription_reports",
	{ uid: text().notNull(), namespace: text().notNull(), body: text().notNull() },
	(table) => [primaryKey({ columns: [table.uid, table.namespace] })],
);

export const meta = sqliteTable("meta", { key: text().primaryKey(), value: text().notNull() });

/** Reconcile keys that could not be worked off in the turn that queued them. */
export const queue = sqliteTable(
	"queue",
	{ controller: text().notNull(), key: text().notNull(), dueMs: integer("due_ms").notNull(), failures: integer().notNull() },
	(table) => [primaryKey({ columns: [table.controller, table.key] }), index("queue_due").on(table.dueMs)],
);

/** Messages to other objects, in order for each target. */
export const outbox = sqliteTable("outbox", { id: integer().primaryKey(), target: text().notNull(), body: text().notNull() });

/** Cluster: the scheduler's ledger. */
export const placements = sqliteTable("placements", { uid: text().primaryKey(), namespace: text().notNull(), node: text().notNull(), body: text().notNull() });
/** Cluster: Service addresses ("ip/10.96.0.10") and node ports ("port/TCP/30080") with their holder ("namespace/name"). */
export const allocations = sqliteTable("allocations", { item: text().primaryKey(), holder: text().notNull() });
/** Cluster: until when each Namespace object may use its replica of the configuration unasked. */
export const configLeases = sqliteTable("config_leases", { namespace: text().primaryKey(), untilMs: integer("until_ms").notNull() });
/** Cluster and Node: the Services and endpoints of each namespace. Edge: its routing table, sealed; a row with an empty body is gone. */
export const networks = sqliteTable("networks", { namespace: text().primaryKey(), sequence: integer().notNull(), body: text().notNull() });

/** Node: what should run; a row with an empty body is a pod that must not. */
export const desired = sqliteTable("desired", {
	uid: text().primaryKey(),
	namespace: text().notNull(),
	name: text().notNull(),
	sequence: integer().notNull(),
	body: text().notNull(),
});
/** Node: ConfigMaps and Secrets that its pods name. */
export const referenced = sqliteTable(
	"referenced",
	{ resource: text().notNull(), namespace: text().notNull(), name: text().notNull(), sequence: integer().notNull(), body: text().notNull() },
	(table) => [primaryKey({ columns: [table.resource, table.namespace, table.name] })],
);
