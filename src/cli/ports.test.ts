import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import { expect, it } from "vitest";
import { choosePort, parsePort } from "./ports.ts";

it("refuses an asked port that is in use, and passes one over that it may choose", async () => {
	const server = createServer().listen(0, "127.0.0.1");
	await once(server, "listening");
	const { port } = server.address() as AddressInfo;
	await expect(choosePort(port, undefined)).rejects.toThrow(`Port ${port} is in use.`);
	expect(await choosePort(undefined, port)).not.toBe(port);
	server.close();
	await once(server, "close");
	expect(await choosePort(port, undefined)).toBe(port);
	expect(await choosePort(undefined, port)).toBe(port);
});

it("refuses what is no port", () => {
	for (const text of ["0", "65536", "http", "1.5", ""]) expect(() => parsePort(text)).toThrow(/is no port number/);
});
