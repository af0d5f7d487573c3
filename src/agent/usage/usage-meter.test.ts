import { describe, expect, it } from "vitest";
import { FakeClock } from "../../../test/support/fake-clock.ts";
import type { ContainerStateInfo, ContainerUsage } from "../runtime/runtime.ts";
import { parseMachineUsage } from "./machine-usage.ts";
import { MAX_WINDOW_MS, MIN_WINDOW_MS, UsageMeter } from "./usage-meter.ts";

const pod = { namespace: "default", name: "web", uid: "u1" };
const container = (id: string, name: string) => ({ id, name, podUid: "u1", state: "running" }) as ContainerStateInfo;

/** A machine whose containers each use `cores` of CPU from time 0 on. */
function meterOf(cores: Record<string, number>) {
	const clock = new FakeClock(0);
	const asked: number[] = [];
	const runtime = {
		async containerUsage(): Promise<ContainerUsage[]> {
			asked.push(clock.nowMs());
			return Object.entries(cores).map(([id, used]) => ({ id, atMs: clock.nowMs(), cpuNanos: used * clock.nowMs() * 1e6, memoryBytes: 1000 }));
		},
		listContainers: async () => Object.keys(cores).map((id) => container(id, `name-${id}`)),
	};
	const meter = new UsageMeter({ runtime, clock, pods: () => [pod], machine: async () => ({ cpuNanos: 2 * clock.nowMs() * 1e6, memoryBytes: 5000 }) });
	return { clock, asked, meter, cores };
}

const settled = async () => {
	for (let i = 0; i < 20; i++) await Promise.resolve();
};

describe("the usage meter", () => {
	it("measures over a second when nobody has asked of late, and once for all that ask at once", async () => {
		const { meter, clock, asked } = meterOf({ a: 0.25, b: 1.5 });
		const answers = Promise.all([meter.usage(), meter.usage()]);
		await settled();
		await clock.advance(MIN_WINDOW_MS);
		const [usage, same] = await answers;
		expect(same).toBe(usage);
		expect(asked).toHaveLength(2);
		expect(usage).toMatchObject({ windowMs: MIN_WINDOW_MS, node: { cpuNanoCores: 2e9, memoryBytes: 5000 } });
		expect(usage.pods).toEqual([
			{
				pod,
				containers: [
					{ name: "name-a", cpuNanoCores: 0.25e9, memoryBytes: 1000 },
					{ name: "name-b", cpuNanoCores: 1.5e9, memoryBytes: 1000 },
				],
			},
		]);
	});

	it("measures from the last time on, unless that is long past", async () => {
		const { meter, clock } = meterOf({ a: 1 });
		const first = meter.usage();
		await settled();
		await clock.advance(MIN_WINDOW_MS);
		await first;
		await clock.advance(15_000);
		expect(await meter.usage()).toMatchObject({ windowMs: 15_000, pods: [{ containers: [{ cpuNanoCores: 1e9 }] }] });
		await clock.advance(MAX_WINDOW_MS + 1);
		const later = meter.usage();
		await settled();
		await clock.advance(MIN_WINDOW_MS);
		expect(await later).toMatchObject({ windowMs: MIN_WINDOW_MS });
	});

	it("leaves out a pod one of whose containers has only begun", async () => {
		const { meter, clock, cores } = meterOf({ a: 1 });
		const usage = meter.usage();
		await settled();
		cores.b = 1;
		await clock.advance(MIN_WINDOW_MS);
		expect((await usage).pods).toEqual([]);
	});
});

it("reads the machine's usage from /proc", () => {
	const stat = "cpu  100 10 50 9000 70 5 5 30 0 0\ncpu0 1 1 1 1 1 1 1 1 0 0\n";
	const meminfo = "MemTotal:        1000 kB\nMemFree:          200 kB\nInactive(file):   300 kB\n";
	expect(parseMachineUsage(stat, meminfo)).toEqual({ cpuNanos: 200 * 10_000_000, memoryBytes: 500 * 1024 });
	expect(parseMachineUsage("", "")).toBeUndefined();
});
