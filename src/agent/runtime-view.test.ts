/** How often the runtime is asked what runs: as often as kubelet does while something happens, and seldom once it would tell of anything that does. */
import { expect, it } from "vitest";
import { FakeClock } from "../../test/support/fake-clock.ts";
import { FakeRuntime } from "../../test/support/fake-runtime.ts";
import { createLogger } from "./log.ts";
import { QUIET_AFTER_MS, QUIET_RELIST_PERIOD_MS, RELIST_PERIOD_MS, RuntimeView } from "./runtime-view.ts";
import { RuntimeError } from "./runtime/runtime.ts";

const quiet = createLogger("error", () => undefined);

function watched() {
	const clock = new FakeClock();
	const runtime = new FakeRuntime(clock);
	let listings = 0;
	const list = runtime.listContainers.bind(runtime);
	runtime.listContainers = () => {
		listings++;
		return list();
	};
	const view = new RuntimeView(runtime, clock, quiet);
	const within = async (ms: number): Promise<number> => {
		const before = listings;
		await clock.advance(ms);
		return listings - before;
	};
	return { clock, runtime, view, within };
}

it("asks every second for as long as the runtime does not tell what happens", async () => {
	const { view, within } = watched();
	view.start(() => undefined);
	await within(0);
	expect(await within(60_000)).toBe(60_000 / RELIST_PERIOD_MS);
	view.stop();
});

it("asks seldom once nothing has happened for a while, and every second again after an event", async () => {
	const { runtime, view, within } = watched();
	runtime.tellsEvents = true;
	view.start(() => undefined);
	await within(QUIET_AFTER_MS + QUIET_RELIST_PERIOD_MS);
	expect(await within(5 * QUIET_RELIST_PERIOD_MS)).toBe(5);
	runtime.tell("uid");
	expect(await within(5_000)).toBe(5_000 / RELIST_PERIOD_MS);
	view.stop();
});

it("asks every second while the runtime does not answer, and for a while after it does again", async () => {
	const { runtime, view, within } = watched();
	runtime.tellsEvents = true;
	view.start(() => undefined);
	await within(QUIET_AFTER_MS + QUIET_RELIST_PERIOD_MS);
	runtime.failures.set("list", new RuntimeError("Unavailable", "gone"));
	await within(QUIET_RELIST_PERIOD_MS);
	expect(await within(5_000)).toBe(5_000 / RELIST_PERIOD_MS);
	runtime.failures.clear();
	expect(await within(5_000)).toBe(5_000 / RELIST_PERIOD_MS);
	view.stop();
});
