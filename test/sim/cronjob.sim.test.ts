/** CronJobs under faults: no time is served twice, no two Jobs run where one is allowed, and what is done with goes. */
import { runCronJobStorm } from "./cronjob-storm.ts";
import { stormTest } from "./storm.ts";

stormTest("cronjob", "each time is served once, by no more Jobs at once than allowed", runCronJobStorm);
