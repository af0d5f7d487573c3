INSERT OR IGNORE INTO `changes` (`revision`, `resource`, `name`, `type`, `body`) SELECT `revision`, `resource`, `name`, 'ADDED', `body` FROM `objects`;
--> statement-breakpoint
ALTER TABLE `objects` DROP COLUMN `body`;