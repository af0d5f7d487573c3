import { expect, it } from "vitest";
import { LoadShedder } from "./load-shedding.ts";

it("refuses with 429 beyond its limit and serves again afterwards", async () => {
	const shedder = new LoadShedder(1);
	let finish = () => {};
	const first = shedder.run(
		() =>
			new Promise<string>((resolve) => {
				finish = () => resolve("done");
			}),
	);
	await expect(shedder.run(async () => "never")).rejects.toMatchObject({ status: { code: 429, reason: "TooManyRequests", details: { retryAfterSeconds: 1 } } });
	finish();
	expect(await first).toBe("done");
	expect(await shedder.run(async () => "next")).toBe("next");
	expect(shedder.inFlight).toBe(0);
});
