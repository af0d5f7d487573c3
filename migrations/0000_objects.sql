CREATE TABLE `allocations` (
	`item` text PRIMARY KEY NOT NULL,
	`holder` text NOT NULL
);
--> statement-breakpoint
CREATE TABLE `changes` (
	`revision` integer PRIMARY KEY NOT NULL,
	`resource` text NOT NULL,
	`name` text NOT NULL,
	`type` text NOT NULL,
	`previous` text,
	`body` text NOT NULL
);
--> statement-breakpoint
CREATE TABLE `config_leases` (
	`namespace` text PRIMARY KEY NOT NULL,
	`until_ms` integer NOT NULL
);
--> statement-breakpoint
CREATE TABLE `desired` (
	`uid` text PRIMARY KEY NOT NULL,
	`namespace` text NOT NULL,
	`name` text NOT NULL,
	`sequence` integer NOT NULL,
	`body` text NOT NULL
);
--> statement-breakpoint
CREATE TABLE `meta` (
	`key` text PRIMARY KEY NOT NULL,
	`value` text NOT NULL
);
--> statement-breakpoint
CREATE TABLE `networks` (
	`namespace` text PRIMARY KEY NOT NULL,
	`sequence` integer NOT NULL,
	`body` text NOT NULL
);
--> statement-breakpoint
CREATE TABLE `objects` (
	`resource` text NOT NULL,
	`name` text NOT NULL,
	`uid` text NOT NULL,
	`revision` integer NOT NULL,
	`labels` text NOT NULL,
	`fields` text NOT NULL,
	`body` text NOT NULL,
	PRIMARY KEY(`resource`, `name`)
);
--> statement-breakpoint
CREATE TABLE `outbox` (
	`id` integer PRIMARY KEY NOT NULL,
	`target` text NOT NULL,
	`body` text NOT NULL
);
--> statement-breakpoint
CREATE TABLE `owners` (
	`owner_uid` text NOT NULL,
	`resource` text NOT NULL,
	`name` text NOT NULL,
	`controller` integer NOT NULL,
	PRIMARY KEY(`owner_uid`, `resource`, `name`)
);
--> statement-breakpoint
CREATE TABLE `placements` (
	`uid` text PRIMARY KEY NOT NULL,
	`namespace` text NOT NULL,
	`node` text NOT NULL,
	`body` text NOT NULL
);
--> statement-breakpoint
CREATE TABLE `queue` (
	`controller` text NOT NULL,
	`key` text NOT NULL,
	`due_ms` integer NOT NULL,
	`failures` integer NOT NULL,
	PRIMARY KEY(`controller`, `key`)
);
--> statement-breakpoint
CREATE INDEX `queue_due` ON `queue` (`due_ms`);--> statement-breakpoint
CREATE TABLE `referenced` (
	`resource` text NOT NULL,
	`namespace` text NOT NULL,
	`name` text NOT NULL,
	`sequence` integer NOT NULL,
	`body` text NOT NULL,
	PRIMARY KEY(`resource`, `namespace`, `name`)
);
