import { expect, it } from "vitest";
import { Limiter } from "./limiter.ts";

it("runs so many at once, what was begun before what was not, each in its order", async () => {
	const limiter = new Limiter(1);
	const order: string[] = [];
	const { promise: gate, resolve: open } = Promise.withResolvers<void>();
	const note = (name: string) => async () => void order.push(name);
	const all = [
		limiter.run(() => gate),
		limiter.run(note("sandbox 1")),
		limiter.run(note("sandbox 2")),
		limiter.run(note("container 1"), true),
		limiter.run(note("container 2"), true),
	];
	open();
	await Promise.all(all);
	expect(order).toEqual(["container 1", "container 2", "sandbox 1", "sandbox 2"]);
});
