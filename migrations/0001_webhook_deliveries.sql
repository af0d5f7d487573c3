CREATE TABLE `deliveries` (
	`subscription` text NOT NULL,
	`revision` integer NOT NULL,
	`object` text NOT NULL,
	`queued_ms` integer NOT NULL,
	`due_ms` integer NOT NULL,
	`attempts` integer NOT NULL,
	`dead` text,
	PRIMARY KEY(`subscription`, `revision`)
);
--> statement-breakpoint
CREATE TABLE `kept_changes` (
	`revision` integer PRIMARY KEY NOT NULL,
	`resource` text NOT NULL,
	`name` text NOT NULL,
	`type` text NOT NULL,
	`previous` text,
	`body` text NOT NULL,
	`old` text
);
--> statement-breakpoint
CREATE TABLE `subscription_reports` (
	`uid` text NOT NULL,
	`namespace` text NOT NULL,
	`body` text NOT NULL,
	PRIMARY KEY(`uid`, `namespace`)
);
--> statement-breakpoint
CREATE TABLE `subscriptions` (
	`uid` text PRIMARY KEY NOT NULL,
	`body` text NOT NULL
);
--> statement-breakpoint
ALTER TABLE `changes` ADD `old` text;