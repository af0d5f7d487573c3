/** What is known of the way to a node outlasts a change of the node's address. */
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { FakeClock } from "../../../../test/support/fake-clock.ts";
import { silentLogger } from "../../log.ts";
import { PathProber } from "./path-prober.ts";
import { LOST_PROBES } from "./path-state.ts";

const PEER = { mac: "0a:58:0a:f4:01:00", address: "10.244.1.0", host: "127.0.0.1" };

describe("the prober of other nodes", () => {
	const clock = new FakeClock();
	const told: string[] = [];
	let prober: PathProber;
	/** Enough time for a node that does not answer to be given up. */
	const unanswered = async (): Promise<void> => {
		for (let probe = 0; probe <= LOST_PROBES; probe++) await clock.advance(1_000);
	};

	beforeEach(async () => {
		told.length = 0;
		const own = { mac: "0a:58:0a:f4:00:00", address: "127.0.0.1" };
		prober = new PathProber({ clock, log: silentLogger, own, changed: (peer, direct) => told.push(`${peer} ${direct}`) });
		prober.set("node-b", PEER);
		await prober.start();
	});
	afterEach(() => prober.stop());

	it("gives up a node once, whatever address it has meanwhile", async () => {
		await unanswered();
		expect(told).toEqual(["node-b false"]);
		prober.set("node-b", { ...PEER, host: "127.0.0.2" });
		await unanswered();
		expect(told).toEqual(["node-b false"]);
	});

	it("starts anew with a node that was away", async () => {
		await unanswered();
		prober.set("node-b", undefined);
		prober.set("node-b", PEER);
		await unanswered();
		expect(told).toEqual(["node-b false", "node-b false"]);
	});
});
