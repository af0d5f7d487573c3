import { describe, expect, it } from "vitest";
import { PathState } from "./path-state.ts";

/** `+` is a probe that is answered, `-` one that is not; what is believed after each. */
function beliefsAfter(probes: string): string {
	const state = new PathState();
	const beliefs = [...probes].map((outcome, nonce) => {
		state.ask(nonce);
		if (outcome === "+") state.answered(nonce);
		return state.direct ? "direct" : "lost";
	});
	return beliefs.map((belief) => belief[0]).join("");
}

describe("whether a node is reached directly", () => {
	it("is believed until three probes running are unanswered when the next goes out", () => {
		expect(beliefsAfter("----")).toBe("dddl");
		expect(beliefsAfter("--+--+-")).toBe("ddddddd");
	});

	it("is believed again after three answers running", () => {
		expect(beliefsAfter("----++-+++")).toBe("dddlllllld");
	});

	it("takes no answer to an earlier probe, and none twice", () => {
		const state = new PathState();
		for (const nonce of [1, 2, 3, 4]) state.ask(nonce);
		for (const nonce of [1, 2, 3, 4, 4, 4]) state.answered(nonce);
		expect(state.direct).toBe(false);
	});
});
