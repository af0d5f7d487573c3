/**
 * `npm run bench:faults`: rounds of each fault that a node must live through. After each, no pod runs twice, the API says what is so,
 * and no sandbox, container, mount, interface, address, cgroup or directory is left. Needs root and containerd.
 *
 *   npm run bench:faults -- --rounds 20 --faults agent,containerd,away,cut,reboot --away-seconds 300
 */
import { parseArgs } from "node:util";
import { FAULTS, type Fault, FaultRounds } from "./bench/fault-rounds.ts";
import { percentile } from "./bench/load.ts";

const { values: options } = parseArgs({
	options: {
		rounds: { type: "string", default: "20" },
		faults: { type: "string", default: FAULTS.join(",") },
		"away-seconds": { type: "string", default: "300" },
	},
});

const WHAT: Record<Fault, string> = {
	agent: "agent killed",
	containerd: "containerd killed",
	away: `control plane away for ${options["away-seconds"]} s`,
	cut: "node cut off past its pods' tolerations, and back",
	reboot: "node reset while the control plane is away",
};

const isFault = (name: string): name is Fault => (FAULTS as readonly string[]).includes(name);

const rounds = new FaultRounds(Number(options["away-seconds"]) * 1000);
const rows: string[] = [];
let stopping = false;
// The round is finished first: what it made goes with it.
process.once("SIGTERM", () => {
	stopping = true;
});
try {
	await rounds.start();
	for (const fault of options.faults.split(",").filter(isFault)) {
		const settledMs: number[] = [];
		let failed = 0;
		for (let number = 1; number <= Number(options.rounds); number++) {
			const round = await rounds.round(fault, number);
			settledMs.push(round.settledMs);
			console.log(
				`${new Date().toISOString()} ${fault} ${number}: well after ${(round.settledMs / 1000).toFixed(1)} s${round.problems.map((problem) => `\n  ${problem}`).join("")}`,
			);
			for (const text of round.evidence) console.log(text);
			if (round.problems.length > 0) failed++;
			if (stopping) break;
		}
		const seconds = [50, 100].map((rank) => (percentile(settledMs, rank) / 1000).toFixed(1));
		rows.push(`| ${WHAT[fault]} | ${settledMs.length} | ${failed} | ${seconds.join(" | ")} |`);
		if (failed > 0) process.exitCode = 1;
		if (stopping) break;
	}
	console.log(`\n| fault | rounds | with problems | seconds until all was well, median | most |\n|---|---|---|---|---|\n${rows.join("\n")}`);
} catch (error) {
	console.error(rounds.logs());
	throw error;
} finally {
	await rounds.dispose();
}
