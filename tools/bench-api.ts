/**
 * `npm run bench:api`: starts a control plane alone in plain workerd, loads its API over TLS and prints what a request costs
 * beside what the platform alone costs in the same run: a Worker that does nothing, a hop into a Durable Object, and the SQL
 * of one write. Times depend on the machine and on the load generator, which shares it; CPU per request and the ratios do less.
 *
 *   npm run bench:api                          everything
 *   npm run bench:api -- objects growth        only these parts: objects, lists, watches, growth, clusters
 */
import { parseArgs } from "node:util";
import { measureLists, measureObjects, measureWatches, type Row } from "./bench/api-load.ts";
import { startControlPlane } from "./bench/control-plane.ts";
import { measureGrowth } from "./bench/growth.ts";
import { type Figures, residentMegabytes } from "./bench/load.ts";
import { measureNewClusters } from "./bench/new-clusters.ts";
import { measureReferences, type References } from "./bench/references.ts";

const PARTS = ["objects", "lists", "watches", "growth", "clusters"] as const;
const { positionals } = parseArgs({ allowPositionals: true });
const wanted = (part: (typeof PARTS)[number]): boolean => positionals.length === 0 || positionals.includes(part);

const number = (value: number | undefined, digits = 1): string => (value !== undefined && Number.isFinite(value) ? value.toFixed(digits) : "");
const line = (...cells: string[]): void => console.log(`| ${cells.join(" | ")} |`);

function heading(...cells: string[]): void {
	console.log();
	line(...cells);
	line(...cells.map(() => "---"));
}

const ratio = (figures: Figures, to: Figures): string => number(figures.cpuMsPerRequest / to.cpuMsPerRequest);

function rowPrinter({ worker, hop, sql }: References): (row: Row) => void {
	heading("work", "p50 ms", "p99 ms", "per second", "peer", "CPU ms", "goal", "peer", "to a Worker", "to a hop", "to SQL", "errors / resets / 429");
	const print = ({ work, figures, goalCpuMs, peer }: Row): void => {
		const { p50Ms, p99Ms, perSecond, cpuMsPerRequest, errors, resets, shed } = figures;
		const rates = [number(perSecond, 0), number(peer?.perSecond, 0)];
		const costs = [number(cpuMsPerRequest, 2), number(goalCpuMs, 2), number(peer?.cpuMs, 2)];
		line(
			work,
			number(p50Ms),
			number(p99Ms),
			...rates,
			...costs,
			ratio(figures, worker),
			ratio(figures, hop),
			ratio(figures, sql),
			`${errors} / ${resets} / ${shed}`,
		);
	};
	print({ work: "a Worker that does nothing, 16 clients", figures: worker });
	print({ work: "a hop into a Durable Object with 1 KiB, 16 clients", figures: hop });
	print({ work: "a hop and the SQL of one write, 16 clients", figures: sql });
	return print;
}

const { target, ownerToken, dataPath, startMs, startCpuMs, stop } = await startControlPlane();
/** The parts that need the platform's own costs beside them. */
const LOADED = ["objects", "lists", "watches", "growth"] as const;

async function measureLoad(): Promise<void> {
	const print = rowPrinter(await measureReferences(dataPath, target.ca));
	if (wanted("objects") || wanted("watches")) await measureObjects(target, print);
	if (wanted("watches")) await measureWatches(target, print);
	if (wanted("lists")) await measureLists(target, print);
	if (wanted("growth")) {
		let headed = false;
		for await (const { size, cpuMs } of measureGrowth(target)) {
			if (!headed) heading("CPU ms at", ...Object.keys(cpuMs));
			headed = true;
			line(size, ...Object.values(cpuMs).map((ms) => number(ms, 2)));
		}
	}
}

try {
	console.log(`first answer after ${number(startMs, 0)} ms, ${number(startCpuMs, 0)} ms of CPU, ${number(residentMegabytes(target.pid), 0)} MB`);
	if (wanted("clusters")) {
		heading("what is new", "p50 ms", "p99 ms", "CPU ms", "goal ms");
		for (const { what, p50Ms, p99Ms, cpuMs, goalMs } of await measureNewClusters(target, ownerToken))
			line(what, number(p50Ms), number(p99Ms), number(cpuMs), String(goalMs));
	}
	if (LOADED.some(wanted)) await measureLoad();
	console.log(`\nafter the load: ${number(residentMegabytes(target.pid), 0)} MB`);
} finally {
	await stop();
}
