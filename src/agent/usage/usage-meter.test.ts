import { describe, expect, it } from "vitest";
import { FakeClock } from "../../../test/support/fake-clock.ts";
import type { ContainerStateInfo, ContainerUsage } from "../runtime/runtime.ts";
import { parseMachineUsage } from "./machine-usage.ts";
import { testPod } from "../../../test/support/agent-node.ts";
import { cadvisorMetricsText } from "./cadvisor-metrics-text.ts";
import { resourceMetricsText } from "./resource-metrics-text.ts";
import { statsSummary } from "./stats-summary.ts";
import { MAX_WINDOW_MS, MIN_WINDOW_MS, UsageMeter } from "./usage-meter.ts";

const pod = { namespace: "default", name: "web", uid: "u1" };
const container = (id: string, name: string) => ({ id, name, podUid: "u1", state: "running", startedAtMs: 0 }) as ContainerStateInfo;

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

it("tells counters and rates as kubelet does", async () => {
	const { meter, clock } = meterOf({ a: 0.5 });
	await clock.advance(10_000);
	const rates = meter.usage();
	await settled();
	await clock.advance(MIN_WINDOW_MS);
	const [usage, totals] = [await rates, await meter.totals()];
	const facts = {
		disk: { bytes: { available: 30, capacity: 100 }, inodes: { available: 4, capacity: 10 } },
		memoryBytes: 8000,
		startedAtMs: 0,
		processes: { available: 70, capacity: 100 },
	};
	const time = "1970-01-01T00:00:11Z";
	const fs = { time, availableBytes: 30, capacityBytes: 100, usedBytes: 70, inodesFree: 4, inodes: 10, inodesUsed: 6 };
	expect(statsSummary("n1", usage, totals, facts)).toEqual({
		node: {
			nodeName: "n1",
			startTime: "1970-01-01T00:00:00Z",
			cpu: cpu(2e9, 22e9),
			memory: { time, workingSetBytes: 5000, availableBytes: 3000 },
			fs,
			runtime: { imageFs: fs, containerFs: fs },
			rlimit: { time, maxpid: 100, curproc: 30 },
		},
		pods: [
			{
				podRef: pod,
				startTime: "1970-01-01T00:00:00Z",
				containers: [
					{ name: "name-a", startTime: "1970-01-01T00:00:00Z", cpu: cpu(0.5e9, 5.5e9), memory: { time: "1970-01-01T00:00:11Z", workingSetBytes: 1000 } },
				],
				cpu: cpu(0.5e9, 5.5e9),
				memory: { time: "1970-01-01T00:00:11Z", workingSetBytes: 1000 },
			},
		],
	});
	const text = resourceMetricsText(totals);
	expect(text).toContain('container_cpu_usage_seconds_total{container="name-a",namespace="default",pod="web"} 5.5 11000\n');
	expect(text).toContain('pod_memory_working_set_bytes{namespace="default",pod="web"} 1000 11000\n');
	expect(text).toContain("# TYPE node_cpu_usage_seconds_total counter\nnode_cpu_usage_seconds_total 22 11000\n");

	const cadvisor = cadvisorMetricsText(
		totals,
		[{ ...testPod({ containers: [{ name: "name-a", image: 'app"1', resources: { limits: { cpu: "500m", memory: "1Mi" } } }] }), metadata: pod }],
		{ cores: 2, memoryBytes: 8000 },
	);
	const labels = `{container="name-a",id="/kubepods/pod${pod.uid}/a",image="app\\"1",name="a",namespace="default",pod="web"}`;
	expect(cadvisor).toContain(`# TYPE container_cpu_usage_seconds_total counter\ncontainer_cpu_usage_seconds_total${labels} 5.5 11000\n`);
	expect(cadvisor).toContain(`container_spec_cpu_quota${labels} 50000 11000\n`);
	expect(cadvisor).toContain(`container_spec_memory_limit_bytes${labels} 1048576 11000\n`);
	expect(cadvisor).toContain("machine_cpu_cores 2\n");

	function cpu(usageNanoCores: number, usageCoreNanoSeconds: number): object {
		return { time: "1970-01-01T00:00:11Z", usageNanoCores, usageCoreNanoSeconds };
	}
});

it("reads the machine's usage from /proc", () => {
	const stat = "cpu  100 10 50 9000 70 5 5 30 0 0\ncpu0 1 1 1 1 1 1 1 1 0 0\n";
	const meminfo = "MemTotal:        1000 kB\nMemFree:          200 kB\nInactive(file):   300 kB\n";
	expect(parseMachineUsage(stat, meminfo)).toEqual({ cpuNanos: 200 * 10_000_000, memoryBytes: 500 * 1024 });
	expect(parseMachineUsage("", "")).toBeUndefined();
});
